// Both HTTP/1 codecs as machines: bytes in pieces of every size, events out as one string.
#include "proxy/http/h1_codec.h"

#include <catch2/catch.hpp>
#include <memory>

#include "support/message.h"

using namespace outrigger;
using namespace outrigger::http;

namespace {

/// Keeps what the server codec tells; a new stream for each request.
struct ServerLog final : H1ServerCodec::Events {
  std::string log, body;
  std::vector<std::unique_ptr<test::Message<RequestHead>>> streams;
  H1ServerCodec* next = nullptr;  // set: asks for the next request as soon as one is complete

  RequestHead& on_request_start() override {
    streams.push_back(std::make_unique<test::Message<RequestHead>>());
    return streams.back()->head;
  }
  void on_request_head(const Framing&, bool end) override {
    const auto& h = streams.back()->head;
    log.append(h.method).append(" ").append(h.path).append(" [").append(streams.back()->text()).append("]");
    ended(end);
  }
  void on_request_body(Buffer& b, bool end) override {
    body += b.to_string();
    b.clear();
    if (end) log += " body=" + body;
    ended(end);
  }
  void on_request_trailers(HeaderMap& t) override {
    log += " body=" + body + " trailers=" + test::text_of(t);
    ended(true);
  }
  void on_codec_error(const H1Error& e) override {
    log.append(" error=").append(std::to_string(e.status)).append(" ").append(e.detail);
  }
  void ended(bool end) {
    if (!end) return;
    log += " end;";
    body.clear();
    if (next != nullptr) next->next_request();
  }
};

std::string serve(std::string_view wire, std::size_t piece, const Http1Options& o = {}, bool pipelined = true) {
  H1ServerCodec codec(o);
  ServerLog events;
  if (pipelined) events.next = &codec;
  Buffer in;
  for (std::size_t at = 0; at < wire.size(); at += piece) {
    in.append(wire.substr(at, piece));
    codec.feed(in, events);
  }
  return events.log;
}

struct ClientLog final : H1ClientCodec::Events {
  std::string log, body;
  Arena arena;
  Arena& response_arena() override { return arena; }
  void on_informational(ResponseHead& h) override { log += "(" + std::to_string(h.status) + ")"; }
  void on_response_head(ResponseHead& h, bool end) override {
    log += std::to_string(h.status) + " [" + test::text_of(h.headers) + "]" + (end ? " end;" : "");
  }
  void on_response_body(Buffer& b, bool end) override {
    body += b.to_string();
    b.clear();
    if (end) log += " body=" + body + " end;";
  }
  void on_response_trailers(HeaderMap& t) override { log += " body=" + body + " trailers=" + test::text_of(t) + " end;"; }
  void on_codec_error(const H1Error& e) override { log.append(" error=").append(e.detail); }
};

struct Answer {
  Http1Options options;
  H1ClientCodec codec{options};
  ClientLog events;
  Buffer in;
  explicit Answer(std::string_view wire, std::size_t piece = 1 << 20, std::string_view method = "GET", bool upgrade = false,
                  const Http1Options& o = {})
      : options(o) {
    codec.expect_response(method, upgrade);
    for (std::size_t at = 0; at < wire.size(); at += piece) {
      in.append(wire.substr(at, piece));
      codec.feed(in, events);
    }
  }
};

}  // namespace

TEST_CASE("pipelined requests are read the same in pieces of every size", "[h1_codec]") {
  const std::string wire =
      "\r\n\r\nGET /1 HTTP/1.1\r\nHost: a\r\n\r\n"
      "POST /2 HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello\r\n"
      "POST /3 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\nT: v\r\n\r\n"
      "PUT /4 HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n";
  Http1Options o;
  o.enable_trailers = true;
  for (std::size_t piece = 1; piece <= wire.size(); ++piece) {
    INFO(piece);
    CHECK(serve(wire, piece, o) ==
          "GET /1 [] end;POST /2 [content-length: 5] body=hello end;"
          "POST /3 [transfer-encoding: chunked] body=abcde trailers=t: v end;PUT /4 [content-length: 0] end;");
  }
}

TEST_CASE("trailers are dropped unless they are enabled", "[h1_codec]") {
  const std::string wire = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\nT: v\r\n\r\n";
  for (std::size_t piece = 1; piece <= wire.size(); ++piece)
    CHECK(serve(wire, piece) == "POST / [transfer-encoding: chunked] body=x end;");
}

TEST_CASE("a request waits until the one before it was answered", "[h1_codec]") {
  const Http1Options o;
  H1ServerCodec codec(o);
  ServerLog events;
  Buffer in;
  in.append("GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n");
  codec.feed(in, events);
  CHECK(events.log == "GET /1 [] end;");
  CHECK(codec.request_complete());
  CHECK_FALSE(codec.between_requests());
  codec.feed(in, events);
  CHECK(events.log == "GET /1 [] end;");
  codec.next_request();
  CHECK(codec.between_requests());
  codec.feed(in, events);
  CHECK(events.log == "GET /1 [] end;GET /2 [] end;");
  CHECK(in.empty());
}

TEST_CASE("errors of a request, wherever it is cut", "[h1_codec]") {
  struct Row {
    const char *wire, *log;
  };
  for (const Row& r : {
           Row{"BLAH / HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\n\r\n", " error=400 http1.codec_error"},
           Row{"GET / HTTP/1.1\r\nHost: a\r\nbad header\r\n\r\n", " error=400 http1.codec_error"},
           Row{"GET / HTTP/1.0\r\n\r\n", " error=426 low_version"},
           Row{"GET /\r\n", " error=426 low_version"},
           Row{"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\nzz\r\n",
               "POST / [transfer-encoding: chunked] error=400 http1.codec_error"},
           Row{"GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGARBAGE\r\n\r\n", "GET /1 [] end; error=400 http1.codec_error"},
       }) {
    INFO(r.wire);
    const std::string wire = r.wire;
    for (std::size_t piece = 1; piece <= wire.size(); ++piece) CHECK(serve(wire, piece) == r.log);
  }
}

TEST_CASE("what was received before bad trailers is told first", "[h1_codec]") {
  const std::string head = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
  for (const auto& [chunks, body] : {std::pair("2\r\nhi\r\n0\r\nbad name: x\r\n\r\n", "hi"),
                                     {"2\r\nhi\r\n0\n\r\n", "hi"},
                                     {"2\r\nhi\r\nzz\r\n", ""},
                                     {"2\r\nhi\r\n\r\n", ""}}) {
    const Http1Options o;
    H1ServerCodec codec(o);
    ServerLog events;
    Buffer in;
    in.append(head + chunks);
    codec.feed(in, events);
    CHECK(events.log == "POST / [transfer-encoding: chunked] error=400 http1.codec_error");
    CHECK(events.body == body);
  }
}

TEST_CASE("nothing is read after an error, and the input is not kept", "[h1_codec]") {
  const Http1Options o;
  H1ServerCodec codec(o);
  ServerLog events;
  Buffer in;
  in.append("BLAH / HTTP/1.1\r\n\r\nGET / HTTP/1.1\r\n");
  codec.feed(in, events);
  codec.next_request();
  in.append("Host: a\r\n\r\n");
  codec.feed(in, events);
  CHECK(in.empty());
  CHECK(events.log == " error=400 http1.codec_error");
}

TEST_CASE("a head has a maximum size, to the byte", "[h1_codec]") {
  Http1Options o;
  o.headers_kb_max = 1;
  const auto head = [](std::size_t bytes, std::string_view rest = "") {
    std::string s = "GET / HTTP/1.1\r\nHost: a\r\nX: ";
    s.append(bytes - s.size() - 4, 'x');
    return s.append("\r\n\r\n").append(rest);
  };
  const std::string too_large = " error=431 http1.headers_too_large";
  for (const std::size_t piece : {std::size_t{1}, std::size_t{7}, std::size_t{1000}, std::size_t{4000}}) {
    INFO(piece);
    CHECK(serve(head(1024), piece, o).ends_with(" end;"));
    CHECK(serve(head(1025), piece, o) == too_large);
    CHECK(serve(head(1024, head(1025)), piece, o).ends_with(" end;" + too_large));
    CHECK(serve(std::string(2000, 'x'), piece, o) == too_large);  // no end in sight
  }
  CHECK(serve(std::string(1024, 'x'), 1, o).empty());
}

TEST_CASE("a tunnel passes all bytes as body", "[h1_codec]") {
  const Http1Options o;
  H1ServerCodec codec(o);
  ServerLog events;
  Buffer in;
  in.append("CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n");
  codec.feed(in, events);
  codec.become_tunnel();
  in.append("GET / HTTP/1.1\r\n\r\n\x01");
  codec.feed(in, events);
  CHECK(events.body == "GET / HTTP/1.1\r\n\r\n\x01");
  codec.stop();
  in.append("more");
  codec.feed(in, events);
  CHECK(in.empty());
  CHECK(events.body == "GET / HTTP/1.1\r\n\r\n\x01");
}

TEST_CASE("responses are read the same in pieces of every size", "[h1_codec]") {
  struct Row {
    const char *wire, *log;
    bool keep_alive;
  };
  Http1Options o;
  o.enable_trailers = true;
  for (const Row& r : {
           Row{"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", "200 [content-length: 5] body=hello end;", true},
           Row{"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "200 [content-length: 0] end;", true},
           Row{"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 x\r\nA: b\r\n\r\nHTTP/1.1 204 No\r\n\r\n", "(100)(103)204 [] end;",
               true},
           Row{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\nT: v\r\n\r\n",
               "200 [transfer-encoding: chunked] body=abc trailers=t: v end;", true},
           Row{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "200 [transfer-encoding: chunked] body= end;",
               true},
           Row{"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nConnection: close\r\n\r\nx",
               "200 [content-length: 1|connection: close] body=x end;", false},
       }) {
    INFO(r.wire);
    const std::string wire = r.wire;
    for (std::size_t piece = 1; piece <= wire.size(); ++piece) {
      const Answer a(wire, piece, "GET", false, o);
      CHECK(a.events.log == r.log);
      CHECK(a.codec.idle());
      CHECK(a.codec.keep_alive() == r.keep_alive);
    }
  }
}

TEST_CASE("a response without a length ends with the connection", "[h1_codec]") {
  Answer a("HTTP/1.1 200 OK\r\n\r\nall of", 1);
  CHECK(a.events.log == "200 []");
  CHECK(a.codec.head_seen());
  CHECK(a.codec.feed_eof(a.events));
  CHECK(a.events.log == "200 [] body=all of end;");
  CHECK_FALSE(a.codec.keep_alive());
  CHECK_FALSE(a.codec.feed_eof(a.events));
  for (const char* cut : {"", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nx",
                          "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n"}) {
    Answer c(cut);
    CHECK_FALSE(c.codec.feed_eof(c.events));
  }
}

TEST_CASE("bytes that no request asked for stay in the input", "[h1_codec]") {
  Answer a("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nxHTTP/1.1 200 OK\r\n");
  CHECK(a.events.log == "200 [content-length: 1] body=x end;");
  CHECK(a.in.to_string() == "HTTP/1.1 200 OK\r\n");
}

TEST_CASE("101 opens a tunnel only for a request that asked", "[h1_codec]") {
  const std::string wire = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n\x81\x01x";
  Answer asked(wire, 1, "GET", true);
  CHECK(asked.events.log == "101 [connection: Upgrade|upgrade: websocket]");
  CHECK(asked.events.body == "\x81\x01x");
  CHECK_FALSE(asked.codec.keep_alive());
  CHECK(asked.codec.feed_eof(asked.events));
  Answer unasked(wire, 1, "GET", false);
  CHECK(unasked.events.log == "101 [connection: Upgrade|upgrade: websocket] end;");
  CHECK(unasked.events.body.empty());
  Answer connect("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nxyz", 1, "CONNECT");
  CHECK(connect.events.log == "200 [content-length: 1]");
  CHECK(connect.events.body == "xyz");
}

TEST_CASE("errors of a response", "[h1_codec]") {
  Http1Options small;
  small.headers_kb_max = 1;
  CHECK(Answer("garbage\r\n\r\n", 1).events.log == " error=http1.codec_error");
  CHECK(Answer("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 1).events.log ==
        "200 [transfer-encoding: chunked] error=http1.codec_error");
  CHECK(Answer("HTTP/1.1 200 OK\r\nX: " + std::string(2000, 'x'), 100, "GET", false, small).events.log ==
        " error=http1.headers_too_large");
  std::string many;
  for (int i = 0; i < 100; ++i) many += "HTTP/1.1 100 Continue\r\n\r\n";
  CHECK(Answer(many + "HTTP/1.1 204 x\r\n\r\n").events.log.ends_with("(100)204 [] end;"));
  CHECK(Answer(many + "HTTP/1.1 100 Continue\r\n\r\n").events.log.ends_with("(100) error=http1.codec_error"));
  Answer dead("garbage\r\n\r\nHTTP/1.1 200 OK\r\n");
  CHECK_FALSE(dead.codec.keep_alive());
  dead.codec.feed(dead.in, dead.events);
  CHECK(dead.in.empty());
  CHECK(dead.events.log == " error=http1.codec_error");
}

TEST_CASE("a client codec serves one request after another", "[h1_codec]") {
  Answer a("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n");
  a.codec.expect_response("HEAD", false);
  CHECK_FALSE(a.codec.head_seen());
  a.in.append("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n");
  a.codec.feed(a.in, a.events);
  CHECK(a.events.log == "200 [transfer-encoding: chunked] body=x end;200 [content-length: 9] end;");
  CHECK(a.codec.idle());
}
