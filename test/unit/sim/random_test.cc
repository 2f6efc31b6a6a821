// Random clients, upstreams and weather: whatever happens, answers belong to their requests and nothing is left.
// The seed is printed; OUTRIGGER_SEED=N plays that one again.
#include <cstdio>
#include <cstdlib>
#include <random>
#include <set>
#include "unit/sim/scenario.h"

using namespace outrigger;
using namespace outrigger::sim;

namespace {

const Setup kHttp{
    .routes =
        "{match: {prefix: /plain}, route: {cluster: up, timeout: 3s}},"
        "{match: {prefix: /retry}, route: {cluster: up, timeout: 4s, retry_policy: {retry_on: '5xx,reset,connect-failure', "
        "num_retries: 3, per_try_timeout: 0.5s}}},"
        "{match: {prefix: /hedge}, route: {cluster: up, timeout: 2s, hedge_policy: {hedge_on_per_try_timeout: true}, "
        "retry_policy: {retry_on: 5xx, num_retries: 3, per_try_timeout: 0.2s}}},"
        "{match: {prefix: /mirror}, route: {cluster: up, timeout: 3s, request_mirror_policies: [{cluster: mirror}]}},"
        "{match: {prefix: /high}, route: {cluster: up, priority: HIGH}},"
        "{match: {prefix: /direct}, direct_response: {status: 200, body: {inline_string: direct}}}",
    .hcm =
        "stream_idle_timeout: 4s, request_headers_timeout: 2s, upgrade_configs: [{upgrade_type: websocket}], "
        "common_http_protocol_options: {idle_timeout: 30s, max_requests_per_connection: 7},",
    .filters =
        "{name: fault, typed_config: {'@type': type.googleapis.com/envoy.extensions.filters.http.fault.v3.HTTPFault, "
        "delay: {header_delay: {}, percentage: {numerator: 100}}, "
        "response_rate_limit: {header_limit: {}, percentage: {numerator: 100}}}},",
    .listener = "per_connection_buffer_limit_bytes: 16384,",
    .cluster =
        "per_connection_buffer_limit_bytes: 16384, connect_timeout: 0.4s, circuit_breakers: {thresholds: "
        "[{max_connections: 4, max_pending_requests: 3, max_requests: 5, max_retries: 2}, "
        "{priority: HIGH, max_connections: 1, max_requests: 2}]},",
    .hosts = 3};
const Setup kTcp{.listener = kHttp.listener,
                 .cluster = kHttp.cluster,
                 .tcp = "cluster: up, idle_timeout: 20s, max_connect_attempts: 3,",
                 .hosts = 3};

/// Everybody in a run, each with a mind of its own.
class Crowd {
 public:
  Crowd(World& w, std::uint64_t seed, bool tcp) : w_(w), random_(seed), tcp_(tcp) {
    for (const auto* at : {"10.0.1.1:80", "10.0.1.2:80", "10.0.1.3:80", "10.0.2.1:80"}) {
      auto& up = w.server(at);
      up.on_accept = [this](auto& c) {
        if (tcp_) c.raw = true;
        if (one_in(8)) pause(c.peer);
      };
      up.on_head = [this](auto& c, const Message& m) {
        if (!one_in(20)) return;
        answered_early_ = {&c, c.begun};
        answer(c, m);
      };
      up.on_request = [this](auto& c, const Message& m) {
        if (answered_early_ != std::pair(&c, c.done)) answer(c, m);
      };
      up.on_raw = [this](auto& c) { echo(c); };
      up.on_end = [this](auto& c) {
        if (c.peer.reset || !one_in(3)) return c.peer.close();
        w_.after(100ms, [&c] { c.peer.close(); });
      };
      servers_.push_back(&up);
    }
  }

  void step() {
    const auto what = random_.below(100);
    std::vector<Someone*> live;
    for (auto& c : clients_)
      if (!c.client->peer.closed() && !c.client->ended()) live.push_back(&c);
    if (live.empty() || (what < 15 && live.size() < 12)) {
      clients_.push_back({&w_.connect(), one_in(6)});
      Client& c = *clients_.back().client;
      c.raw = tcp_ || one_in(8);
      c.answers_head = clients_.back().head && !c.raw;
      if (one_in(8)) pause(c.peer);
    } else if (what < 85) {
      speak(*live[random_.below(live.size())]);
    } else if (what < 90) {
      auto& peer = live[random_.below(live.size())]->client->peer;
      one_in(2) ? peer.close() : one_in(2) ? peer.abort() : peer.finish();
    } else if (what < 91) {
      w_.set_hosts(false);
      w_.after(std::chrono::milliseconds(random_.below(300)), [this] { w_.set_hosts(true); });
    } else if (what < 94) {
      auto& target = servers_[random_.below(servers_.size())]->target;
      constexpr Target::Answer kAnswers[] = {Target::accept, Target::accept,  Target::accept,
                                             Target::refuse, Target::silence, Target::fail_at_once};
      target.answer = kAnswers[random_.below(std::size(kAnswers))];
      target.delay = std::chrono::milliseconds(one_in(3) ? random_.below(600) : 0);
      w_.after(500ms, [&target] { target.answer = Target::accept; });
    } else if (what < 96) {
      auto& c = servers_[random_.below(servers_.size())]->connections;
      if (!c.empty()) one_in(2) ? c[random_.below(c.size())].peer.close() : c[random_.below(c.size())].peer.abort();
    }
    w_.run(Duration(static_cast<Duration::rep>(random_.below(one_in(4) ? 300'000 : 5'000))));
  }

  /// An answer that an upstream gave names the request it is for.
  void check() {
    for (auto& c : clients_) {
      if (c.client->raw || c.head) continue;
      std::size_t n = 0;
      for (const auto& r : c.client->responses()) {
        if (r.status() == 100) continue;
        ++n;
        if (r.body.starts_with("for ")) CHECK(r.body.starts_with("for " + std::to_string(n) + " "));
      }
    }
  }

 private:
  struct Someone {
    Client* client;
    bool head;  // sends HEAD requests only
    std::size_t requests = 0;
    bool in_the_middle = false;  // the rest of a request is to come, or never will
  };

  bool one_in(std::uint64_t n) { return random_.below(n) == 0; }

  void pause(Peer& p) {
    p.pause();
    w_.after(std::chrono::milliseconds(random_.below(6000)), [&p] { p.resume(); });
  }

  /// A request, or a part of one, or none at all.
  void speak(Someone& who) {
    if (who.in_the_middle) return;
    if (tcp_) return who.client->send(std::string(random_.below(40'000), 't'));
    constexpr const char* kPaths[] = {"/plain", "/retry", "/hedge", "/mirror", "/high", "/direct", "/nowhere"};
    const auto n = std::to_string(++who.requests);
    std::string s;
    const bool post = !who.head && one_in(2);
    s += who.head ? "HEAD " : post ? "POST " : "GET ";
    s += std::string(kPaths[random_.below(std::size(kPaths))]) + "/" + n + " HTTP/1.1\r\nhost: h\r\n";
    if (one_in(10)) s += "x-envoy-fault-delay-request: " + std::to_string(random_.below(500)) + "\r\n";
    if (one_in(10)) s += "x-envoy-fault-throughput-response: 20\r\n";
    if (one_in(10)) s += "connection: close\r\n";
    if (post && one_in(6)) s += "expect: 100-continue\r\n";
    if (who.client->raw && !post && one_in(2)) s += "connection: upgrade\r\nupgrade: websocket\r\n";
    const std::string body(random_.below(one_in(4) ? 60'000 : 100), 'b');
    if (post && one_in(2)) {
      s += "transfer-encoding: chunked\r\n\r\n";
      for (std::size_t at = 0; at < body.size();) {
        const auto piece = std::min<std::size_t>(1 + random_.below(9000), body.size() - at);
        char line[20];
        std::snprintf(line, sizeof line, "%zx\r\n", piece);
        s += line + body.substr(at, piece) + "\r\n";
        at += piece;
      }
      s += "0\r\n\r\n";
    } else {
      if (post) s += "content-length: " + std::to_string(body.size()) + "\r\n";
      s += "\r\n";
      if (post) s += body;
    }
    if (one_in(40)) s = "garb\x01ge " + s;
    if (!one_in(4)) return who.client->send(s);
    const auto cut = random_.below(s.size());  // the rest comes later, or never
    who.client->send(s.substr(0, cut));
    who.in_the_middle = true;
    const auto wait = std::chrono::milliseconds(random_.below(one_in(4) ? 3000 : 50));
    if (one_in(8)) return;
    w_.after(wait, [&who, rest = s.substr(cut)] {
      who.client->send(rest);
      who.in_the_middle = false;
    });
  }

  void answer(Server::Connection& c, const Message& m) {
    const auto slash = m.path().rfind('/');
    const std::string body =
        "for " + m.path().substr(slash + 1) + " " + std::string(random_.below(one_in(4) ? 80'000 : 100), 'a');
    const auto wait = std::chrono::milliseconds(one_in(2) ? 0 : random_.below(one_in(5) ? 5000 : 300));
    const bool head = m.start.starts_with("HEAD ");
    if (m.has("upgrade")) c.raw = true;  // what follows is no HTTP, whatever the answer
    const auto kind = random_.below(24);
    w_.after(wait, [this, &c, body, head, kind, upgrade = m.has("upgrade")] {
      if (upgrade && kind < 12) {
        upgraded_.insert(&c);
        return c.send("HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n");
      }
      if (head) return c.send("HTTP/1.1 200 OK\r\ncontent-length: 1234\r\n\r\n");
      switch (kind) {
        case 0: return c.reply("no", "500 Internal Server Error");
        case 1: return c.reply("no", "503 Service Unavailable");
        case 2: return c.peer.abort();
        case 3: return c.peer.close();
        case 4: return;  // never
        case 5: return c.send("HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n" + body.substr(0, 50));
        case 6: c.send("HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n" + body.substr(0, 50)); return c.peer.abort();
        case 7: c.send("HTTP/1.1 200 OK\r\n\r\n" + body); return c.peer.close();
        case 8: return c.send("HTTP/1.1 2000 What\r\n\r\n");
        case 9: c.send("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\n\r\n"); return c.reply(body);
        case 10: return c.reply(body, "200 OK", "connection: close\r\n");
        case 11: return c.send(chunked(body));
        default: return c.reply(body);
      }
    });
  }

  std::string chunked(const std::string& body) {
    std::string s = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
    for (std::size_t at = 0; at < body.size(); at += 7000) {
      const auto piece = body.substr(at, 7000);
      char line[20];
      std::snprintf(line, sizeof line, "%zx\r\n", piece.size());
      s += line + piece + "\r\n";
    }
    return s + "0\r\nx-trailer: 1\r\n\r\n";
  }

  void echo(Server::Connection& c) {
    const auto fresh = c.peer.in.substr(c.at);
    if (!tcp_ && !upgraded_.contains(&c)) return;
    c.at = c.peer.in.size();
    c.send(fresh);
    if (one_in(10)) one_in(2) ? c.peer.finish() : c.peer.abort();
  }

  World& w_;
  Random random_;
  bool tcp_;
  std::pair<Server::Connection*, std::size_t> answered_early_{};
  std::set<Server::Connection*> upgraded_;
  std::vector<Server*> servers_;
  std::deque<Someone> clients_;
};

void play(std::uint64_t seed) {
  INFO("OUTRIGGER_SEED=" << seed);
  const bool tcp = seed % 4 == 3;
  const Scenario s{tcp ? kTcp : kHttp, [seed, tcp](World& w) {
                     w.network.window = 2000 + seed % 7 * 5000;
                     w.clients_close = seed % 2 == 0;
                     Crowd crowd(w, seed, tcp);
                     for (int i = 0; i < 900; ++i) crowd.step();
                     if (seed % 5 == 0) w.drain(seed % 2 == 0);
                     for (int i = 0; i < 100; ++i) crowd.step();
                     if (seed % 11 == 0) w.shutdown();
                     w.run(30s);
                     crowd.check();
                   }};
  play_once(s, {.seed = seed, .storm_permille = static_cast<unsigned>(seed % 3 * 4)});
}

}  // namespace

TEST_CASE("random traffic in random weather leaves nothing behind", "[sim]") {
  if (const char* text = std::getenv("OUTRIGGER_SEED")) return play(std::strtoull(text, nullptr, 10));
  for (std::uint64_t seed = 1; seed <= 24; ++seed) play(seed);
  const std::uint64_t fresh = std::random_device{}() % 1'000'000'000 + 1000;
  std::printf("random run: OUTRIGGER_SEED=%llu\n", static_cast<unsigned long long>(fresh));
  play(fresh);
}
