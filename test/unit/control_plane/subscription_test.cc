// One type on one stream: what is asked for, what is told, and when.
#include "control_plane/subscription.h"
#include <catch2/catch.hpp>

#include "unit/control_plane/resources.h"

namespace outrigger::control_plane {
namespace {

using Names = std::vector<std::string>;

struct World {
  Subscription s;
  TypeItemsPtr have;
  explicit World(bool delta, std::string_view type = kClusters) : s(delta, std::string(type)), have(type_items(type, {})) {}
  void set(std::initializer_list<std::string> items) { have = type_items(s.type_url(), items); }
  Subscription::Verdict ask(const Names& names, const std::string& nonce = "", std::optional<std::string> error = {}) {
    xds::Request q;
    q.names = names;
    q.nonce = nonce;
    q.error = std::move(error);
    return s.on_request(q, have, WallTime());
  }
  void change(const Names& subscribe, const Names& unsubscribe = {}, const std::string& nonce = "") {
    xds::Request q;
    q.subscribe = subscribe;
    q.unsubscribe = unsubscribe;
    q.nonce = nonce;
    s.on_request(q, have, WallTime());
  }
  /// "nonce: name=content ... -removed"; "nothing": it is not due.
  std::string told(bool keep = false) {
    if (!s.due(have, keep)) return "nothing";
    const Answer a = s.next(have, WallTime(), keep);
    version = a.version;
    std::string out = a.nonce + ":";
    for (const auto& i : a.items) out += " " + i->name + "=" + i->body;
    for (const auto& name : a.removed) out += " -" + name;
    return out;
  }
  std::string version;
};

TEST_CASE("state of the world: who names none gets all, and all again when one changes", "[control_plane]") {
  World w(false);
  w.set({"a=1", "b=1"});
  CHECK(w.told() == "nothing");
  w.ask({});
  CHECK(w.told() == "1: a=1 b=1");
  CHECK(w.version == w.have->version);
  CHECK(w.told() == "nothing");
  w.ask({}, "1");
  CHECK(w.told() == "nothing");
  w.set({"a=1", "b=1"});
  CHECK(w.told() == "nothing");
  w.set({"a=2", "b=1"});
  CHECK(w.told() == "2: a=2 b=1");
  w.set({"b=1"});
  CHECK(w.told() == "nothing");  // one response at a time
  w.ask({}, "2");
  CHECK(w.told() == "3: b=1");
  CHECK(w.s.accepted().version != w.s.sent().version);
  w.ask({}, "3");
  CHECK(w.s.accepted().version == w.s.sent().version);
  CHECK(w.s.responses() == 3);
}

TEST_CASE("state of the world: an empty first answer is an answer", "[control_plane]") {
  World w(false);
  w.ask({});
  CHECK(w.told() == "1:");
  w.ask({}, "1");
  CHECK(w.told() == "nothing");
}

TEST_CASE("who comes back with the version that is served hears nothing", "[control_plane]") {
  World w(false);
  w.set({"a=1"});
  xds::Request q;
  q.version = w.have->version;
  w.s.on_request(q, w.have, WallTime());
  CHECK(w.told() == "nothing");
  CHECK(w.s.told("a"));
  w.set({"a=2"});
  CHECK(w.told() == "1: a=2");
}

TEST_CASE("types that are asked for by name give nothing to who names none", "[control_plane]") {
  for (const auto type : {kEndpoints, kRoutes, kSecrets}) {
    World w(false, type);
    w.set({"a=1"});
    w.ask({});
    CHECK(w.told() == "1:");
    w.ask({"*"}, "1");
    CHECK(w.told() == "2: a=1");
  }
}

TEST_CASE("state of the world: names that are added are answered, names that go are not", "[control_plane]") {
  World w(false, kEndpoints);
  w.set({"a=1", "b=1", "c=1"});
  w.ask({"a"});
  CHECK(w.told() == "1: a=1");
  w.ask({"a", "b"}, "1");
  CHECK(w.told() == "2: a=1 b=1");
  w.ask({"a", "b"}, "2");
  w.ask({"b"}, "2");
  CHECK(w.told() == "nothing");
  w.set({"a=2", "b=1", "c=2"});
  CHECK(w.told() == "nothing");
  w.set({"a=2", "b=2", "c=2"});
  CHECK(w.told() == "3: b=2");
}

TEST_CASE("the version of what is told by name is that of these names alone", "[control_plane]") {
  World w(false, kEndpoints);
  w.set({"a=1", "b=1"});
  w.ask({"a"});
  CHECK(w.told() == "1: a=1");
  const std::string before = w.version;
  w.ask({"a"}, "1");
  w.set({"a=1", "b=2"});
  w.ask({"a"}, "1");
  CHECK(w.told() == "2: a=1");
  CHECK(w.version == before);
}

TEST_CASE("a request that repeats what was accepted is answered: a cluster warms again", "[control_plane]") {
  World w(false, kEndpoints);
  w.set({"a=1"});
  w.ask({"a"});
  CHECK(w.told() == "1: a=1");
  w.ask({"a"}, "1");
  CHECK(w.told() == "nothing");
  w.ask({"a"}, "1");
  CHECK(w.told() == "2: a=1");
}

TEST_CASE("a refusal is remembered with its reason, and not followed by the same again", "[control_plane]") {
  World w(false);
  w.set({"a=bad"});
  w.ask({});
  CHECK(w.told() == "1: a=bad");
  CHECK(w.ask({}, "1", "a: no") == Subscription::Verdict::refused);
  CHECK(w.told() == "nothing");
  CHECK(w.s.last_was_refused());
  CHECK(w.s.refusal() == "a: no");
  CHECK(w.s.refused().version == w.s.sent().version);
  w.set({"a=good"});
  CHECK(w.told() == "2: a=good");
  CHECK(w.ask({}, "1") == Subscription::Verdict::stale);
  CHECK(w.ask({}, "2") == Subscription::Verdict::accepted);
  CHECK(w.ask({}) == Subscription::Verdict::none);
  CHECK_FALSE(w.s.last_was_refused());
  CHECK(w.s.refusal() == "a: no");
}

TEST_CASE("the text of a refusal is bounded", "[control_plane]") {
  World w(false);
  w.ask({});
  CHECK(w.told() == "1:");
  w.ask({}, "1", std::string(1'000'000, 'x'));
  CHECK(w.s.refusal().size() == 4096);
}

TEST_CASE("an answer to an older response neither counts nor changes the names", "[control_plane]") {
  for (const bool delta : {false, true}) {
    World w(delta, kEndpoints);
    w.set({"a=1"});
    if (delta)
      w.change({"a"});
    else
      w.ask({"a"});
    CHECK(w.told() == "1: a=1");
    if (delta)
      w.change({}, {}, "7");
    else
      w.ask({}, "7");
    CHECK(w.s.under_way());
    CHECK(w.s.stale() == 1);
    CHECK(w.s.wants("a"));
  }
}

TEST_CASE("a request without a nonce is no answer, but its names count", "[control_plane]") {
  World w(false, kEndpoints);
  w.set({"a=1", "b=1"});
  w.ask({"a"});
  CHECK(w.told() == "1: a=1");
  w.ask({"a", "b"});  // sent before the response came
  CHECK(w.s.under_way());
  CHECK(w.told() == "nothing");
  w.ask({"a", "b"}, "1");
  CHECK(w.told() == "2: a=1 b=1");
}

TEST_CASE("what is gone can be kept for a while", "[control_plane]") {
  for (const bool delta : {false, true}) {
    World w(delta);
    w.set({"a=1", "b=1"});
    if (delta)
      w.change({});
    else
      w.ask({});
    CHECK(w.told() == "1: a=1 b=1");
    if (delta)
      w.change({}, {}, "1");
    else
      w.ask({}, "1");
    w.set({"a=2"});
    CHECK(w.told(true) == (delta ? "2: a=2" : "2: a=2 b=1"));
    if (delta)
      w.change({}, {}, "2");
    else
      w.ask({}, "2");
    CHECK(w.told(true) == "nothing");
    CHECK(w.told(false) == (delta ? "3: -b" : "3: a=2"));
  }
}

TEST_CASE("delta: only what changed is told, and what is gone", "[control_plane]") {
  World w(true);
  w.set({"a=1", "b=1"});
  w.change({});
  CHECK(w.told() == "1: a=1 b=1");
  w.change({}, {}, "1");
  w.set({"a=1", "b=2", "c=1"});
  CHECK(w.told() == "2: b=2 c=1");
  w.set({"c=2"});
  CHECK(w.told() == "nothing");
  w.change({}, {}, "2");
  CHECK(w.told() == "3: c=2 -a -b");
  w.change({}, {}, "3");
  CHECK(w.told() == "nothing");
  CHECK(w.s.told_count() == 1);
}

TEST_CASE("delta: a name that is not there is said to be gone, once; when it comes it is told", "[control_plane]") {
  World w(true, kRoutes);
  w.change({"r"});
  CHECK(w.told() == "1: -r");
  w.change({}, {}, "1");
  CHECK(w.told() == "nothing");
  w.set({"r=1"});
  CHECK(w.told() == "2: r=1");
  w.change({}, {}, "2");
  w.set({});
  CHECK(w.told() == "3: -r");
  w.change({}, {}, "3");
  w.set({"r=1"});
  CHECK(w.told() == "4: r=1");
}

TEST_CASE("delta: who subscribes again gets it again; who does not any more hears nothing", "[control_plane]") {
  World w(true, kEndpoints);
  w.set({"a=1", "b=1"});
  w.change({"a", "b"});
  CHECK(w.told() == "1: a=1 b=1");
  w.change({"a"}, {}, "1");
  CHECK(w.told() == "2: a=1");
  w.change({}, {"a"}, "2");
  w.set({"a=2", "b=1"});
  CHECK(w.told() == "nothing");
  w.change({"a"});
  CHECK(w.told() == "3: a=2");
}

TEST_CASE("delta: who comes back says what it has and is told the difference", "[control_plane]") {
  World w(true);
  w.set({"a=1", "b=2", "c=1"});
  xds::Request q;
  q.initial_versions = {{"a", "1"}, {"b", "1"}, {"gone", "1"}};
  w.s.on_request(q, w.have, WallTime());
  CHECK(w.told() == "1: b=2 c=1 -gone");
  World same(true);
  same.set({"a=1"});
  q.initial_versions = {{"a", "1"}};
  same.s.on_request(q, same.have, WallTime());
  CHECK(same.told() == "nothing");
}

TEST_CASE("delta: all can be asked for and given up by its name, beside others", "[control_plane]") {
  World w(true);
  w.set({"a=1", "b=1"});
  w.change({"*", "a"});
  CHECK(w.told() == "1: a=1 b=1");
  w.change({}, {"*"}, "1");
  w.set({"a=2", "b=2"});
  CHECK(w.told() == "2: a=2");
}

TEST_CASE("the bytes of the names are counted as they come and go", "[control_plane]") {
  World w(true, kEndpoints);
  CHECK(w.s.names_bytes() == 0);
  w.change({"abc", "abc", "d"});
  const auto both = w.s.names_bytes();
  w.change({"abc"}, {"d"});
  CHECK(w.s.names_bytes() < both);
  w.change({}, {"abc", "never"});
  CHECK(w.s.names_bytes() == 0);
}

}  // namespace
}  // namespace outrigger::control_plane
