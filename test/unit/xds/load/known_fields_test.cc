// What is told of a field or a type that Envoy has and Outrigger does not implement: for every one in the lists.
#include <catch2/catch.hpp>

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>
#include <sstream>
#include "api/known.h"
#include "envoy/config/core/v3/extension.pb.h"
#include "support/xds.h"
#include "xds/load/received.h"
#include "xds/load/to_proto.h"

namespace outrigger::xds {
namespace {

namespace pb = google::protobuf;

/// Of a message with one field, written in YAML.
Problems read(const pb::Descriptor& d, const std::string& yaml, bool as_received = false) {
  Node root;
  Problems problems;
  const std::unique_ptr<pb::Message> m(pb::MessageFactory::generated_factory()->GetPrototype(&d)->New());
  if (parse_yaml(yaml, "f", root, problems)) to_proto(root, *m, {.file = "f", .as_received = as_received}, problems);
  return problems;
}

TEST_CASE("each field that Envoy knows and Outrigger does not is refused with its path and that reason", "[known_fields]") {
  std::istringstream lines{std::string(api::known_fields())};
  std::size_t count = 0;
  for (std::string message, field, number; lines >> message >> field >> number; ++count) {
    INFO(message << ' ' << field);
    const auto* d = pb::DescriptorPool::generated_pool()->FindMessageTypeByName(message);
    REQUIRE(d != nullptr);
    CHECK(d->FindFieldByName(field) == nullptr);  // implemented by now: no longer for the list
    for (const bool allow_unknown : {false, true}) {
      Node root;
      Problems problems;
      const std::unique_ptr<pb::Message> m(pb::MessageFactory::generated_factory()->GetPrototype(d)->New());
      REQUIRE(parse_yaml("\n  " + field + ": {}", "f", root, problems));
      to_proto(root, *m, {"f", allow_unknown}, problems);
      REQUIRE(problems.list().size() == 1);
      const auto& p = problems.list().front();
      CHECK(p.severity == Severity::error);
      CHECK(p.path == field);
      CHECK(p.line == 2);
      CHECK(p.column == 3);
      CHECK(p.text == "field '" + field + "' of " + message + " is known to Envoy and not implemented by Outrigger");
    }
    // Of a resource in a file it is told when that resource is taken, like one off the wire.
    Node root;
    Problems reading, taking;
    const std::unique_ptr<pb::Message> m(pb::MessageFactory::generated_factory()->GetPrototype(d)->New());
    REQUIRE(parse_yaml(field + ": {}", "f", root, reading));
    to_proto(root, *m, {.file = "f", .as_received = true}, reading);
    CHECK(reading.list().empty());
    settle_received(*m, Path(), false, taking);
    REQUIRE(taking.list().size() == 1);
    CHECK(taking.list().front().severity == Severity::error);
    CHECK(taking.list().front().path == field);
    CHECK(taking.list().front().text ==
          "field '" + field + "' of " + message + " is known to Envoy and not implemented by Outrigger");
  }
  CHECK(count > 100);
}

TEST_CASE("each extension that Envoy knows and Outrigger does not is refused with that reason", "[known_fields]") {
  std::istringstream lines{std::string(api::known_extensions())};
  std::size_t count = 0;
  for (std::string name; lines >> name; ++count) {
    INFO(name);
    CHECK(pb::DescriptorPool::generated_pool()->FindMessageTypeByName(name) == nullptr);
    const std::string url = "type.googleapis.com/" + name;
    const auto problems = read(*envoy::config::core::v3::TypedExtensionConfig::descriptor(),
                               "{name: other, typed_config: {'@type': " + url + ", any_field: 1}}");
    REQUIRE_FALSE(problems.list().empty());
    const auto& p = problems.list().front();
    CHECK(p.path == "typed_config");
    CHECK(p.text == "'" + url + "' is known to Envoy and not implemented by Outrigger");
    CHECK(read(*envoy::config::core::v3::TypedExtensionConfig::descriptor(), "typed_config: {'@type': " + url + ", any_field: 1}",
               true)
              .list()
              .empty());
  }
  CHECK(count > 100);
}

}  // namespace
}  // namespace outrigger::xds
