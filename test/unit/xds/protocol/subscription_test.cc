// What a subscription says, step by step: as the real Envoy does on a stream with the same events.
#include <catch2/catch.hpp>

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

Response response(const std::string& version, const std::string& nonce, std::vector<Resource> resources = {},
                  std::vector<std::string> removed = {}) {
  return {"t", version, nonce, "", std::move(resources), std::move(removed)};
}

TEST_CASE("state of the world: names, answers and a new stream", "[xds]") {
  Subscription s(Kind::state_of_the_world, "t");
  s.want({"b", "a"}, false);
  CHECK(said(s).empty());  // there is no stream
  s.open();
  CHECK(said(s) == "v= n= names=a,b");
  CHECK(said(s).empty());
  s.accept(response("1", "x1"));
  CHECK(said(s) == "v=1 n=x1 names=a,b");
  s.want({"a"}, false);
  CHECK(said(s) == "v=1 n=x1 names=a");
  s.want({"a"}, false);
  CHECK(said(s).empty());
  s.refuse(response("2", "x2"), "bad");
  CHECK(said(s) == "v=1 n=x2 names=a error=bad");
  s.want({}, false);
  CHECK(said(s) == "v=1 n=x2");
  s.want({"c"}, false);
  s.close();
  CHECK(said(s).empty());
  s.open();
  CHECK(said(s) == "v=1 n= names=c");  // the version is that of what is had, the nonce the old stream's
}

TEST_CASE("state of the world: a change of names and an answer are one request", "[xds]") {
  Subscription s(Kind::state_of_the_world, "t");
  s.want({"a"}, false);
  s.open();
  (void)said(s);
  s.accept(response("1", "x1"));
  s.want({"a", "b"}, false);
  CHECK(said(s) == "v=1 n=x1 names=a,b");
}

TEST_CASE("state of the world: all, and all with names", "[xds]") {
  Subscription s(Kind::state_of_the_world, "t");
  s.open();
  CHECK(said(s).empty());  // nobody wants anything
  s.want({}, true);
  CHECK(said(s) == "v= n=");
  s.want({"a"}, true);
  CHECK(said(s) == "v= n= names=*,a");
}

TEST_CASE("delta: changes of names only, versions of what is had on a new stream", "[xds]") {
  Subscription s(Kind::delta, "t");
  s.want({"a", "b"}, false);
  s.open();
  CHECK(said(s) == "v= n= sub=a,b");
  s.accept(response("sys1", "x1", {{"a", "7", "t", "body"}, {"b", "8", "t", "body"}}));
  CHECK(said(s) == "v= n=x1");
  s.want({"a", "c"}, false);
  CHECK(said(s) == "v= n= sub=c unsub=b");
  s.refuse(response("sys2", "x2", {{"a", "9", "t", "body"}}), "bad");
  CHECK(said(s) == "v= n=x2 error=bad");
  s.close();
  s.open();
  CHECK(said(s) == "v= n= sub=a,c has=a:7");  // what was refused is not had, what is not wanted was forgotten
}

TEST_CASE("delta: all by naming none, in the first request only", "[xds]") {
  Subscription s(Kind::delta, "t");
  s.want({}, true);
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
  s.want({"c"}, true);
  CHECK(said(s) == "v= n= sub=c");
  s.want({"c"}, false);
  CHECK(said(s) == "v= n= unsub=*");
  s.want({"c"}, true);
  CHECK(said(s) == "v= n= sub=*");
}

TEST_CASE("delta: a name that is dropped and wanted again is asked for anew", "[xds]") {
  Subscription s(Kind::delta, "t");
  s.want({"a"}, false);
  s.open();
  (void)said(s);
  s.want({}, false);
  s.want({"a"}, false);
  CHECK(said(s) == "v= n=");
  s.want({}, false);
  CHECK(said(s) == "v= n= unsub=a");
  s.want({"a"}, false);
  CHECK(said(s) == "v= n= sub=a");
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
