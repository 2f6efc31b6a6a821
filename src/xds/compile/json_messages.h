// Messages of the types that a set of descriptors has, as JSON and as they are on the wire, by the protobuf library. Filled on
// the main thread; then immutable, and any thread's: a pool without a database behind it has no lock.
#pragma once
#include <google/protobuf/descriptor.h>
#include <google/protobuf/util/json_util.h>
#include <google/protobuf/util/type_resolver.h>
#include <memory>
#include <string>
#include <string_view>
#include <vector>
#include "filters/json_transcoder.h"

namespace outrigger::xds {

class DescriptorMessages final : public filters::JsonMessages {
 public:
  explicit DescriptorMessages(const google::protobuf::util::JsonPrintOptions& print);
  ~DescriptorMessages() override;
  /// Null: it is wrong, or lacks what it imports.
  const google::protobuf::FileDescriptor* add(const google::protobuf::FileDescriptorProto& file);
  const google::protobuf::DescriptorPool& pool() const noexcept { return pool_; }
  Type type_of(const google::protobuf::Descriptor& message);

  bool resolve(Type type, std::span<const std::string_view> path, std::vector<filters::JsonField>& out,
               std::string& why) const override;
  filters::MaybeTranscodeError to_binary(Type type, std::string_view json, bool any_case, std::string& out) const override;
  filters::MaybeTranscodeError to_json(Type type, std::string_view binary, std::string& out) const override;
  filters::MaybeTranscodeError check_syntax(std::string_view json) const override;

 private:
  struct Known {
    const google::protobuf::Descriptor* message;
    std::string url;
  };
  google::protobuf::DescriptorPool pool_;
  std::unique_ptr<google::protobuf::util::TypeResolver> resolver_;
  google::protobuf::util::JsonPrintOptions print_;
  std::vector<Known> types_;
};

/// The field that leads on from a message; null: there is none of that name, whether as in the .proto file or as in JSON.
const google::protobuf::FieldDescriptor* find_json_field(const google::protobuf::Descriptor& message, std::string_view name);
/// The fields of such a path. False: there are none, `why` says where it ends.
bool find_field_path(const google::protobuf::Descriptor& message, std::span<const std::string_view> path,
                     std::vector<const google::protobuf::FieldDescriptor*>& out, std::string& why);

}  // namespace outrigger::xds
