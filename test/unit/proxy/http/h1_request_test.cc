// HTTP/1 request heads: what is taken, what is refused and with which words; the refusals are those of Envoy 1.40.
#include <catch2/catch.hpp>

#include "support/h1.h"

using namespace outrigger;
using namespace outrigger::http;
using test::ParsedRequest;

namespace {
std::string with(const std::string& fields) { return "GET / HTTP/1.1\r\nHost: a\r\n" + fields + "\r\n"; }
}  // namespace

TEST_CASE("request lines give method, authority, path and scheme", "[h1]") {
  struct Row {
    const char *line, *method, *authority, *path, *scheme;
  };
  for (const Row& r : {
           Row{"GET / HTTP/1.1", "GET", "a", "/", ""},
           Row{"POST /a?b=c HTTP/1.1", "POST", "a", "/a?b=c", ""},
           Row{"GET  /a \t HTTP/1.1", "GET", "a", "/a", ""},
           Row{"GET /a HTTP/1.1 \t", "GET", "a", "/a", ""},
           Row{"MSEARCH /\"<>^`{|} HTTP/1.1", "MSEARCH", "a", "/\"<>^`{|}", ""},
           Row{"OPTIONS * HTTP/1.1", "OPTIONS", "a", "*", ""},
           Row{"CONNECT x.com:443 HTTP/1.1", "CONNECT", "x.com:443", "", ""},
           Row{"CONNECT [::1]:65535 HTTP/1.1", "CONNECT", "[::1]:65535", "", ""},
           Row{"GET http://b.com/x?y HTTP/1.1", "GET", "b.com", "/x?y", "http"},
           Row{"GET HTTPS://b.com:8080/ HTTP/1.1", "GET", "b.com:8080", "/", "https"},
           Row{"GET http://b.com HTTP/1.1", "GET", "b.com", "/", "http"},
           Row{"GET http://b.com?q HTTP/1.1", "GET", "b.com", "?q", "http"},
           Row{"GET http://u:p@b.com/x HTTP/1.1", "GET", "b.com", "/x", "http"},
       }) {
    INFO(r.line);
    const ParsedRequest p(std::string(r.line) + "\r\nHost: a\r\n\r\n");
    REQUIRE_FALSE(p.error);
    CHECK(p.head.method == r.method);
    CHECK(p.head.authority == r.authority);
    CHECK(p.head.path == r.path);
    CHECK(p.head.scheme == r.scheme);
    CHECK(p.head.headers.size() == 0);
    CHECK(p.head.protocol == Protocol::http11);
  }
}

TEST_CASE("request lines that are refused", "[h1]") {
  struct Row {
    const char* line;
    unsigned status;
    const char* detail;
  };
  for (const Row& r : {
           Row{"BLAH / HTTP/1.1", 400, "http1.codec_error"},
           Row{"get / HTTP/1.1", 400, "http1.codec_error"},
           Row{"GETX / HTTP/1.1", 400, "http1.codec_error"},
           Row{" GET / HTTP/1.1", 400, "http1.codec_error"},
           Row{"GET", 400, "http1.codec_error"},
           Row{"GET /a b HTTP/1.1", 400, "http1.codec_error"},
           Row{"GET /\x01 HTTP/1.1", 400, "http1.invalid_characters"},
           Row{"GET /\x7f HTTP/1.1", 400, "http1.invalid_characters"},
           Row{"GET /\x80 HTTP/1.1", 400, "http1.codec_error"},
           Row{"GET / HTTP/1.", 400, "http1.codec_error"},
           Row{"GET / HTTP/11", 400, "http1.codec_error"},
           Row{"GET / HTTP/1.10", 400, "http1.codec_error"},
           Row{"GET / http/1.1", 400, "http1.codec_error"},
           Row{"GET / HTTP/1.0", 426, "low_version"},
           Row{"GET / HTTP/1.2", 426, "low_version"},
           Row{"GET / HTTP/2.0", 426, "low_version"},
           Row{"GET * HTTP/1.1", 400, "http1.invalid_url"},
           Row{"GET a HTTP/1.1", 400, "http1.codec_error"},
           Row{"GET ://b HTTP/1.1", 400, "http1.codec_error"},
           Row{"GET ftp://b/ HTTP/1.1", 400, "http1.invalid_scheme"},
           Row{"GET http:///x HTTP/1.1", 400, "http1.invalid_url"},
           Row{"GET http://u@/x HTTP/1.1", 400, "http1.invalid_url"},
           Row{"CONNECT x.com HTTP/1.1", 400, "http1.invalid_url"},
           Row{"CONNECT x.com: HTTP/1.1", 400, "http1.invalid_url"},
           Row{"CONNECT x.com:65536 HTTP/1.1", 400, "http1.invalid_url"},
           Row{"CONNECT x.com:000080 HTTP/1.1", 400, "http1.invalid_url"},
           Row{"CONNECT x.com:8a HTTP/1.1", 400, "http1.invalid_url"},
           Row{"CONNECT :80 HTTP/1.1", 400, "http1.invalid_url"},
           Row{"CONNECT /x:80 HTTP/1.1", 400, "http1.invalid_url"},
           Row{"CONNECT u@x:80 HTTP/1.1", 400, "http1.invalid_url"},
       }) {
    INFO(r.line);
    const ParsedRequest p(std::string(r.line) + "\r\nHost: a\r\n\r\n");
    CHECK(p.error.status == r.status);
    CHECK(p.error.detail == r.detail);
  }
}

TEST_CASE("fields are lower-cased and trimmed, and lines may be folded", "[h1]") {
  struct Row {
    const char *fields, *want;
  };
  for (const Row& r : {
           Row{"", ""},
           Row{"A:b\r\n", "a: b"},
           Row{"X-FOO: \t bar \t\r\n", "x-foo: bar"},
           Row{"Empty:\r\n", "empty: "},
           Row{"Blank: \t \r\n", "blank: "},
           Row{"A: 1\nB: 2\r\n", "a: 1|b: 2"},
           Row{"!#$%&'*+-.^_`|~09: x\r\n", "!#$%&'*+-.^_`|~09: x"},
           Row{"A: \x80\xff\tx\r\n", "a: \x80\xff\tx"},
           Row{"A: 1\r\n 2\r\nB: 3\r\n", "a: 1 2|b: 3"},
           Row{"A: 1\n\t2\n", "a: 1\t2"},
           Row{"A: 1\rB: 2\r\n", "a: 1B: 2"},
           Row{"A: b: c\r\n", "a: b: c"},
           Row{"Accept: 1\r\nX: y\r\nAccept: 2\r\n", "accept: 1,2|x: y"},
           Row{"Cookie: 1\r\nCookie: 2\r\n", "cookie: 1|cookie: 2"},
       }) {
    INFO(r.fields);
    const ParsedRequest p(with(r.fields));
    REQUIRE_FALSE(p.error);
    CHECK(p.fields() == r.want);
  }
}

TEST_CASE("fields that are refused", "[h1]") {
  struct Row {
    const char* fields;
    const char* detail;
  };
  for (const Row& r : {
           Row{"A : b\r\n", "http1.codec_error"},
           Row{"A b: c\r\n", "http1.codec_error"},
           Row{"no colon\r\n", "http1.codec_error"},
           Row{": b\r\n", "http1.codec_error"},
           Row{"x[y: 1\r\n", "http1.codec_error"},
           Row{"\x80: 1\r\n", "http1.codec_error"},
           Row{"x\x01y: 1\r\n", "http1.invalid_characters"},
           Row{"x\x7fy: 1\r\n", "http1.invalid_characters"},
           Row{"A: \x01\r\n", "http1.invalid_characters"},
           Row{"A: \x7f\r\n", "http1.invalid_characters"},
           Row{"A: 1\r\n \x02\r\n", "http1.invalid_characters"},
       }) {
    INFO(r.fields);
    const ParsedRequest p(with(r.fields));
    CHECK(p.error.status == 400);
    CHECK(p.error.detail == r.detail);
  }
  CHECK(ParsedRequest("GET / HTTP/1.1\r\n A: b\r\n\r\n").error.detail == "http1.codec_error");
  const ParsedRequest nul(with(std::string("A: x\0y\r\n", 8)));
  CHECK(nul.error.detail == "http1.invalid_characters");
}

TEST_CASE("how a request's body is framed", "[h1]") {
  struct Row {
    const char* fields;
    Framing::Kind kind;
    std::uint64_t bytes;
  };
  for (const Row& r : {
           Row{"", Framing::none, 0},
           Row{"Content-Length: 0\r\n", Framing::none, 0},
           Row{"Content-Length: 1\r\n", Framing::length, 1},
           Row{"Content-Length: 00000000000000000000000000042\r\n", Framing::length, 42},
           Row{"Content-Length: 18446744073709551615\r\n", Framing::length, UINT64_MAX},
           Row{"Transfer-Encoding: chunked\r\n", Framing::chunked, 0},
           Row{"Transfer-Encoding: CHUNKED\r\n", Framing::chunked, 0},
       }) {
    INFO(r.fields);
    const ParsedRequest p(with(r.fields));
    REQUIRE_FALSE(p.error);
    CHECK(p.framing.kind == r.kind);
    CHECK(p.framing.bytes == r.bytes);
  }
}

TEST_CASE("framing that could be read in two ways is refused", "[h1]") {
  struct Row {
    const char* fields;
    unsigned status;
    const char* detail;
  };
  for (const Row& r : {
           Row{"Content-Length:\r\n", 400, "http1.codec_error"},
           Row{"Content-Length: 1x\r\n", 400, "http1.codec_error"},
           Row{"Content-Length: +1\r\n", 400, "http1.codec_error"},
           Row{"Content-Length: -1\r\n", 400, "http1.codec_error"},
           Row{"Content-Length: 1, 1\r\n", 400, "http1.codec_error"},
           Row{"Content-Length: 18446744073709551616\r\n", 400, "http1.codec_error"},
           Row{"Content-Length: 184467440737095516150\r\n", 400, "http1.codec_error"},
           Row{"Content-Length: 1\r\nContent-Length: 1\r\n", 400, "http1.codec_error"},
           Row{"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n", 400, "http1.content_length_and_chunked_not_allowed"},
           Row{"Transfer-Encoding: chunked\r\nContent-Length: 0\r\n", 400, "http1.content_length_and_chunked_not_allowed"},
           Row{"Transfer-Encoding: identity, chunked\r\n", 501, "http1.invalid_transfer_encoding"},
           Row{"Transfer-Encoding: chunked, chunked\r\n", 501, "http1.invalid_transfer_encoding"},
           Row{"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", 501, "http1.invalid_transfer_encoding"},
           Row{"Transfer-Encoding: gzip\r\n", 501, "http1.invalid_transfer_encoding"},
           Row{"Transfer-Encoding:\r\n", 501, "http1.invalid_transfer_encoding"},
       }) {
    INFO(r.fields);
    const ParsedRequest p(with(r.fields));
    CHECK(p.error.status == r.status);
    CHECK(p.error.detail == r.detail);
  }
  Http1Options o;
  o.allow_chunked_length = true;
  const ParsedRequest p(with("Content-Length: 1\r\nTransfer-Encoding: chunked\r\n"), o);
  REQUIRE_FALSE(p.error);
  CHECK(p.framing.kind == Framing::chunked);
  CHECK(p.fields() == "transfer-encoding: chunked");
}

TEST_CASE("what a request says of its connection", "[h1]") {
  struct Row {
    const char *version, *fields;
    bool keep_alive, upgrade, expect;
  };
  Http1Options o;
  o.accept_http_10 = true;
  for (const Row& r : {
           Row{"1.1", "", true, false, false},
           Row{"1.1", "Connection: close\r\n", false, false, false},
           Row{"1.1", "Connection: x , CLOSE\r\n", false, false, false},
           Row{"1.1", "Connection: closed\r\n", true, false, false},
           Row{"1.1", "Connection: upgrade\r\n", true, false, false},
           Row{"1.1", "Connection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n", true, true, false},
           Row{"1.1", "Connection: upgrade\r\nUpgrade: h2c\r\n", true, false, false},
           Row{"1.1", "Upgrade: websocket\r\n", true, false, false},
           Row{"1.1", "Expect: 100-Continue\r\n", true, false, true},
           Row{"1.1", "Expect: 200-ok\r\n", true, false, false},
           Row{"1.0", "", false, false, false},
           Row{"1.0", "Connection: keep-alive\r\n", true, false, false},
           Row{"1.0", "Connection: keep-alive, close\r\n", false, false, false},
       }) {
    INFO(r.version << ' ' << r.fields);
    const ParsedRequest p(std::string("GET / HTTP/") + r.version + "\r\nHost: a\r\n" + r.fields + "\r\n", o);
    REQUIRE_FALSE(p.error);
    CHECK(p.framing.keep_alive == r.keep_alive);
    CHECK(p.framing.upgrade == r.upgrade);
    CHECK(p.framing.expect_continue == r.expect);
  }
}

TEST_CASE("a Connection header may not nominate what others trust, nor ten fields", "[h1]") {
  struct Row {
    const char* value;
    bool refused;
  };
  for (const Row& r : {Row{"a,b,c,d,e,f,g,h,i", false}, Row{"a,b,c,d,e,f,g,h,i,j", true}, Row{"x-forwarded-for", true},
                       Row{"a, X-Forwarded-Host", true}, Row{"x-forwarded-proto ,a", true}, Row{":path", true},
                       Row{"x-forwarded-port", false}, Row{"x-forwarded-fo", false}, Row{"", false}}) {
    INFO(r.value);
    const ParsedRequest p(with(std::string("Connection: ") + r.value + "\r\n"));
    CHECK(p.error.status == (r.refused ? 400 : 0));
    CHECK(p.error.detail == (r.refused ? "http1.connection_header_rejected" : ""));
  }
}

TEST_CASE("hosts", "[h1]") {
  struct Row {
    const char *fields, *authority;  // null: refused
  };
  for (const Row& r : {
           Row{"Host: a.b:80\r\n", "a.b:80"},
           Row{"Host: [::1]:80\r\n", "[::1]:80"},
           Row{"Host: h\r\nHost: g\r\n", "h,g"},
           Row{"Host:\r\n", ""},
           Row{"Host: -._~!$&'()*+,;=%:@[]\r\n", "-._~!$&'()*+,;=%:@[]"},
           Row{"", ""},
           Row{"Host: a b\r\n", nullptr},
           Row{"Host: a/b\r\n", nullptr},
           Row{"Host: a?\r\n", nullptr},
           Row{"Host: a#\r\n", nullptr},
           Row{"Host: \"\r\n", nullptr},
           Row{"Host: \x80\r\n", nullptr},
       }) {
    INFO(r.fields);
    const ParsedRequest p(std::string("GET / HTTP/1.1\r\n") + r.fields + "\r\n");
    CHECK(p.error.detail == (r.authority == nullptr ? "http.invalid_authority" : ""));
    if (r.authority != nullptr) {
      CHECK(p.head.authority == r.authority);
      CHECK_FALSE(p.head.headers.has(Name::host));
    }
  }
  for (const char* target : {"http://b/", "CONNECT"}) {  // the target wins over Host
    const bool connect = *target == 'C';
    const ParsedRequest p(std::string(connect ? "CONNECT b:1" : "GET http://b/") + " HTTP/1.1\r\nHost: a\r\n\r\n");
    CHECK(p.head.authority == (connect ? "b:1" : "b"));
    CHECK(p.head.headers.size() == 0);
  }
}

TEST_CASE("options of the request parser", "[h1]") {
  SECTION("header case is kept for preserve_case") {
    Http1Options o;
    o.header_case = HeaderCase::preserve;
    const ParsedRequest p(with("X-FoO: 1\r\n"), o);
    REQUIRE(p.head.headers.size() == 1);
    CHECK(p.fields() == "x-foo: 1");
    REQUIRE(p.head.headers.name_case() != nullptr);
    const auto* name = p.head.headers.name_case()->received;
    REQUIRE((name != nullptr && name->next != nullptr));
    CHECK((name->name == "Host" || name->next->name == "Host"));
    CHECK((name->name == "X-FoO" || name->next->name == "X-FoO"));
    CHECK_FALSE(p.head.headers.name_case()->else_proper);
  }
  SECTION("underscores are allowed, refused or dropped") {
    Http1Options o;
    CHECK(ParsedRequest(with("a_b: 1\r\nc: 2\r\n"), o).fields() == "a_b: 1|c: 2");
    o.underscores = UnderscoreAction::reject;
    CHECK(ParsedRequest(with("a_b: 1\r\n"), o).error.detail == "http1.unexpected_underscore");
    CHECK_FALSE(ParsedRequest(with("a: x_y\r\n"), o).error);
    o.underscores = UnderscoreAction::drop;
    const ParsedRequest p(with("a_b: 1\r\nc: 2\r\n_: 3\r\n"), o);
    CHECK(p.fields() == "c: 2");
    CHECK(p.framing.dropped_underscores == 2);
  }
  SECTION("absolute URLs can be turned off") {
    Http1Options o;
    o.allow_absolute_url = false;
    CHECK(ParsedRequest("GET http://a/ HTTP/1.1\r\nHost: a\r\n\r\n", o).error.detail == "http1.invalid_url");
  }
  SECTION("the number of fields has a limit, Host included") {
    Http1Options o;
    o.headers_max = 3;
    CHECK_FALSE(ParsedRequest(with("a: 1\r\nb: 2\r\n"), o).error);
    const ParsedRequest p(with("a: 1\r\nb: 2\r\nc: 3\r\n"), o);
    CHECK(p.error.status == 431);
    CHECK(p.error.detail == "http1.too_many_headers");
  }
  SECTION("HTTP/1.0 and its like are accepted as 1.0") {
    Http1Options o;
    o.accept_http_10 = true;
    for (const char* version : {"1.0", "0.9", "1.2", "2.0"}) {
      const ParsedRequest p(std::string("GET / HTTP/") + version + "\r\n\r\n", o);
      REQUIRE_FALSE(p.error);
      CHECK(p.head.protocol == Protocol::http10);
    }
    std::string simple = "GET /\r\n";
    CHECK(find_simple_request(simple) == simple.size());
    const ParsedRequest p(simple, o);
    REQUIRE_FALSE(p.error);
    CHECK(p.head.path == "/");
  }
}

TEST_CASE("a head in drips is found once complete, and not before", "[h1]") {
  for (const std::string end : {"\r\n\r\n", "\n\n", "\r\n\n", "\n\r\n"}) {
    const std::string head = "GET / HTTP/1.1\r\nHost: a" + end, text = head + "rest";
    std::size_t scanned = 0, found = 0;
    for (std::size_t n = 1; n <= text.size() && found == 0; ++n) {
      found = find_head_end(std::string_view(text).substr(0, n), scanned);
      if (found == 0) CHECK(n < head.size());
    }
    CHECK(found == head.size());
  }
  std::size_t scanned = 0;
  CHECK(find_head_end("GET / HTTP/1.1\r\nHost: a\r\n \r\n", scanned) == 0);
  CHECK(find_simple_request("GET / HTTP/1.1\r\n") == 0);
  CHECK(find_simple_request("GET /") == 0);
  CHECK(find_simple_request("BLAH /\r\n") == 0);
  CHECK(find_simple_request("BLAH /\r\n", true) == 8);
}

TEST_CASE("words in lists", "[h1]") {
  struct Row {
    const char *list, *word;
    bool has;
  };
  for (const Row& r : {Row{"close", "close", true}, Row{"a,b", "b", true}, Row{" A\t, B ", "a", true}, Row{"ab", "a", false},
                       Row{"", "a", false}, Row{",,a", "a", true}, Row{"a b", "b", false}})
    CHECK(list_has(r.list, r.word) == r.has);
  CHECK(equals_ignore_case("AbC", "abc"));
  CHECK_FALSE(equals_ignore_case("ab", "abc"));
  CHECK_FALSE(equals_ignore_case("a@", "a`"));
}
