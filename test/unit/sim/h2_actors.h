// The far ends of HTTP/2 connections: a client that opens streams and collects answers, a server that answers. Both
// speak through a codec of their own.
#pragma once
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>
#include "proxy/http2/codec.h"
#include "proxy/stats/stats.h"
#include "unit/sim/actors.h"

namespace outrigger::sim {

/// What came on one stream.
struct H2Message {
  std::vector<std::pair<std::string, std::string>> head, trailers;
  std::string body;
  bool has_head = false, complete = false;
  int reset = -1;  // the code of a RST_STREAM
  std::string get(std::string_view name) const;
  int status() const;
  bool over() const noexcept { return complete || reset >= 0; }
};

/// One connection, either side.
class H2End final : public http2::CodecEvents {
 public:
  H2End(Peer& peer, http2::Codec::Side side, const http2::Options& options = {});
  ~H2End();
  /// Client: opens a stream; its id, 0: the connection takes none.
  std::int32_t request(std::string_view path, std::string_view body = "", bool end = true);
  /// Server.
  void reply(std::int32_t id, std::string_view body = "ok", std::string_view status = "200", bool end = true,
             std::string_view content_type = "");
  void send(std::int32_t id, std::string_view bytes, bool end);
  void send_trailers(std::int32_t id, std::string_view name, std::string_view value);
  void reset(std::int32_t id, std::uint32_t code);
  void goaway(bool notice);
  /// Takes nothing more of a stream's body: the proxy's window closes.
  void hold(std::int32_t id, bool hold);
  void flush();
  bool open(std::int32_t id) const { return streams_.contains(id); }

  std::function<void(std::int32_t, H2Message&)> on_complete;
  std::map<std::int32_t, H2Message> messages;
  std::vector<std::uint32_t> goaways;  // codes
  bool broken = false;                 // what came is not HTTP/2
  Peer& peer;

 private:
  struct Stream : http2::CodecStream {
    bool head_done = false;
  };
  void read();
  http2::CodecStream* on_request_begin(std::int32_t id) override;
  void on_block_begin(http2::CodecStream&) override {}
  bool on_header(http2::CodecStream& s, std::string_view name, std::string_view value) override;
  void on_headers_end(http2::CodecStream& s, bool end) override;
  void on_data(http2::CodecStream& s, Buffer& data, bool end) override;
  void on_reset(http2::CodecStream& s, std::uint32_t code) override;
  void on_closed(http2::CodecStream& s, std::uint32_t code) override;
  void on_send_above(http2::CodecStream&) override {}
  void on_send_below(http2::CodecStream&) override {}
  void on_local_end(http2::CodecStream&) override {}
  void on_goaway(std::int32_t, std::uint32_t code) override { goaways.push_back(code); }
  void complete(std::int32_t id);

  http2::Options options_;
  stats::Registry registry_;
  stats::Cells& cells_;
  Buffer in_;
  std::vector<std::pair<std::string, std::string>> fields_;
  std::map<std::int32_t, std::unique_ptr<Stream>> streams_;
  std::vector<std::unique_ptr<Stream>> closed_;
  bool reading_ = false;
  std::unique_ptr<http2::Codec> codec_;
};

class H2Server {
 public:
  explicit H2Server(Network& network, const std::string& ip_port = "10.0.1.1:80", const http2::Options& options = {});
  ~H2Server();
  H2Server(const H2Server&) = delete;
  H2Server& operator=(const H2Server&) = delete;
  /// A request is complete. Answers 200 "ok" unless replaced.
  std::function<void(H2End&, std::int32_t, H2Message&)> on_request;
  std::deque<H2End> connections;
  Target& target;
};

/// The wire of a World's client, spoken to in HTTP/2.
H2End& h2_client(Client& client, std::deque<H2End>& owner, const http2::Options& options = {});

}  // namespace outrigger::sim
