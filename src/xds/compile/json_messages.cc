#include "xds/compile/json_messages.h"

#include <google/protobuf/descriptor.pb.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>
#include <google/protobuf/struct.pb.h>
#include <google/protobuf/util/type_resolver_util.h>

namespace outrigger::xds {

namespace pb = google::protobuf;
using filters::MaybeTranscodeError;
using filters::TranscodeError;

namespace {

constexpr char kUrlPrefix[] = "type.googleapis.com";
constexpr std::size_t kPathMax = 64;

std::string url_of(const pb::Descriptor& message) { return std::string(kUrlPrefix) + '/' + message.full_name(); }

std::string_view code_name(int code) noexcept {
  static constexpr std::string_view kNames[] = {
      "OK",        "CANCELLED",      "UNKNOWN",           "INVALID_ARGUMENT",   "DEADLINE_EXCEEDED",
      "NOT_FOUND", "ALREADY_EXISTS", "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION",
      "ABORTED",   "OUT_OF_RANGE",   "UNIMPLEMENTED",     "INTERNAL",           "UNAVAILABLE",
      "DATA_LOSS", "UNAUTHENTICATED"};
  return code >= 0 && static_cast<std::size_t>(code) < std::size(kNames) ? kNames[code] : "UNKNOWN";
}

/// Where a value is, the library has in parentheses, and behind them the name, which is left out here as in Envoy:
/// "(a.b): invalid value" and "(a) b: Cannot find field.".
std::string plain_text(std::string text) {
  if (!text.starts_with('(')) return text;
  const auto close = text.find(')'), colon = text.find(": ", close);
  if (close == std::string::npos || colon == std::string::npos) return text;
  return text.substr(1, close - 1) + text.substr(colon);
}

MaybeTranscodeError to_error(const pb::util::Status& s) {
  if (s.ok()) return {};
  return TranscodeError{code_name(static_cast<int>(s.code())), plain_text(s.message().ToString())};
}

pb::util::Status read_json(pb::util::TypeResolver& types, const std::string& url, std::string_view json,
                           const pb::util::JsonParseOptions& options, std::string& out) {
  out.clear();
  pb::io::ArrayInputStream in(json.data(), static_cast<int>(json.size()));
  pb::io::StringOutputStream to(&out);
  return pb::util::JsonToBinaryStream(&types, url, &in, &to, options);
}

/// Told by no log: who reads the config is.
class Quiet final : public pb::DescriptorPool::ErrorCollector {
  void AddError(const std::string&, const std::string&, const pb::Message*, ErrorLocation, const std::string&) override {}
};

}  // namespace

const pb::FieldDescriptor* find_json_field(const pb::Descriptor& message, std::string_view name) {
  for (int i = 0; i < message.field_count(); ++i)
    if (message.field(i)->json_name() == name) return message.field(i);
  return message.FindFieldByName(std::string(name));
}

bool find_field_path(const pb::Descriptor& message, std::span<const std::string_view> path,
                     std::vector<const pb::FieldDescriptor*>& out, std::string& why) {
  const auto* in = &message;
  if (path.size() > kPathMax) {
    why = "A field path is too long.";
    return false;
  }
  for (std::size_t i = 0; i < path.size(); ++i) {
    const auto* field = find_json_field(*in, path[i]);
    if (field == nullptr && path[i].find('%') != std::string_view::npos)
      field = find_json_field(*in, filters::url_unescape(path[i], filters::UrlUnescape::all, false));
    if (field == nullptr) {
      why = "Could not find field \"" + std::string(path[i]) + "\" in the type \"" + in->full_name() + "\".";
      return false;
    }
    out.push_back(field);
    if (i + 1 == path.size()) break;
    if (field->type() != pb::FieldDescriptor::TYPE_MESSAGE) {
      why = "Encountered a non-leaf field \"" + field->name() + "\" that is not a message while parsing a field path";
      return false;
    }
    in = field->message_type();
  }
  return true;
}

DescriptorMessages::DescriptorMessages(const pb::util::JsonPrintOptions& print)
    : resolver_(pb::util::NewTypeResolverForDescriptorPool(kUrlPrefix, &pool_)), print_(print) {}

DescriptorMessages::~DescriptorMessages() = default;

const pb::FileDescriptor* DescriptorMessages::add(const pb::FileDescriptorProto& file) {
  Quiet quiet;
  return pool_.BuildFileCollectingErrors(file, &quiet);
}

filters::JsonMessages::Type DescriptorMessages::type_of(const pb::Descriptor& message) {
  for (Type t = 0; t < types_.size(); ++t)
    if (types_[t].message == &message) return t;
  types_.push_back({&message, url_of(message)});
  return static_cast<Type>(types_.size() - 1);
}

bool DescriptorMessages::resolve(Type type, std::span<const std::string_view> path, std::vector<filters::JsonField>& out,
                                 std::string& why) const {
  std::vector<const pb::FieldDescriptor*> fields;
  if (!find_field_path(*types_[type].message, path, fields, why)) return false;
  for (const auto* f : fields) out.push_back({f->name(), f->is_repeated()});
  return true;
}

/// Unknown fields are passed over, but not unknown names in enums, which the library does together: it is asked for neither
/// first.
MaybeTranscodeError DescriptorMessages::to_binary(Type type, std::string_view json, bool any_case, std::string& out) const {
  pb::util::JsonParseOptions options;
  options.case_insensitive_enum_parsing = any_case;
  auto status = read_json(*resolver_, types_[type].url, json, options, out);
  if (!status.ok() && status.message().ToString().ends_with("Cannot find field.")) {
    options.ignore_unknown_fields = true;
    status = read_json(*resolver_, types_[type].url, json, options, out);
  }
  return to_error(status);
}

MaybeTranscodeError DescriptorMessages::to_json(Type type, std::string_view binary, std::string& out) const {
  pb::io::ArrayInputStream in(binary.data(), static_cast<int>(binary.size()));
  pb::io::StringOutputStream to(&out);
  return to_error(pb::util::BinaryToJsonStream(resolver_.get(), types_[type].url, &in, &to, print_));
}

MaybeTranscodeError DescriptorMessages::check_syntax(std::string_view json) const {
  static const std::unique_ptr<pb::util::TypeResolver> types(
      pb::util::NewTypeResolverForDescriptorPool(kUrlPrefix, pb::DescriptorPool::generated_pool()));
  static const std::string url = url_of(*pb::Value::descriptor());
  std::string unused;
  return to_error(read_json(*types, url, json, {}, unused));
}

}  // namespace outrigger::xds
