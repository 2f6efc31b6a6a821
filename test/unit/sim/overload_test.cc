// What the overload manager's actions do to requests and connections; each again with every I/O operation failing.
#include "unit/sim/h2_actors.h"
#include "unit/sim/scenario.h"

using namespace outrigger;
using namespace outrigger::sim;
using event::ScaledKind;
using runtime::LoadShedPoint;
using runtime::OverloadAction;

namespace {

event::TimerMinimums minimum_of(ScaledKind kind, Duration least) {
  event::TimerMinimums all;
  all[static_cast<std::size_t>(kind)] = event::TimerMinimum{least, {}};
  return all;
}

}  // namespace

TEST_CASE("overload: requests are refused as long as it lasts", "[sim][overload]") {
  play_all({{}, [](World& w) {
              w.server();
              auto& client = w.connect();
              client.get("/1");
              w.run(1s);
              w.overload.set(OverloadAction::stop_accepting_requests, 1);
              client.get("/2");
              w.run(1s);
              w.overload.set(OverloadAction::stop_accepting_requests, 0);
              client.get("/3");
              w.run(1s);
              CHECK_CLEAN(w, client.responses().size() == 3);
              CHECK_CLEAN(w, client.responses().at(0).status() == 200);
              CHECK_CLEAN(w, client.responses().at(1).status() == 503);
              CHECK_CLEAN(w, client.responses().at(2).status() == 200);
              CHECK_CLEAN(w, w.log().at(1) == "503 - overload /2");
            }});
}

TEST_CASE("overload: what is under way is finished, with a body that still comes", "[sim][overload]") {
  play_all({{}, [](World& w) {
              w.server();
              auto& client = w.connect();
              client.send("POST / HTTP/1.1\r\nhost: h\r\ncontent-length: 6\r\n\r\nabc");
              w.run(100ms);
              w.overload.set(OverloadAction::stop_accepting_requests, 1);
              client.send("def");
              w.run(1s);
              CHECK_CLEAN(w, client.status() == 200);
            }});
}

TEST_CASE("overload: a refused request with a body ends its connection", "[sim][overload]") {
  play_all({{}, [](World& w) {
              w.server();
              w.overload.set(LoadShedPoint::http_connection_manager_decode_headers, 1);
              auto& client = w.connect();
              client.post("hello");
              w.run(10s);
              CHECK_CLEAN(w, client.status() == 503);
              CHECK_CLEAN(w, client.ended());
            }});
}

TEST_CASE("overload: connections end with the response", "[sim][overload]") {
  play_all({{}, [](World& w) {
              w.server();
              w.overload.set(OverloadAction::disable_http_keepalive, 1);
              auto& client = w.connect();
              client.get();
              w.run(30s);
              CHECK_CLEAN(w, client.status() == 200);
              CHECK_CLEAN(w, client.ended());
            }});
}

TEST_CASE("overload: HTTP/1 is cut off at whatever it sends", "[sim][overload]") {
  play_all({{}, [](World& w) {
              w.server().on_request = [](auto&, const Message&) {};
              auto& client = w.connect();
              client.send("POST /1 HTTP/1.1\r\nhost: h\r\ncontent-length: 6\r\n\r\nabc");
              w.run(100ms);
              w.overload.set(LoadShedPoint::http1_server_abort_dispatch, 1);
              client.send("def");
              w.run(10s);
              CHECK_CLEAN(w, client.status() == 500);
              CHECK_CLEAN(w, client.ended());
              CHECK_CLEAN(w, w.log().at(0) == "500 DPE overload /1");
            }});
}

TEST_CASE("overload: a connection whose codec is not wanted", "[sim][overload]") {
  play_all({{}, [](World& w) {
              w.server();
              w.overload.set(LoadShedPoint::hcm_ondata_creating_codec, 1);
              auto& client = w.connect();
              client.get();
              w.run(5s);
              CHECK_CLEAN(w, client.ended());
              CHECK(client.status() == 0);
            }});
}

TEST_CASE("overload: HTTP/2 clients are told to go, and finish what they began", "[sim][overload][http2]") {
  play_all({{.hcm = "codec_type: HTTP2,"}, [](World& w) {
              w.server();
              std::deque<H2End> clients;
              auto& client = h2_client(w.connect(), clients, {});
              client.request("/1");
              w.run(1s);
              w.overload.set(LoadShedPoint::http2_server_go_away_on_dispatch, 1);
              const auto second = client.request("/2");
              w.run(1s);
              CHECK_CLEAN(w, client.messages[second].status() == 200);
              w.run(5s);
              CHECK_FALSE(client.broken);
            }});
}

TEST_CASE("overload: HTTP/2 connections end at once, with what runs on them", "[sim][overload][http2]") {
  play_all({{.hcm = "codec_type: HTTP2,"}, [](World& w) {
              w.server().on_request = [](auto&, const Message&) {};
              std::deque<H2End> clients;
              auto& client = h2_client(w.connect(), clients, {});
              const auto first = client.request("/1");
              w.run(1s);
              w.overload.set(LoadShedPoint::http2_server_go_away_and_close_on_dispatch, 1);
              client.request("/2");
              w.run(5s);
              CHECK_CLEAN(w, client.messages[first].status() == 0);
              CHECK_CLEAN(w, w.log().at(0) == "0 - forced_goaway /1");
            }});
}

TEST_CASE("overload: a stream that waits ends sooner", "[sim][overload]") {
  play_all({{.hcm = "stream_idle_timeout: 100s,", .timer_minimums = minimum_of(ScaledKind::stream_idle, 1s)}, [](World& w) {
              w.server().on_request = [](auto&, const Message&) {};
              auto& client = w.connect();
              client.get();
              w.run(10s);
              CHECK_CLEAN(w, client.status() == 0);
              w.scaled_timers.set_scale(ScaledKind::stream_idle, 0.1);  // 10.9 s
              w.run(850ms);
              CHECK_CLEAN(w, client.status() == 0);
              w.run(100ms);
              CHECK_CLEAN(w, client.status() == 504);
            }});
}

TEST_CASE("overload: idle connections go", "[sim][overload]") {
  play_all({{.hcm = "common_http_protocol_options: {idle_timeout: 100s}, drain_timeout: 1s,",
             .timer_minimums = minimum_of(ScaledKind::connection_idle, 0s)},
            [](World& w) {
              w.server();
              auto& client = w.connect();
              client.get();
              w.run(10s);
              CHECK_CLEAN(w, client.status() == 200);
              CHECK_CLEAN(w, !client.ended());
              w.scaled_timers.set_scale(ScaledKind::connection_idle, 0);
              w.run(2s);
              CHECK_CLEAN(w, client.ended());
            }});
}
