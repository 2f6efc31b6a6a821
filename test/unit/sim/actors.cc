#include "unit/sim/actors.h"

namespace outrigger::sim {

void Client::get(std::string_view path, std::string_view more_headers) {
  std::string s = "GET ";
  s += path;
  s += " HTTP/1.1\r\nhost: h\r\n";
  s += more_headers;
  s += "\r\n";
  send(s);
}

void Client::post(std::string_view body, std::string_view path) {
  std::string s = "POST ";
  s += path;
  s += " HTTP/1.1\r\nhost: h\r\ncontent-length: " + std::to_string(body.size()) + "\r\n\r\n";
  s += body;
  send(s);
}

const std::vector<Message>& Client::responses() {
  while (!broken_ && at_ < peer.in.size()) {
    auto p = parse_message(std::string_view(peer.in).substr(at_), true, answers_head);
    broken_ = p.state == Parsed::broken;
    const bool done = p.state == Parsed::complete || (p.state == Parsed::until_close && peer.fin);
    if (!done) break;
    at_ += p.message.size;
    responses_.push_back(std::move(p.message));
  }
  return responses_;
}

Parsed Client::rest() {
  responses();
  return parse_message(std::string_view(peer.in).substr(at_), true, answers_head);
}

void Server::Connection::reply(std::string_view body, std::string_view status, std::string_view headers) {
  std::string s = "HTTP/1.1 ";
  s += status;
  s += "\r\ncontent-length: " + std::to_string(body.size()) + "\r\n";
  s += headers;
  s += "\r\n";
  s += body;
  send(s);
}

Server::Server(Network& network, const std::string& ip_port) : target(network.target(ip_port)) {
  on_request = [](Connection& c, const Message&) { c.reply(); };
  target.on_accept = [this](Peer& peer) {
    Connection& c = connections.emplace_back(Connection{peer});
    peer.on_data = [this, &c] { read(c); };
    peer.on_end = [this, &c] {
      if (on_end) return on_end(c);
      if (c.peer.fin) c.peer.close();
    };
    if (on_accept) on_accept(c);
  };
}

void Server::read(Connection& c) {
  while (!c.raw && !c.broken && c.at < c.peer.in.size()) {
    auto p = parse_message(std::string_view(c.peer.in).substr(c.at), false);
    c.broken = p.state == Parsed::broken;
    const bool head = c.peer.in.find("\r\n\r\n", c.at) != std::string::npos;
    if (head && c.begun == c.done && on_head) {
      ++c.begun;
      on_head(c, p.message);
      if (c.raw) break;
    }
    if (p.state != Parsed::complete) return;
    c.at += p.message.size;
    ++c.done;
    c.begun = c.done;
    requests.push_back(std::move(p.message));
    on_request(c, Message(requests.back()));
  }
  if (c.raw && on_raw) on_raw(c);
}

}  // namespace outrigger::sim
