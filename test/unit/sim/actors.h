// Those at the far ends: clients that send what a scenario says and collect answers, servers that answer.
#pragma once
#include <deque>
#include <functional>
#include <string>
#include <vector>
#include "unit/sim/http_text.h"
#include "unit/sim/network.h"

namespace outrigger::sim {

class Client {
 public:
  explicit Client(Peer& peer) : peer(peer) {}
  void send(std::string_view bytes) { peer.send(bytes); }
  void get(std::string_view path = "/", std::string_view more_headers = "");
  void post(std::string_view body, std::string_view path = "/");
  /// Complete answers so far, informational ones included.
  const std::vector<Message>& responses();
  /// The first answer's status; 0: none.
  int status() { return responses().empty() ? 0 : responses()[0].status(); }
  /// What comes after the last complete answer.
  Parsed rest();
  std::string rest_bytes() { return responses(), peer.in.substr(at_); }
  bool ended() const noexcept { return peer.ended(); }
  bool answers_head = false;  // to HEAD requests
  bool raw = false;           // what it gets need not be HTTP
  Peer& peer;

 private:
  std::vector<Message> responses_;
  std::size_t at_ = 0;
  bool broken_ = false;
};

class Server {
 public:
  struct Connection {
    Peer& peer;
    std::size_t at = 0;     // parsed so far
    std::size_t begun = 0;  // heads seen
    std::size_t done = 0;   // requests complete
    bool broken = false, raw = false;
    void send(std::string_view bytes) { peer.send(bytes); }
    void reply(std::string_view body = "ok", std::string_view status = "200 OK", std::string_view headers = "");
  };
  Server(Network& network, const std::string& ip_port);
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;
  Target& target;
  std::function<void(Connection&)> on_accept;
  /// A head is there (the body may not be): told once per request.
  std::function<void(Connection&, const Message&)> on_head;
  /// A request is complete. Answers 200 "ok" unless replaced.
  std::function<void(Connection&, const Message&)> on_request;
  std::function<void(Connection&)> on_raw;  // bytes of a connection with raw set
  std::function<void(Connection&)> on_end;
  std::deque<Connection> connections;
  std::vector<Message> requests;

 private:
  void read(Connection& c);
};

}  // namespace outrigger::sim
