// Paths and hosts as they go upstream, and where redirects lead. What a row expects is what Envoy 1.40 does.
#include <catch2/catch.hpp>

#include "support/message.h"
#include "support/stream.h"
#include "support/xds.h"

using namespace outrigger;

namespace {

/// The path, the host and the x-envoy-original-* and x-forwarded-host fields behind them.
std::string rewritten(const std::string& match, const std::string& action, std::string_view path,
                      std::string_view host = "h.example", const test::Fields& fields = {},
                      const route::FinalizeOptions& o = {}) {
  const auto config = test::routes("{match: {" + match + "}, route: {cluster: c, " + action + "}}");
  test::Request m(path, fields, host);
  test::Facts facts;
  const auto* r = config->match(m.head, {});
  REQUIRE(r != nullptr);
  route::finalize_request(*r, nullptr, m.head, {&facts.info, &m.head}, o);
  std::string text = m.text();
  if (!text.empty()) text = " " + text;
  return std::string(m.head.path) + " " + std::string(m.head.authority) + text;
}

std::string location(const std::string& match, const std::string& redirect, std::string_view path, std::string_view host,
                     std::string_view scheme = "http") {
  const auto config = test::routes("{match: {" + match + "}, redirect: {" + redirect + "}}");
  test::Request m(path, {}, host);
  m.head.scheme = scheme;
  test::Facts facts;
  const auto* r = config->match(m.head, {});
  REQUIRE(r != nullptr);
  return std::string(route::redirect_location(r, m.head, {&facts.info, &m.head}, m.arena));
}

}  // namespace

TEST_CASE("prefix_rewrite replaces what was matched", "[rewrite]") {
  struct Row {
    const char *match, *prefix, *path, *want;
  };
  for (const Row& r : {
           Row{"prefix: /old", "/new", "/old", "/new"},
           Row{"prefix: /old", "/new", "/old/a?q=/old", "/new/a?q=/old"},
           Row{"prefix: /old", "/new", "/oldx", "/newx"},
           Row{"prefix: /old", "/new/", "/old/a", "/new//a"},
           Row{"prefix: /old/", "/", "/old/a", "/a"},
           Row{"prefix: /old", "/", "/old", "/"},
           Row{"prefix: /", "/new/", "/a", "/new/a"},
           Row{"prefix: /OLD, case_sensitive: false", "/new", "/oLd/a", "/new/a"},
           Row{"path: /old", "/new", "/old?q", "/new?q"},
           Row{"path_separated_prefix: /old", "/new", "/old/a", "/new/a"},
           Row{"path_separated_prefix: /old", "/new", "/old?q", "/new?q"},
           Row{"safe_regex: {regex: '/o.*'}", "/new", "/old/a?q", "/new?q"},
       }) {
    INFO(r.match << ' ' << r.path);
    CHECK(rewritten(r.match, std::string("prefix_rewrite: ") + r.prefix, r.path) ==
          std::string(r.want) + " h.example x-envoy-original-path: " + r.path);
  }
  CHECK(rewritten("prefix: /", "prefix_rewrite: ''", "/a") == "/a h.example");
}

TEST_CASE("regex_rewrite replaces every match in the path and leaves the query", "[rewrite]") {
  struct Row {
    const char *regex, *substitution, *path, *want;
  };
  for (const Row& r : {
           Row{"^/old(.*)$", "/n\\1", "/old/a?q=1", "/n/a?q=1"},
           Row{"o", "0", "/foo/o?o", "/f00/0?o"},
           Row{"q", "z", "/a?q", "/a?q"},
           Row{"^/(\\w+)/(\\w+)$", "/\\2/\\1", "/a/b", "/b/a"},
           Row{"/a", "", "/a/b", "/b"},
           Row{"x", "\\0\\0", "/x", "/xx"},
       }) {
    INFO(r.regex << ' ' << r.path);
    const std::string action =
        std::string("regex_rewrite: {pattern: {regex: '") + r.regex + "'}, substitution: '" + r.substitution + "'}";
    CHECK(rewritten("prefix: /", action, r.path) == std::string(r.want) + " h.example x-envoy-original-path: " + r.path);
  }
}

TEST_CASE("hosts are rewritten", "[rewrite]") {
  struct Row {
    const char* action;
    test::Fields fields;
    const char* want;
  };
  for (const Row& r : {
           Row{"timeout: 1s", {}, "/a/b h.example"},
           Row{"host_rewrite_literal: new.example", {}, "/a/b new.example x-envoy-original-host: h.example"},
           Row{"host_rewrite_header: X-H",
               {{"x-h", "from.header"}},
               "/a/b from.header x-h: from.header|x-envoy-original-host: h.example"},
           Row{"host_rewrite_header: x-h", {{"x-h", ""}}, "/a/b h.example x-h: "},
           Row{"host_rewrite_header: x-h", {}, "/a/b h.example"},
           Row{"host_rewrite_path_regex: {pattern: {regex: '^/(\\w+)/.*$'}, substitution: '\\1.example'}",
               {},
               "/a/b a.example x-envoy-original-host: h.example"},
           Row{"host_rewrite_literal: new, append_x_forwarded_host: true",
               {},
               "/a/b new x-envoy-original-host: h.example|x-forwarded-host: h.example"},
           Row{"host_rewrite_literal: new, append_x_forwarded_host: true",
               {{"x-forwarded-host", "z"}},
               "/a/b new x-forwarded-host: z,h.example|x-envoy-original-host: h.example"},
           Row{"host_rewrite_literal: new, prefix_rewrite: /p",
               {},
               "/pa/b new x-envoy-original-host: h.example|x-envoy-original-path: /a/b"},
       }) {
    INFO(r.action);
    CHECK(rewritten("prefix: /", r.action, "/a/b", "h.example", r.fields) == r.want);
  }
}

TEST_CASE("what was rewritten is not told when the router suppresses it", "[rewrite]") {
  CHECK(rewritten("prefix: /", "host_rewrite_literal: new, prefix_rewrite: /p/", "/a", "h", {},
                  {.insert_original_path = false}) == "/p/a new");
}

TEST_CASE("redirects change scheme, host and port", "[redirect]") {
  struct Row {
    const char *redirect, *host, *scheme, *want;
  };
  for (const Row& r : {
           Row{"https_redirect: true", "h", "http", "https://h/a?q"},
           Row{"https_redirect: true", "h:80", "http", "https://h/a?q"},
           Row{"https_redirect: true", "h:8080", "http", "https://h:8080/a?q"},
           Row{"https_redirect: true", "h:443", "http", "https://h:443/a?q"},
           Row{"https_redirect: true", "h:443", "https", "https://h:443/a?q"},
           Row{"https_redirect: true", "[::1]:80", "http", "https://[::1]/a?q"},
           Row{"https_redirect: true", "[::1]", "http", "https://[::1]/a?q"},
           Row{"scheme_redirect: http", "h:443", "https", "http://h/a?q"},
           Row{"scheme_redirect: http", "h:80", "http", "http://h:80/a?q"},
           Row{"scheme_redirect: ftp", "h:80", "http", "ftp://h/a?q"},
           Row{"host_redirect: new", "h:80", "http", "http://new/a?q"},
           Row{"host_redirect: 'new:81'", "h", "http", "http://new:81/a?q"},
           Row{"port_redirect: 8443", "h", "http", "http://h:8443/a?q"},
           Row{"port_redirect: 8443", "h:80", "http", "http://h:8443/a?q"},
           Row{"port_redirect: 8443", "[::1]:80", "http", "http://[::1]:8443/a?q"},
           Row{"port_redirect: 443, scheme_redirect: https", "h:80", "http", "https://h:443/a?q"},
           Row{"host_redirect: new, port_redirect: 81", "h:80", "http", "http://new:81/a?q"},
       }) {
    INFO(r.redirect << ' ' << r.host);
    CHECK(location("prefix: /", r.redirect, "/a?q", r.host, r.scheme) == r.want);
  }
}

TEST_CASE("redirects change the path", "[redirect]") {
  struct Row {
    const char *match, *redirect, *path, *want;
  };
  for (const Row& r : {
           Row{"prefix: /", "strip_query: true", "/a?q", "/a"},
           Row{"prefix: /", "path_redirect: /new", "/a?q", "/new?q"},
           Row{"prefix: /", "path_redirect: '/new?z'", "/a?q", "/new?z"},
           Row{"prefix: /", "path_redirect: /new, strip_query: true", "/a?q", "/new"},
           Row{"prefix: /", "path_redirect: '/new?z', strip_query: true", "/a?q", "/new?z"},
           Row{"prefix: /", "path_redirect: ''", "/a?q", "/a?q"},
           Row{"prefix: /o", "prefix_rewrite: /new", "/old?q", "/newld?q"},
           Row{"prefix: /o", "prefix_rewrite: ''", "/old?q", "/old?q"},
           Row{"path_separated_prefix: /old", "prefix_rewrite: /new", "/old/x?q", "/new/x?q"},
           Row{"prefix: /o", "prefix_rewrite: /new, strip_query: true", "/old?q", "/newld"},
           Row{"path: /old", "prefix_rewrite: /new", "/old?q", "/new?q"},
           Row{"safe_regex: {regex: '/o.*'}", "prefix_rewrite: /new", "/old?q", "/new?q"},
           Row{"prefix: /", "regex_rewrite: {pattern: {regex: '^/old(.*)$'}, substitution: '/n\\1'}", "/old/a?q", "/n/a?q"},
           Row{"prefix: /", "regex_rewrite: {pattern: {regex: o}, substitution: '0'}, strip_query: true", "/foo?o", "/f00"},
       }) {
    INFO(r.redirect << ' ' << r.path);
    CHECK(location(r.match, r.redirect, r.path, "h") == std::string("http://h") + r.want);
  }
}

TEST_CASE("require_tls leads to https and changes nothing else", "[redirect]") {
  for (const char* host : {"h", "h:80", "[::1]:8080"}) {
    test::Request m("/a?q", {}, host);
    CHECK(route::redirect_location(nullptr, m.head, {}, m.arena) == std::string("https://") + host + "/a?q");
  }
}

TEST_CASE("codes of redirects", "[redirect]") {
  for (const auto& [name, code] : {std::pair("MOVED_PERMANENTLY", 301),
                                   {"FOUND", 302},
                                   {"SEE_OTHER", 303},
                                   {"TEMPORARY_REDIRECT", 307},
                                   {"PERMANENT_REDIRECT", 308}}) {
    const auto config =
        test::routes(std::string("{match: {prefix: /}, redirect: {https_redirect: true, response_code: ") + name + "}}");
    CHECK(config->vhosts[0]->routes[0].redirect_to->code == code);
  }
}
