// HTTP/1 heads and bodies as they are written.
#include "proxy/http/h1_writer.h"

#include <catch2/catch.hpp>

#include "support/message.h"

using namespace outrigger;
using namespace outrigger::http;

TEST_CASE("request heads and the framing they announce", "[h1_writer]") {
  struct Row {
    const char* method;
    test::Fields fields;
    bool end;
    const char* connection;
    const char* text;  // behind the host line
    BodyFraming framing;
  };
  for (const Row& r : {
           Row{"GET", {}, true, "", "", BodyFraming::none},
           Row{"HEAD", {}, true, "", "", BodyFraming::none},
           Row{"DELETE", {}, true, "", "", BodyFraming::none},
           Row{"TRACE", {}, true, "", "", BodyFraming::none},
           Row{"POST", {}, true, "", "content-length: 0\r\n", BodyFraming::none},
           Row{"OPTIONS", {}, true, "", "content-length: 0\r\n", BodyFraming::none},
           Row{"GET", {}, false, "", "transfer-encoding: chunked\r\n", BodyFraming::chunked},
           Row{"POST", {{"content-length", "3"}}, false, "", "content-length: 3\r\n", BodyFraming::length},
           Row{"POST",
               {{"a", "b"}, {"transfer-encoding", "chunked"}},
               false,
               "",
               "a: b\r\ntransfer-encoding: chunked\r\n",
               BodyFraming::chunked},
           Row{"GET", {{"connection", "x"}, {"a", "b"}}, true, "close", "connection: close\r\na: b\r\n", BodyFraming::none},
           Row{"GET", {{"a", "b"}}, true, "close", "a: b\r\nconnection: close\r\n", BodyFraming::none},
           Row{"GET",
               {{"upgrade", "websocket"}},
               false,
               "Upgrade",
               "upgrade: websocket\r\nconnection: Upgrade\r\n",
               BodyFraming::tunnel},
       }) {
    INFO(r.method << ' ' << r.text);
    test::Request m("/p?q", r.fields, "h", r.method);
    Buffer out;
    WriteOptions o;
    o.connection = r.connection;
    CHECK(write_request_head(m.head, r.end, o, out) == r.framing);
    CHECK(out.to_string() == std::string(r.method) + " /p?q HTTP/1.1\r\nhost: h\r\n" + r.text + "\r\n");
  }
  test::Request connect("", {}, "h:1", "CONNECT");
  Buffer out;
  CHECK(write_request_head(connect.head, false, {}, out) == BodyFraming::tunnel);
  CHECK(out.to_string() == "CONNECT h:1 HTTP/1.1\r\nhost: h:1\r\n\r\n");
}

TEST_CASE("response heads and the framing they announce", "[h1_writer]") {
  struct Row {
    unsigned status;
    test::Fields fields;
    bool end;
    BodyRule rule;
    Protocol client;
    const char* text;
    BodyFraming framing;
  };
  constexpr auto kAny = BodyRule::any, kNone = BodyRule::bodiless_status, kHead = BodyRule::head_request,
                 kTunnel = BodyRule::tunnel;
  constexpr auto k10 = Protocol::http10, k11 = Protocol::http11;
  for (const Row& r : {
           Row{200, {}, true, kAny, k11, "200 OK\r\ncontent-length: 0\r\n", BodyFraming::none},
           Row{200, {}, false, kAny, k11, "200 OK\r\ntransfer-encoding: chunked\r\n", BodyFraming::chunked},
           Row{200, {}, false, kAny, k10, "200 OK\r\n", BodyFraming::until_close},
           Row{404, {{"content-length", "5"}}, false, kAny, k11, "404 Not Found\r\ncontent-length: 5\r\n", BodyFraming::length},
           Row{600, {}, true, kAny, k11, "600 Unknown\r\ncontent-length: 0\r\n", BodyFraming::none},
           Row{204, {}, true, kNone, k11, "204 No Content\r\n", BodyFraming::none},
           Row{304, {{"content-length", "5"}}, true, kNone, k11, "304 Not Modified\r\ncontent-length: 5\r\n", BodyFraming::none},
           Row{200, {}, true, kHead, k11, "200 OK\r\ntransfer-encoding: chunked\r\n", BodyFraming::none},
           Row{200, {}, true, kHead, k10, "200 OK\r\n", BodyFraming::none},
           Row{200, {{"content-length", "5"}}, true, kHead, k11, "200 OK\r\ncontent-length: 5\r\n", BodyFraming::none},
           Row{101, {{"upgrade", "x"}}, false, kTunnel, k11, "101 Switching Protocols\r\nupgrade: x\r\n", BodyFraming::tunnel},
           Row{101, {}, true, kNone, k11, "101 Switching Protocols\r\n", BodyFraming::none},
           Row{200, {}, false, kTunnel, k11, "200 OK\r\n", BodyFraming::tunnel},
           Row{200, {{"content-length", "5"}}, false, kTunnel, k11, "200 OK\r\ncontent-length: 5\r\n", BodyFraming::tunnel},
       }) {
    INFO(r.text);
    test::Response m(r.status, r.fields);
    Buffer out;
    CHECK(write_response_head(m.head, r.end, r.rule, r.client, {}, out) == r.framing);
    CHECK(out.to_string() == (r.client == k10 ? "HTTP/1.0 " : "HTTP/1.1 ") + std::string(r.text) + "\r\n");
  }
}

TEST_CASE("header case formats", "[h1_writer]") {
  Arena arena;
  ResponseHead head(arena);
  head.status = 200;
  head.headers.add("x-foo-1bar", "A-b");
  head.headers.add("etag", "v");
  head.headers.add("x_y.z", "");
  WriteOptions o;
  const auto text = [&] {
    Buffer out;
    write_response_head(head, true, BodyRule::any, Protocol::http11, o, out);
    return out.to_string();
  };
  CHECK(text() == "HTTP/1.1 200 OK\r\nx-foo-1bar: A-b\r\netag: v\r\nx_y.z: \r\ncontent-length: 0\r\n\r\n");
  o.header_case = HeaderCase::proper_words;
  CHECK(text() == "HTTP/1.1 200 OK\r\nX-Foo-1bar: A-b\r\nEtag: v\r\nX_Y.Z: \r\nContent-Length: 0\r\n\r\n");
  HeaderMap::NameCase::Received again{"etaG"}, other{"ETag", &again};
  HeaderMap::NameCase kept{&other, false};
  head.headers.set_name_case(&kept);  // the writer's own wish no longer counts; of a name twice the first
  CHECK(text() == "HTTP/1.1 200 OK\r\nx-foo-1bar: A-b\r\nETag: v\r\nx_y.z: \r\ncontent-length: 0\r\n\r\n");
  kept.else_proper = true;
  o.header_case = HeaderCase::lower;
  CHECK(text() == "HTTP/1.1 200 OK\r\nX-Foo-1bar: A-b\r\nETag: v\r\nX_Y.Z: \r\nContent-Length: 0\r\n\r\n");
}

TEST_CASE("bodies behind their frame", "[h1_writer]") {
  struct Row {
    BodyFraming framing;
    const char* body;
    bool end;
    const char* wire;
  };
  for (const Row& r : {Row{BodyFraming::chunked, "0123456789abcdef", false, "10\r\n0123456789abcdef\r\n"},
                       Row{BodyFraming::chunked, "x", true, "1\r\nx\r\n0\r\n\r\n"},
                       Row{BodyFraming::chunked, "", true, "0\r\n\r\n"}, Row{BodyFraming::chunked, "", false, ""},
                       Row{BodyFraming::length, "x", true, "x"}, Row{BodyFraming::until_close, "x", false, "x"},
                       Row{BodyFraming::tunnel, "x", false, "x"}, Row{BodyFraming::none, "x", true, ""}}) {
    Buffer body, out;
    body.append(r.body);
    write_body(r.framing, body, r.end, out);
    CHECK(out.to_string() == r.wire);
    CHECK(body.empty());
  }
}

TEST_CASE("trailers are written behind the last chunk when they are enabled", "[h1_writer]") {
  const test::Response m(200, {{"x-a", "1"}, {"b", "2"}});
  WriteOptions o;
  const auto text = [&](BodyFraming framing, const HeaderMap& trailers) {
    Buffer out;
    write_trailers(framing, trailers, o, out);
    return out.to_string();
  };
  CHECK(text(BodyFraming::chunked, m.head.headers) == "0\r\n\r\n");
  o.enable_trailers = true;
  CHECK(text(BodyFraming::chunked, m.head.headers) == "0\r\nx-a: 1\r\nb: 2\r\n\r\n");
  CHECK(text(BodyFraming::chunked, test::Response().head.headers) == "0\r\n\r\n");
  CHECK(text(BodyFraming::length, m.head.headers).empty());
  o.header_case = HeaderCase::proper_words;
  CHECK(text(BodyFraming::chunked, m.head.headers) == "0\r\nX-A: 1\r\nB: 2\r\n\r\n");
}

TEST_CASE("a head larger than a block is written all the same", "[h1_writer]") {
  const std::string big(Buffer::kBlockBytes, 'v');
  test::Request m("/", {{"x-big", big}, {"x-next", "1"}}, "h");
  Buffer out;
  write_request_head(m.head, true, {}, out);
  CHECK(out.to_string() == "GET / HTTP/1.1\r\nhost: h\r\nx-big: " + big + "\r\nx-next: 1\r\n\r\n");
}
