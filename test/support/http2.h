// One end of an HTTP/2 connection in memory: a Codec whose events become a text, and streams that it owns.
#pragma once
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "proxy/http2/codec.h"
#include "proxy/stats/walk.h"

namespace outrigger::test {

class Http2Peer final : public http2::CodecEvents {
 public:
  using Side = http2::Codec::Side;
  explicit Http2Peer(Side side, const http2::Options& o = {}, std::size_t send_limit = 0)
      : options(o),
        codec(std::make_unique<http2::Codec>(side, options, cells_, stats::make_block<stats::Http2Stat>(registry_, "http2."),
                                             *this, send_limit)) {}
  ~Http2Peer() = default;

  /// False: the connection has failed.
  bool read(std::string_view bytes) {
    in_.append(bytes);
    return codec->feed(in_);
  }
  /// What it has to say.
  std::string write() {
    Buffer out;
    codec->fill(out);
    codec->on_written(out.size());
    return out.to_string();
  }
  /// Both say what they have until neither has more.
  void talk(Http2Peer& other) {
    for (;;) {
      const std::string a = write();
      const std::string b = other.write();
      if (a.empty() && b.empty()) return;
      other.read(a);
      read(b);
    }
  }
  http2::CodecStream& request(const std::vector<http2::Field>& more = {}, bool end = true) {
    std::vector<http2::Field> fields{{":method", "GET"}, {":path", "/"}, {":scheme", "http"}, {":authority", "h"}};
    fields.insert(fields.end(), more.begin(), more.end());
    auto s = std::make_unique<http2::CodecStream>();
    codec->submit_request(*s, fields, end);
    return *(streams[s->id] = std::move(s));
  }
  void respond(http2::CodecStream& s, std::string_view body = "", const std::vector<http2::Field>& more = {}) {
    std::vector<http2::Field> fields{{":status", "200"}};
    fields.insert(fields.end(), more.begin(), more.end());
    codec->submit_response(s, fields, body.empty());
    if (!body.empty()) send(s, body, true);
  }
  void send(http2::CodecStream& s, std::string_view body, bool end) {
    Buffer b;
    b.append(body);
    codec->send_body(s, b, end);
  }
  http2::CodecStream& stream(std::int32_t id) { return *streams.at(id); }
  bool has(std::int32_t id) const { return streams.contains(id); }
  std::uint64_t stat(std::string_view name) const {
    std::uint64_t value = 0;
    stats::Walk(registry_).each(stats::Walk::counters | stats::Walk::gauges, [&](const stats::StatView& s) {
      if (s.suffix == name) value = s.value;
    });
    return value;
  }
  std::string take_log() { return std::exchange(log, {}); }

  http2::Options options;
  std::string log;
  std::map<std::int32_t, std::unique_ptr<http2::CodecStream>> streams;

 private:
  http2::CodecStream* on_request_begin(std::int32_t id) override {
    return (streams[id] = std::make_unique<http2::CodecStream>()).get();
  }
  void on_block_begin(http2::CodecStream&) override {}
  bool on_header(http2::CodecStream& s, std::string_view name, std::string_view value) override {
    fields_[s.id].append(name).append("=").append(value).append(";");
    return true;
  }
  void on_headers_end(http2::CodecStream& s, bool end) override {
    say("head", s) += " " + std::exchange(fields_[s.id], {}) + (end ? "." : "");
  }
  void on_data(http2::CodecStream& s, Buffer& data, bool end) override {
    say("data", s) += " " + (data.size() > 100 ? std::to_string(data.size()) + " bytes" : data.to_string()) + (end ? "." : "");
    data.clear();
  }
  void on_reset(http2::CodecStream& s, std::uint32_t code) override { say("reset", s) += " " + std::to_string(code); }
  void on_closed(http2::CodecStream& s, std::uint32_t code) override {
    say("closed", s) += " " + std::to_string(code);
    fields_.erase(s.id);
    streams.erase(s.id);
  }
  void on_send_above(http2::CodecStream& s) override { say("above", s); }
  void on_send_below(http2::CodecStream& s) override { say("below", s); }
  void on_local_end(http2::CodecStream& s) override { say("sent", s); }
  void on_goaway(std::int32_t last, std::uint32_t code) override {
    log += "|goaway " + std::to_string(last) + " " + std::to_string(code);
  }
  void on_ping_answer() override { log += "|pong"; }
  std::string& say(const char* what, const http2::CodecStream& s) {
    return log.append("|").append(what).append(" ").append(std::to_string(s.id));
  }

  stats::Registry registry_;
  stats::Cells& cells_ = registry_.new_cells();
  std::map<std::int32_t, std::string> fields_;
  Buffer in_;

 public:
  std::unique_ptr<http2::Codec> codec;  // goes first
};

}  // namespace outrigger::test
