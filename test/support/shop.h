// A service whose messages are known by descriptors alone, for tests of the filter grpc_json_transcoder.
#pragma once
#include <google/protobuf/descriptor.pb.h>
#include <string>

namespace outrigger::test {

/// test.Shop: Look(Item) returns Item at GET and POST /look, Watch(Item) returns a stream of Item at GET /watch/{id}, Send(stream
/// of Item) returns Item at POST /send. Of Item: id (1), title (2), part (3, an Item), tags (4, repeated), price (5), raw (6).
inline google::protobuf::FileDescriptorSet shop() {
  using Field = google::protobuf::FieldDescriptorProto;
  google::protobuf::FileDescriptorSet set;
  auto& file = *set.add_file();
  file.set_name("shop.proto");
  file.set_package("test");
  file.set_syntax("proto3");
  auto& item = *file.add_message_type();
  item.set_name("Item");
  const auto field = [&item](const char* name, int number, Field::Type type, Field::Label label = Field::LABEL_OPTIONAL) {
    auto& f = *item.add_field();
    f.set_name(name);
    f.set_json_name(name);
    f.set_number(number);
    f.set_type(type);
    f.set_label(label);
    if (type == Field::TYPE_MESSAGE) f.set_type_name(".test.Item");
  };
  field("id", 1, Field::TYPE_INT64);
  field("title", 2, Field::TYPE_STRING);
  field("part", 3, Field::TYPE_MESSAGE);
  field("tags", 4, Field::TYPE_STRING, Field::LABEL_REPEATED);
  field("price", 5, Field::TYPE_DOUBLE);
  field("raw", 6, Field::TYPE_BYTES);
  auto& service = *file.add_service();
  service.set_name("Shop");
  const auto method = [&service](const char* name, const std::string& rule) -> google::protobuf::MethodDescriptorProto& {
    constexpr int kHttpRule = 72295728;
    auto& m = *service.add_method();
    m.set_name(name);
    m.set_input_type(".test.Item");
    m.set_output_type(".test.Item");
    auto& options = *m.mutable_options();
    options.GetReflection()->MutableUnknownFields(&options)->AddLengthDelimited(kHttpRule, rule);
    return m;
  };
  const std::string post_look = "\x22\x05/look\x3a\x01*";  // post, body
  method("Look", "\x12\x05/look\x5a\x0a" + post_look);     // get, additional_bindings
  method("Watch", "\x12\x0b/watch/{id}").set_server_streaming(true);
  method("Send", "\x22\x05/send\x3a\x01*").set_client_streaming(true);
  return set;
}

}  // namespace outrigger::test
