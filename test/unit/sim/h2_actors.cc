#include "unit/sim/h2_actors.h"

#include <catch2/catch.hpp>
#include "proxy/stats/names.h"

namespace outrigger::sim {

std::string H2Message::get(std::string_view name) const {
  for (const auto& [n, v] : head)
    if (n == name) return v;
  return {};
}
int H2Message::status() const {
  const std::string s = get(":status");
  return s.empty() ? 0 : std::stoi(s);
}

H2End::H2End(Peer& p, http2::Codec::Side side, const http2::Options& options)
    : peer(p),
      options_(options),
      cells_(registry_.new_cells()),
      codec_(std::make_unique<http2::Codec>(side, options_, cells_, stats::make_block<stats::Http2Stat>(registry_, "http2."),
                                            *this, 0)) {
  peer.on_data = [this] { read(); };
  flush();
}
H2End::~H2End() {
  peer.on_data = [] {};
}

void H2End::flush() {
  if (reading_ || broken) return;
  Buffer out;
  codec_->fill(out);
  closed_.clear();
  if (out.empty() || peer.closed()) return;
  codec_->on_written(out.size());
  peer.send(out.to_string());
}

void H2End::read() {
  if (broken) return;
  in_.append(peer.in);
  peer.in.clear();
  reading_ = true;
  broken = !codec_->feed(in_);
  reading_ = false;
  flush();
}

std::int32_t H2End::request(std::string_view path, std::string_view body, bool end) {
  const std::vector<http2::Field> fields{
      {":method", body.empty() && end ? "GET" : "POST"}, {":path", path}, {":scheme", "http"}, {":authority", "h"}};
  auto s = std::make_unique<Stream>();
  if (!codec_->submit_request(*s, fields, body.empty() && end)) return 0;
  const auto id = s->id;
  streams_[id] = std::move(s);
  if (!body.empty()) send(id, body, end);
  flush();
  return id;
}

void H2End::reply(std::int32_t id, std::string_view body, std::string_view status, bool end, std::string_view content_type) {
  if (!open(id)) return;
  std::vector<http2::Field> fields{{":status", status}};
  if (!content_type.empty()) fields.push_back({"content-type", content_type});
  codec_->submit_response(*streams_.at(id), fields, body.empty() && end);
  if (!body.empty()) send(id, body, end);
  flush();
}

void H2End::send(std::int32_t id, std::string_view bytes, bool end) {
  if (!open(id)) return;
  Buffer b;
  b.append(bytes);
  codec_->send_body(*streams_.at(id), b, end);
  flush();
}

void H2End::send_trailers(std::int32_t id, std::string_view name, std::string_view value) {
  if (!open(id)) return;
  codec_->send_trailers(*streams_.at(id), std::vector<http2::Field>{{name, value}});
  flush();
}

void H2End::reset(std::int32_t id, std::uint32_t code) {
  if (!open(id)) return;
  codec_->reset(*streams_.at(id), code);
  flush();
}

void H2End::goaway(bool notice) {
  codec_->submit_goaway(notice);
  flush();
}

void H2End::hold(std::int32_t id, bool hold) {
  if (open(id)) codec_->pause(*streams_.at(id), hold);
  flush();
}

http2::CodecStream* H2End::on_request_begin(std::int32_t id) { return (streams_[id] = std::make_unique<Stream>()).get(); }

bool H2End::on_header(http2::CodecStream&, std::string_view name, std::string_view value) {
  fields_.emplace_back(name, value);
  return true;
}

void H2End::on_headers_end(http2::CodecStream& c, bool end) {
  auto& s = static_cast<Stream&>(c);
  auto& m = messages[s.id];
  if (s.head_done) {
    m.trailers = std::move(fields_);
  } else {
    m.head = std::move(fields_);
    m.has_head = true;
    s.head_done = m.status() / 100 != 1;
  }
  fields_.clear();
  if (end) complete(s.id);
}

void H2End::on_data(http2::CodecStream& s, Buffer& data, bool end) {
  messages[s.id].body += data.to_string();
  data.clear();
  if (end) complete(s.id);
}

void H2End::complete(std::int32_t id) {
  auto& m = messages[id];
  CHECK_FALSE(m.complete);
  m.complete = true;
  if (on_complete) on_complete(id, m);
}

void H2End::on_reset(http2::CodecStream& s, std::uint32_t code) { messages[s.id].reset = static_cast<int>(code); }

void H2End::on_closed(http2::CodecStream& c, std::uint32_t code) {
  const auto id = c.id;
  auto& m = messages[id];
  if (!m.over() && code != 0) m.reset = static_cast<int>(code);
  closed_.push_back(std::move(streams_.at(id)));
  streams_.erase(id);
}

H2Server::H2Server(Network& network, const std::string& ip_port, const http2::Options& options)
    : target(network.target(ip_port)) {
  on_request = [](H2End& c, std::int32_t id, H2Message&) { c.reply(id); };
  target.on_accept = [this, options](Peer& peer) {
    H2End& c = connections.emplace_back(peer, http2::Codec::Side::server, options);
    c.on_complete = [this, &c](std::int32_t id, H2Message& m) { on_request(c, id, m); };
    peer.on_end = [&peer] {
      if (peer.fin) peer.close();
    };
  };
}

H2Server::~H2Server() {
  target.on_accept = [](Peer&) {};
}

H2End& h2_client(Client& client, std::deque<H2End>& owner, const http2::Options& options) {
  client.raw = true;
  return owner.emplace_back(client.peer, http2::Codec::Side::client, options);
}

}  // namespace outrigger::sim
