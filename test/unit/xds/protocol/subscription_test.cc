// What a subscription says, step by step: as the real Envoy does on a stream with the same events.
#include <catch2/catch.hpp>
#include <set>

#include "xds/protocol/subscription.h"

namespace outrigger::xds {
namespace {

using Kind = Subscription::Kind;

std::string joined(const std::vector<std::string>& names) {
  std::string out;
  for (const auto& n : names) (out += out.empty() ? "" : ",") += n;
  return out;
}

/// Everything that would be sent now, in one line each.
std::string said(Subscription& s) {
  std::string out;
  while (auto q = s.next()) {
    if (!out.empty()) out += " | ";
    out += "v=" + q->version + " n=" + q->nonce;
    if (!q->names.empty()) out += " names=" + joined(q->names);
    if (!q->subscribe.empty()) out += " sub=" + joined(q->subscribe);
    if (!q->unsubscribe.empty()) out += " unsub=" + joined(q->unsubscribe);
    for (const auto& [name, version] : q->initial_versions) out += " has=" + name + ":" + version;
    if (q->error) out += " error=" + *q->error;
  }
  return out;
}

/// From now on somebody wants all or not, and these names.
void want(Subscription& s, const std::set<std::string>& names, bool all) {
  std::set<std::string> before;
  for (const auto& [name, wish] : s.names()) before.insert(name);
  for (const auto& name : names)
    if (!before.contains(name)) s.add(name);
  for (const auto& name : before)
    if (!names.contains(name)) s.drop(name);
  if (all && !s.wants_all()) s.add_all();
  if (!all && s.wants_all()) s.drop_all();
}

Response response(const std::string& version, const std::string& nonce, std::vector<Resource> resources = {},
                  std::vector<std::string> removed = {}) {
  return {"t", version, nonce, "", std::move(resources), std::move(removed)};
}

TEST_CASE("state of the world: names, answers and a new stream", "[xds]") {
  Subscription s(Kind::state_of_the_world, "t");
  want(s, {"b", "a"}, false);
  CHECK(said(s).empty());  // there is no stream
  s.open();
  CHECK(said(s) == "v= n= names=a,b");
  CHECK(said(s).empty());
  s.accept(response("1", "x1"));
  CHECK(said(s) == "v=1 n=x1 names=a,b");
  want(s, {"a"}, false);
  CHECK(said(s) == "v=1 n=x1 names=a");
  want(s, {"a"}, false);
  CHECK(said(s).empty());
  s.refuse(response("2", "x2"), "bad");
  CHECK(said(s) == "v=1 n=x2 names=a error=bad");
  want(s, {}, false);
  CHECK(said(s) == "v=1 n=x2");
  want(s, {"c"}, false);
  s.close();
  CHECK(said(s).empty());
  s.open();
  CHECK(said(s) == "v=1 n= names=c");  // the version is that of what is had, the nonce the old stream's
}

TEST_CASE("state of the world: a change of names and an answer are one request", "[xds]") {
  Subscription s(Kind::state_of_the_world, "t");
  want(s, {"a"}, false);
  s.open();
  (void)said(s);
  s.accept(response("1", "x1"));
  want(s, {"a", "b"}, false);
  CHECK(said(s) == "v=1 n=x1 names=a,b");
}

TEST_CASE("state of the world: all, and all with names", "[xds]") {
  Subscription s(Kind::state_of_the_world, "t");
  s.open();
  CHECK(said(s).empty());  // nobody wants anything
  want(s, {}, true);
  CHECK(said(s) == "v= n=");
  want(s, {"a"}, true);
  CHECK(said(s) == "v= n= names=*,a");
}

TEST_CASE("delta: changes of names only, versions of what is had on a new stream", "[xds]") {
  Subscription s(Kind::delta, "t");
  want(s, {"a", "b"}, false);
  s.open();
  CHECK(said(s) == "v= n= sub=a,b");
  s.accept(response("sys1", "x1", {{"a", "7", "t", "body"}, {"b", "8", "t", "body"}}));
  CHECK(said(s) == "v= n=x1");
  want(s, {"a", "c"}, false);
  CHECK(said(s) == "v= n= sub=c unsub=b");
  s.refuse(response("sys2", "x2", {{"a", "9", "t", "body"}}), "bad");
  CHECK(said(s) == "v= n=x2 error=bad");
  s.close();
  s.open();
  CHECK(said(s) == "v= n= sub=a,c has=a:7");  // what was refused is not had, what is not wanted was forgotten
}

TEST_CASE("delta: all by naming none, in the first request only", "[xds]") {
  Subscription s(Kind::delta, "t");
  want(s, {}, true);
  s.open();
  CHECK(said(s) == "v= n=");
  s.accept(response("1", "x1", {{"a", "1", "t", "body"}, {"b", "1", "t", "body"}}));
  CHECK(said(s) == "v= n=x1");
  s.accept(response("2", "x2", {}, {"b"}));
  CHECK(said(s) == "v= n=x2");
  s.accept(response("3", "x3", {{"a", "", "", "", Duration(5), true}}));  // a heartbeat has no version of its own
  CHECK(said(s) == "v= n=x3");
  s.forget("zzz");
  s.open();
  CHECK(said(s) == "v= n= has=a:1");
  want(s, {"c"}, true);
  CHECK(said(s) == "v= n= sub=c");
  want(s, {"c"}, false);
  CHECK(said(s) == "v= n= unsub=*");
  want(s, {"c"}, true);
  CHECK(said(s) == "v= n= sub=*");
}

TEST_CASE("delta: a name that is dropped and wanted again is asked for anew", "[xds]") {
  Subscription s(Kind::delta, "t");
  want(s, {"a"}, false);
  s.open();
  (void)said(s);
  want(s, {}, false);
  want(s, {"a"}, false);
  CHECK(said(s) == "v= n= sub=a");  // who wants it now has nothing of it
  want(s, {}, false);
  CHECK(said(s) == "v= n= unsub=a");
  want(s, {"a"}, false);
  CHECK(said(s) == "v= n= sub=a");
}

TEST_CASE("a name that two want is told once, and dropped with the last", "[xds]") {
  for (const auto kind : {Kind::delta, Kind::state_of_the_world}) {
    const bool delta = kind == Kind::delta;
    Subscription s(kind, "t");
    s.add("a");
    s.add("a");
    s.open();
    CHECK(said(s) == (delta ? "v= n= sub=a" : "v= n= names=a"));
    s.add("a");
    s.drop("a");
    s.drop("a");
    CHECK(said(s).empty());
    CHECK(s.wants("a"));
    s.drop("b");  // nobody wants it
    s.add("c");
    s.drop("c");  // nobody was told
    CHECK(said(s) == (delta ? "v= n=" : "v= n= names=a"));
    s.drop("a");
    CHECK_FALSE(s.wants_something());
    CHECK(said(s) == (delta ? "v= n= unsub=a" : "v= n="));
  }
}

TEST_CASE("the name of a resource is its first field", "[xds]") {
  CHECK(name_of_resource(std::string("\x0a\x03") + "abc" + "\x12\x01z") == "abc");
  CHECK(name_of_resource("").empty());
  CHECK(name_of_resource("\x12\x01z").empty());
  CHECK(name_of_resource(std::string("\x0a\x7f") + "abc").empty());
  CHECK(name_of_resource("\x0a\xff\xff\xff\xff\xff\xff").empty());
  const std::string long_name(200, 'x');
  std::string body = "\x0a\xc8\x01";
  body += long_name;
  CHECK(name_of_resource(body) == long_name);
}

}  // namespace
}  // namespace outrigger::xds
