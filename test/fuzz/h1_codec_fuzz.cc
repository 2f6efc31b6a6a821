// HTTP/1 bytes on both codecs. The first byte says how the rest is cut into reads: what comes out must not depend
// on it. A request that was accepted and is written again must be read again as the same request, or the upstream
// would see another one (request smuggling).
#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>

#include "fuzz/check.h"
#include "proxy/http/h1_codec.h"
#include "proxy/http/h1_writer.h"

namespace {

using namespace outrigger;  // NOLINT: a program of its own
using http::Framing;
using http::RequestHead;

std::string text_of(const RequestHead& h) {
  std::string s(h.method);
  s.append(" ").append(h.path).append(" ").append(h.authority).append("\n");
  for (const auto& e : h.headers) s.append(e.name).append(": ").append(e.value).append("\n");
  return s;
}

/// Everything that a codec tells, as one text.
class Told {
 public:
  std::string log;

 protected:
  void body(Buffer& part, bool end) {
    body_ += part.to_string();
    part.clear();
    if (end) log += std::exchange(body_, {}) + "|";
  }
  void trailers(const http::HeaderMap& t) { log += std::exchange(body_, {}) + "T" + std::to_string(t.size()) + "|"; }

 private:
  std::string body_;  // told when it is whole: what an error cuts off may be told or not
};

/// Calls `feed`, false to stop, while it takes some of the bytes.
template <class Feed>
void feed_all(Buffer& in, std::string_view bytes, Feed feed) {
  in.append(bytes);
  std::size_t before;
  bool more;
  do {
    before = in.size();
    more = feed();
  } while (more && in.size() < before && !in.empty());
}

class Server : public http::H1ServerCodec::Events, public Told {
 public:
  explicit Server(const http::Http1Options& o) : codec_(o) {}
  void read(std::string_view bytes) {
    feed_all(in_, bytes, [this] {
      codec_.feed(in_, *this);
      if (codec_.request_complete()) codec_.next_request();
      return true;
    });
  }

 private:
  RequestHead& on_request_start() override {
    head_ = arena_.make<RequestHead>(arena_);
    return *head_;
  }
  void on_request_head(const Framing& f, bool end) override {
    check(!f.upgrade || head_->headers.has(http::Name::upgrade));
    log += "HEAD " + text_of(*head_) + std::to_string(f.kind) + (end ? "|" : "&");
    rewrite(end, f);
  }
  void on_request_body(Buffer& part, bool end) override { body(part, end); }
  void on_request_trailers(http::HeaderMap& t) override { trailers(t); }
  void on_codec_error(const http::H1Error& e) override {
    check(e.status >= 400 && !e.detail.empty());
    log += "ERROR " + std::string(e.detail);
  }

  /// Written for an upstream and read by it: the same method, target, host and fields, and a body just where
  /// there was one.
  void rewrite(bool end, const Framing& f) {
    if (head_->is_connect() || f.upgrade) return;
    const auto* length = head_->headers.find(http::Name::content_length);
    check(length == nullptr || f.kind != Framing::chunked);
    head_->headers.remove(http::Name::connection);
    Buffer out;
    http::write_request_head(*head_, end, {}, out);
    std::string text = out.to_string();
    Arena arena;
    RequestHead again(arena);
    Framing framing;
    http::Http1Options loose;
    loose.headers_max = 10000;
    std::size_t scanned = 0;
    check(http::find_head_end(text, scanned) == text.size());
    check(!http::parse_request_head(text.data(), text.size(), loose, again, framing));
    check(again.method == head_->method && again.path == head_->path && again.authority == head_->authority);
    check((framing.kind == Framing::none) == end);
    check(framing.kind != Framing::length || framing.bytes == f.bytes);
  }

  http::H1ServerCodec codec_;
  Buffer in_;
  Arena arena_;
  RequestHead* head_ = nullptr;
};

class Client : public http::H1ClientCodec::Events, public Told {
 public:
  explicit Client(const http::Http1Options& o) : codec_(o) { codec_.expect_response("GET", false); }
  void read(std::string_view bytes) {
    feed_all(in_, bytes, [this] {
      codec_.feed(in_, *this);
      return !codec_.idle();
    });
  }
  void close() { codec_.feed_eof(*this); }

 private:
  Arena& response_arena() override { return arena_; }
  void on_informational(http::ResponseHead& h) override { log += "INFO " + std::to_string(h.status); }
  void on_response_head(http::ResponseHead& h, bool end) override {
    log += "HEAD " + std::to_string(h.status) + " " + std::to_string(h.headers.size()) + (end ? "|" : "&");
  }
  void on_response_body(Buffer& part, bool end) override { body(part, end); }
  void on_response_trailers(http::HeaderMap& t) override { trailers(t); }
  void on_codec_error(const http::H1Error& e) override { log += "ERROR " + std::string(e.detail); }

  http::H1ClientCodec codec_;
  Buffer in_;
  Arena arena_;
};

template <class Codec>
void feed_cut(Codec& codec, std::string_view bytes, std::size_t step) {
  while (!bytes.empty()) {
    const auto n = std::min(step, bytes.size());
    codec.read(bytes.substr(0, n));
    bytes.remove_prefix(n);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  http::Http1Options o;
  o.enable_trailers = (data[0] & 1) != 0;
  o.accept_http_10 = (data[0] & 2) != 0;
  o.allow_chunked_length = (data[0] & 4) != 0;
  o.headers_kb_max = 8;
  const std::size_t step = 1 + data[0] / 8;
  Server whole(o), cut(o);
  whole.read(bytes);
  feed_cut(cut, bytes, step);
  check(whole.log == cut.log);
  Client whole_client(o), cut_client(o);
  whole_client.read(bytes);
  feed_cut(cut_client, bytes, step);
  whole_client.close();
  cut_client.close();
  check(whole_client.log == cut_client.log);
  return 0;
}
