// What set_filter_state writes, and what it leaves as it is.
#include <catch2/catch.hpp>

#include "proxy/format/filter_state_rule.h"
#include "proxy/http/stream_info.h"

using namespace outrigger;  // NOLINT: a test
using format::FilterStateRule;
using format::FilterStateRules;

namespace {

FilterStateRule rule(const char* key, const char* text, bool hashable = false, bool skip_if_empty = false) {
  return {key, format::TextFormat::compile(text).value(), {hashable}, skip_if_empty};
}

std::string value(const http::FilterState& state, std::string_view key) {
  const auto* e = state.find(key);
  return e == nullptr ? "(none)" : std::string(e->value);
}

}  // namespace

TEST_CASE("a connection's values take the place of older ones, and later rules read them", "[filter_state]") {
  http::ConnectionInfo c;
  format::apply({rule("a", "one"), rule("b", "%FILTER_STATE(a:PLAIN)% two", true), rule("a", "three")}, {}, {}, c);
  CHECK(value(c.filter_state, "a") == "three");
  CHECK(value(c.filter_state, "b") == "one two");
  CHECK(c.filter_state.find("b")->hashable);
  CHECK_FALSE(c.filter_state.find("a")->hashable);
  format::apply({rule("n", "%BYTES_RECEIVED%")}, {}, {}, c, 7);
  CHECK(value(c.filter_state, "n") == "7");
  c.forget_state();
  CHECK(value(c.filter_state, "a") == "(none)");
}

TEST_CASE("a request's values hide neither the connection's nor outlive the request's state", "[filter_state]") {
  http::ConnectionInfo c;
  format::apply({rule("connection", "c")}, {}, {}, c);
  Arena arena;
  http::StreamInfo s;
  s.connection = &c;
  s.filter_state.parent = &c.filter_state;
  const FilterStateRules rules = {rule("connection", "r"), rule("a", "%FILTER_STATE(connection:PLAIN)%1"),
                                  rule("a", "%FILTER_STATE(a:PLAIN)%2", true)};
  format::apply(rules, {&s, nullptr, nullptr, nullptr, "NotSet"}, s.filter_state, arena);
  CHECK(value(s.filter_state, "connection") == "c");
  CHECK(value(s.filter_state, "a") == "c12");
  CHECK(s.filter_state.find("a")->hashable);
  CHECK(value(c.filter_state, "a") == "(none)");
  s.filter_state.first = nullptr;
  CHECK(value(s.filter_state, "a") == "(none)");
  CHECK(value(s.filter_state, "connection") == "c");
}

TEST_CASE("an empty value is left out where that is wanted", "[filter_state]") {
  http::ConnectionInfo c;
  format::FormatOptions omit;
  omit.omit_empty_values = true;
  FilterStateRule empty{"a", format::TextFormat::compile("%REQUESTED_SERVER_NAME%", omit).value(), {}, true};
  format::apply({empty}, {}, {}, c);
  CHECK(value(c.filter_state, "a") == "(none)");
  empty.skip_if_empty = false;
  format::apply({empty}, {}, {}, c);
  CHECK(value(c.filter_state, "a").empty());
  format::apply({rule("b", "%REQUESTED_SERVER_NAME%", false, true)}, {}, {}, c);
  CHECK(value(c.filter_state, "b") == "-");  // a missing value is written as one
}

TEST_CASE("late steps run once each, those of a handshake first", "[filter_state]") {
  struct Step final : http::LateStep {
    explicit Step(const char* n) : name(n) {}
    void run(http::ConnectionInfo& info, TimePoint, WallTime, std::uint64_t bytes) const override {
      const auto* before = info.filter_state.find("seen");
      const auto all = (before == nullptr ? "" : std::string(before->value)) + name + std::to_string(bytes) + " ";
      info.facts().set_state(info.filter_state, "seen", all);
    }
    std::string name;
  };
  http::ConnectionInfo c;
  c.note_data({}, {}, 1);  // nothing waits
  c.facts().on_data.push_back(std::make_shared<Step>("data"));
  c.facts().on_handshake.push_back(std::make_shared<Step>("handshake"));
  c.note_handshake({}, {});  // without TLS there is none to note
  CHECK(value(c.filter_state, "seen") == "(none)");
  c.note_data({}, {}, 5);
  c.note_data({}, {}, 6);
  CHECK(value(c.filter_state, "seen") == "handshake5 data5 ");
}
