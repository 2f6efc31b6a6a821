// Requests and responses that wait for scripts, which wait for bodies, trailers and calls, whatever becomes of each of them.
#include "unit/sim/scenario.h"

using namespace outrigger;
using namespace outrigger::sim;

namespace {

constexpr const char* kService = "10.0.2.1:80";

Setup script(const std::string& code) {
  return {.filters =
              "{name: lua, typed_config: {'@type': type.googleapis.com/envoy.extensions.filters.http.lua.v3.Lua, "
              "default_source_code: {inline_string: '" +
              code + "'}}},"};
}

/// A call of the cluster mirror.
constexpr const char* kCall =
    "local a, b = h:httpCall(\"mirror\", {[\":method\"] = \"GET\", [\":path\"] = \"/side\", [\":authority\"] = \"a\"}, nil, "
    "200) ";

/// What a script does after its call.
std::string then(std::string_view code) {
  std::string all(kCall);
  return all.append(code);
}
std::string on_request(const std::string& code) { return "function envoy_on_request(h) " + code + " end "; }
std::string on_response(const std::string& code) { return "function envoy_on_response(h) " + code + " end "; }

}  // namespace

TEST_CASE("scripts change bodies that they waited for", "[sim][lua]") {
  play_all({script(on_request("local b = h:body() b:setBytes(b:getBytes(0, b:length()):upper())") +
                   on_response("local b = h:body() b:setBytes(\"<\" .. b:getBytes(0, b:length()) .. \">\")")),
            [](World& w) {
              auto& up = w.server();
              up.on_request = [](auto& c, const Message& m) { c.reply(m.body); };
              auto& client = w.connect();
              client.post("hello");
              w.run(1s);
              CHECK_GENTLE(w, up.requests.at(0).body == "HELLO");
              CHECK_GENTLE(w, client.responses().at(0).body == "<HELLO>");
              client.post("again");
              w.run(1s);
              CHECK_GENTLE(w, client.responses().size() == 2);
            }});
}

TEST_CASE("a request and its response wait for calls of scripts", "[sim][lua]") {
  play_all({script(on_request(then("h:headers():add(\"x-said\", tostring(b))")) +
                   on_response(then("h:headers():add(\"x-said\", tostring(b))"))),
            [](World& w) {
              auto& up = w.server();
              auto& service = w.server(kService);
              service.on_request = [&w](auto& c, const Message&) { w.after(5ms, [&c] { c.reply("yes"); }); };
              auto& client = w.connect();
              client.post("hello");
              w.run(3ms);
              CHECK_CLEAN(w, up.requests.empty());
              w.run(1s);
              CHECK_CLEAN(w, up.requests.at(0).body == "hello");
              CHECK_CLEAN(w, service.requests.size() == 2);
              CHECK_CLEAN(w, client.status() == 200);
            }});
}

TEST_CASE("a call that gets no answer in time is answered for", "[sim][lua]") {
  play_all({script(on_request(then("h:respond({[\":status\"] = \"403\"}, a[\":status\"] .. b)"))), [](World& w) {
              auto& up = w.server();
              auto& service = w.server(kService);
              service.on_request = [](auto&, const Message&) {};
              auto& client = w.connect();
              client.get();
              w.run(2s);
              CHECK_CLEAN(w, client.status() == 403);
              CHECK_CLEAN(w, client.responses().at(0).body == "504upstream request timeout");
              CHECK(up.requests.empty());
            }});
}

TEST_CASE("a client that leaves while its script waits ends the call", "[sim][lua]") {
  play_all({script(on_request(std::string(kCall))), [](World& w) {
              auto& up = w.server();
              auto& service = w.server(kService);
              service.on_request = [](auto&, const Message&) {};
              auto& client = w.connect();
              client.get();
              w.run(20ms);
              client.peer.abort();
              w.run(50ms);
              CHECK_CLEAN(w, up.requests.empty());  // in other weather the call may fail, and the request goes on
              CHECK_CLEAN(w, service.requests.size() == 1);
            }});
}

TEST_CASE("a request that was answered meanwhile does not go on when its script does", "[sim][lua]") {
  const std::string call =
      "h:httpCall(\"mirror\", {[\":method\"] = \"GET\", [\":path\"] = \"/side\", [\":authority\"] = \"a\"}, nil, 1000) ";
  auto s = script(on_request(call) + on_response(call));
  s.hcm = "stream_idle_timeout: 0.05s,";
  play_all({s, [](World& w) {
              auto& up = w.server();
              up.on_request = [](auto& c, const Message&) { c.reply("of the upstream"); };
              auto& service = w.server(kService);
              service.on_request = [&w](auto& c, const Message&) { w.after(80ms, [&c] { c.reply("yes"); }); };
              auto& client = w.connect();
              client.get();
              w.run(1s);
              CHECK_CLEAN(w, up.requests.empty());
              CHECK_CLEAN(w, client.responses().size() == 1);
              CHECK_CLEAN(w, client.responses().at(0).status() == 504);
              CHECK_CLEAN(w, client.responses().at(0).body == "stream timeout");
            }});
}

TEST_CASE("a call that nobody waits for goes on without its request", "[sim][lua]") {
  const std::string call =
      "h:httpCall(\"mirror\", {[\":method\"] = \"POST\", [\":path\"] = \"/side\", [\":authority\"] = \"a\"}, \"told\", 200, "
      "true) ";
  play_all({script(on_request(call + "h:respond({[\":status\"] = \"403\"}, \"no\")")), [](World& w) {
              w.server();
              auto& service = w.server(kService);
              auto& client = w.connect();
              client.get();
              w.run(2s);
              CHECK_CLEAN(w, client.status() == 403);
              CHECK_CLEAN(w, service.requests.at(0).body == "told");
            }});
}

TEST_CASE("scripts see bodies go by", "[sim][lua]") {
  play_all(
      {script(on_request("local n = 0 for c in h:bodyChunks() do n = n + c:length() end seen = n") +
              on_response(
                  "for c in h:bodyChunks() do if c:length() > 0 then c:setBytes(c:getBytes(0, c:length()):lower()) end end")),
       [](World& w) {
         auto& up = w.server();
         up.on_request = [](auto& c, const Message&) { c.reply("LOUD"); };
         auto& client = w.connect();
         client.post("hello");
         w.run(1s);
         CHECK_GENTLE(w, client.responses().at(0).body == "loud");
       }});
}
