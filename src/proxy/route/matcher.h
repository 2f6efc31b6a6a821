// Matchers of strings, headers, query parameters and paths. Immutable, pure, no allocation.
#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>
#include "proxy/base/rare.h"
#include "proxy/http/message.h"
#include "proxy/http/stream_info.h"
#include "proxy/route/metadata_matcher.h"
#include "proxy/route/string_matcher.h"
#include "proxy/runtime/runtime.h"

namespace re2 {
class RE2;
}

namespace outrigger::route {

struct HeaderMatcher {
  enum Kind : std::uint8_t { present, string, range } kind = present;
  std::string name;
  StringMatcher text;
  std::int64_t first = 0, last = 0;  // [first, last)
  bool want_present = true;
  bool invert = false, missing_as_empty = false;
  bool match(const http::RequestHead& head) const;
  bool match(const http::HeaderMap& headers) const;
  bool match(const http::ResponseHead& head) const;  // ":status" included

 private:
  bool decide(const std::string_view* value) const;
};

struct QueryMatcher {
  std::string name;
  std::optional<StringMatcher> text;  // unset: present, or not
  bool want_present = true;
};
/// All of them, in one pass over the query of `path`.
bool match_query(const std::vector<QueryMatcher>& all, std::string_view path);
/// First value of a parameter, raw; null data when absent.
std::string_view query_value(std::string_view path, std::string_view name);

bool regex_full_match(const re2::RE2& re, std::string_view s);
/// Replaces every match; the result is in the arena.
std::string_view regex_replace(const re2::RE2& re, std::string_view s, const std::string& with, Arena& arena);

struct CookieMatcher {
  std::string name;
  StringMatcher text;
  bool invert = false;
};
/// Value of a cookie of the request, without quotes; null data when absent.
std::string_view cookie_value(const http::HeaderMap& headers, std::string_view name);

/// Everything a match may look at besides the head.
struct MatchContext {
  const http::StreamInfo* info = nullptr;
  const runtime::Snapshot* runtime = nullptr;
  std::uint64_t random = 0;  // stable for one request
};

/// What few routes ask of a request.
struct MatchMore {
  std::optional<bool> tls_presented, tls_validated;  // a client certificate
  std::optional<runtime::RuntimePercent> fraction;
  std::vector<CookieMatcher> cookies;
  std::vector<MetadataMatcher> dynamic_metadata;
  std::vector<FilterStateMatcher> filter_state;
  bool match(const http::RequestHead& head, const MatchContext& c) const;

 private:
  bool match_stream(const http::StreamInfo* info) const;
};

struct RouteMatch {
  enum Path : std::uint8_t { prefix, exact, regex, separated_prefix, connect, uri_template } kind = prefix;
  std::string path;
  std::shared_ptr<const re2::RE2> re;  // of regex and uri_template
  bool case_sensitive = true;
  bool ignore_path_parameters = false;  // of the route configuration
  bool grpc = false;
  std::vector<HeaderMatcher> headers;
  std::vector<QueryMatcher> query;
  Rare<MatchMore> more;
  bool match(const http::RequestHead& head, const MatchContext& c) const;

 private:
  bool match_path(const http::RequestHead& head) const;
};

}  // namespace outrigger::route
