#include "proxy/stats/tags.h"

#include <algorithm>

namespace outrigger::stats {
namespace {

// Parts of the patterns below.
#define VALUE R"([^\.]+)"
#define ADDRESS R"((?:(?:\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}|\[[a-fA-F_\d]+\])_\d+))"
#define NAMED_WITH_DOTS R"([\w\-\.]+)"
#define SUITE R"([\w\-]+)"
#define LISTENER_OR_CLUSTER R"(^(?:listener|cluster)\..*?)"

struct Builtin {
  std::string_view tag;
  std::string_view pattern;        // a regular expression, or tokens when it has a '$' among dots
  std::string_view contains = {};  // quick refusal
  std::string_view except = {};
  bool tokens = false;
};

// Envoy's tags, in the order in which it applies them.
constexpr Builtin kBuiltins[] = {
    {"envoy.response_code", R"(_rq(_(\d{3}))$)", "_rq_"},
    {"envoy.response_code_class", R"(_rq_((\d))xx$)", "_rq_"},
    {"envoy.dynamo_partition_id",
     "^http\\." VALUE "\\.dynamodb\\.table\\." VALUE "\\.capacity\\." VALUE R"((\.__partition_id=(\w{7}))$)", ".dynamodb.table."},
    {"envoy.dynamo_operation", "^http\\." VALUE "\\.dynamodb.(?:operation|table\\." VALUE "\\.capacity)(\\.(" VALUE "))(?:\\.|$)",
     ".dynamodb."},
    {"envoy.dynamo_table", "^http\\." VALUE "\\.dynamodb.(?:table|error)\\.((" VALUE ")\\.)", ".dynamodb."},
    {"envoy.ssl_cipher", "^listener\\..*?\\.ssl\\.ciphers(\\.(" SUITE "))$", ".ssl.ciphers."},
    {"envoy.ssl_curve", LISTENER_OR_CLUSTER "\\.ssl\\.curves(\\.(" SUITE "))$", ".ssl.curves."},
    {"envoy.ssl_sigalg", LISTENER_OR_CLUSTER "\\.ssl\\.sigalgs(\\.(" SUITE "))$", ".ssl.sigalgs."},
    {"envoy.ssl_version", LISTENER_OR_CLUSTER R"(\.ssl\.versions(\.(TLSv\d\.\d))$)", ".ssl.versions."},
    {"envoy.tls_certificate", LISTENER_OR_CLUSTER R"(\.ssl\.certificate(\.(.+))\.expiration_unix_time_seconds$)",
     ".ssl.certificate."},
    {"cipher_suite", "^cluster\\." VALUE "\\.ssl\\.ciphers(\\.(" SUITE "))$", ".ssl.ciphers."},
    {"envoy.http_conn_manager_prefix", "^listener\\..*?\\.http\\.((" VALUE ")\\.)", ".http."},
    {"envoy.worker_id",
     "^(?:listener\\.(?:" ADDRESS "|" VALUE R"()\.|server\.|listener_manager\.|thread_local_cluster_manager\.)worker_((\d+)\.))"},
    {"envoy.listener_address", "^listener\\.((" ADDRESS "|" VALUE ")\\.)", "", "admin"},
    {"envoy.rds_route_config", "^http\\." VALUE "\\.rds\\.((" NAMED_WITH_DOTS R"()\.)\w+?$)", ".rds."},
    {"envoy.scoped_rds_config", "^http\\." VALUE "\\.scoped_rds\\.((" NAMED_WITH_DOTS R"()\.)\w+?$)", ".scoped_rds."},
    {"envoy.rbac_policy_name",
     "^http\\." VALUE "\\.rbac\\.(?:" VALUE "\\.)?policy\\.((" VALUE ")\\.)(allowed|shadow_allowed|denied|shadow_denied)$",
     ".rbac."},
    {"envoy.rbac_http_prefix", "^http\\." VALUE "\\.rbac\\.((" VALUE ")\\.).*?", "", "policy"},
    {"envoy.proxy_protocol_prefix", "^proxy_proto\\.((" VALUE ")\\.).+$", "proxy_proto.", "versions"},
    {"envoy.proxy_protocol_version", "^proxy_proto\\.((?:" VALUE R"(\.)?versions\.v(\d)\.)\w+$)", "proxy_proto."},
    {"envoy.health_check_name", "^cluster\\." VALUE "\\.health_check(\\.name\\.(" VALUE "))\\..+", ".health_check."},
    {"envoy.mongo_callsite", "mongo.*.collection.*.callsite.$.query.**", {}, {}, true},
    {"envoy.mongo_collection", "mongo.*.collection.$.**.query.*", {}, {}, true},
    {"envoy.mongo_cmd", "mongo.*.cmd.$.**", {}, {}, true},
    {"envoy.grpc_bridge_method", "cluster.*.grpc.*.$.**", {}, {}, true},
    {"envoy.http_user_agent", "http.*.user_agent.$.**", {}, {}, true},
    {"envoy.virtual_cluster", "vhost.*.vcluster.$.**", {}, {}, true},
    {"envoy.fault_downstream_cluster", "http.*.fault.$.**", {}, {}, true},
    {"envoy.grpc_bridge_service", "cluster.*.grpc.$.**", {}, {}, true},
    {"envoy.tcp_prefix", "tcp.$.**", {}, {}, true},
    {"envoy.udp_prefix", "udp.$.**", {}, {}, true},
    {"envoy.clientssl_prefix", "auth.clientssl.$.**", {}, {}, true},
    {"envoy.ratelimit_prefix", "ratelimit.$.**", {}, {}, true},
    {"envoy.cluster_name", "cluster.$.**", {}, {}, true},
    {"envoy.ext_authz_prefix", "cluster.*.ext_authz.$.**", {}, {}, true},
    {"envoy.ext_authz_prefix", "http.*.ext_authz.$.**", {}, {}, true},
    {"envoy.http_conn_manager_prefix", "http.$.**", {}, {}, true},
    {"envoy.virtual_host", "vhost.$.**", {}, {}, true},
    {"envoy.mongo_prefix", "mongo.$.**", {}, {}, true},
    {"envoy.route", "vhost.*.route.$.**", {}, {}, true},
    {"envoy.thrift_prefix", "thrift.$.**", {}, {}, true},
    {"envoy.redis_prefix", "redis.$.**", {}, {}, true},
    {"envoy.local_http_ratelimit_prefix", "$.http_local_rate_limit.**", {}, {}, true},
    {"envoy.local_network_ratelimit_prefix", "local_rate_limit.$.**", {}, {}, true},
    {"envoy.local_listener_ratelimit_prefix", "listener_local_ratelimit.$.**", {}, {}, true},
    {"envoy.dns_filter_prefix", "dns_filter.$.**", {}, {}, true},
    {"envoy.connection_limit_prefix", "connection_limit.$.**", {}, {}, true},
    {"envoy.rbac_prefix", "$.rbac.**", {}, {}, true},
};

std::vector<std::string_view> split(std::string_view name) {
  std::vector<std::string_view> out;
  for (;;) {
    const auto dot = name.find('.');
    out.push_back(name.substr(0, dot));
    if (dot == std::string_view::npos) return out;
    name.remove_prefix(dot + 1);
  }
}

// The literal first token of "^token\." or "^token$"; empty when there is none.
std::string_view first_token_of_regex(std::string_view regex) {
  if (!regex.starts_with('^')) return {};
  std::size_t i = 1;
  while (i < regex.size() && (std::isalnum(static_cast<unsigned char>(regex[i])) != 0 || regex[i] == '_')) {
    ++i;
  }
  const std::string_view rest = regex.substr(i);
  if (i == 1 || (!rest.starts_with("\\.") && rest != "$")) return {};
  return regex.substr(1, i - 1);
}

constexpr std::size_t kNoMatch = static_cast<std::size_t>(-1);

// The index of the name's token that '$' stands for. Patterns are short: plain backtracking.
std::size_t match_tokens(const std::vector<std::string>& pattern, std::size_t p, const std::vector<std::string_view>& name,
                         std::size_t n) {
  if (p == pattern.size()) return n == name.size() ? name.size() : kNoMatch;
  if (pattern[p] == "**") {
    for (std::size_t skip = p + 1 == pattern.size() ? n + 1 : n; skip <= name.size(); ++skip) {
      const std::size_t at = match_tokens(pattern, p + 1, name, skip);
      if (at != kNoMatch) return at;
    }
    return kNoMatch;
  }
  if (n == name.size()) return kNoMatch;
  if (pattern[p] != "*" && pattern[p] != "$" && pattern[p] != name[n]) return kNoMatch;
  const std::size_t at = match_tokens(pattern, p + 1, name, n + 1);
  return at != kNoMatch && pattern[p] == "$" ? n : at;
}

}  // namespace

void TagExtractor::add(Rule rule, std::string_view first_token) {
  const auto share = [&](std::vector<Rule>& rules) {
    for (Rule& r : rules) {
      if (r.tag == rule.tag) r.shared = rule.shared = true;
    }
  };
  share(general_);
  for (auto& [token, rules] : by_first_token_) share(rules);
  if (first_token.empty()) {
    general_.push_back(std::move(rule));
  } else {
    const auto at = by_first_token_.try_emplace(std::string(first_token)).first;
    at->second.push_back(std::move(rule));
  }
}

void TagExtractor::add_builtin(std::size_t i) {
  const Builtin& b = kBuiltins[i];
  Rule rule;
  rule.tag = b.tag;
  if (b.tokens) {
    rule.kind = Rule::Kind::tokens;
    for (const auto token : split(b.pattern)) rule.tokens.emplace_back(token);
    const std::string first = rule.tokens.front();
    add(std::move(rule), first == "$" ? std::string_view() : std::string_view(first));
    return;
  }
  rule.regex = std::make_shared<const re2::RE2>(re2::StringPiece(b.pattern.data(), b.pattern.size()), re2::RE2::Quiet);
  rule.text = b.contains;
  rule.except = b.except;
  add(std::move(rule), first_token_of_regex(b.pattern));
}

TagExtractor TagExtractor::with_defaults() {
  TagExtractor out;
  for (std::size_t i = 0; i < std::size(kBuiltins); ++i) out.add_builtin(i);
  return out;
}

bool TagExtractor::has_default(std::string_view tag) {
  return std::any_of(std::begin(kBuiltins), std::end(kBuiltins), [&](const Builtin& b) { return b.tag == tag; });
}

bool TagExtractor::add_default(std::string_view tag) {
  for (std::size_t i = 0; i < std::size(kBuiltins); ++i) {
    if (kBuiltins[i].tag == tag) add_builtin(i);
  }
  return has_default(tag);
}

bool TagExtractor::add_regex(std::string_view tag, std::string_view regex, std::string& error) {
  Rule rule;
  rule.tag = tag;
  rule.regex = std::make_shared<const re2::RE2>(re2::StringPiece(regex.data(), regex.size()), re2::RE2::Quiet);
  if (!rule.regex->ok()) {
    error = rule.regex->error();
    // As Envoy, which takes the tags of its own configs' users (istio's have look-ahead) with the standard library's.
    if (regex.find("(?=") == std::string_view::npos && regex.find("(?!") == std::string_view::npos) return false;
    try {
      rule.ecma = std::make_shared<const std::regex>(regex.begin(), regex.end(), std::regex::optimize);
    } catch (const std::regex_error& e) {
      error = e.what();
      return false;
    }
  }
  add(std::move(rule), first_token_of_regex(regex));
  return true;
}

namespace {
constexpr std::size_t kEcmaNameMax = 1024;  // the standard library's expressions recurse

/// The first two groups. False: it does not match.
bool search(const std::regex& regex, std::string_view name, re2::StringPiece& removed, re2::StringPiece& value) {
  if (name.size() > kEcmaNameMax) return false;
  std::cmatch m;
  if (!std::regex_search(name.data(), name.data() + name.size(), m, regex)) return false;
  const auto group = [&](std::size_t i) {
    if (i >= m.size() || !m[i].matched) return re2::StringPiece();
    return re2::StringPiece(m[i].first, static_cast<std::size_t>(m[i].length()));
  };
  removed = group(1);
  value = group(2).empty() ? removed : group(2);
  return true;
}

bool search(const re2::RE2& regex, std::string_view name, re2::StringPiece& removed, re2::StringPiece& value) {
  re2::StringPiece groups[3];
  const int count = std::min(2, regex.NumberOfCapturingGroups()) + 1;
  if (!regex.Match({name.data(), name.size()}, 0, name.size(), re2::RE2::UNANCHORED, groups, count)) return false;
  removed = groups[1];
  value = groups[2].empty() ? removed : groups[2];
  return true;
}
}  // namespace

void TagExtractor::add_fixed(std::string_view tag, std::string_view value) {
  Rule rule;
  rule.kind = Rule::Kind::fixed;
  rule.tag = tag;
  rule.text = value;
  add(std::move(rule), {});
}

void TagExtractor::remove(std::string_view tag) {
  const auto named = [&](const Rule& r) { return r.tag == tag; };
  std::erase_if(general_, named);
  for (auto& [token, rules] : by_first_token_) std::erase_if(rules, named);
}

std::optional<TagExtractor::Cut> TagExtractor::apply(const Rule& rule, std::string_view name, std::vector<Tag>& tags) {
  if (rule.kind == Rule::Kind::fixed) {
    tags.push_back({rule.tag, rule.text});
    return Cut{0, 0};
  }
  if (rule.kind == Rule::Kind::tokens) {
    const auto parts = split(name);
    const std::size_t at = match_tokens(rule.tokens, 0, parts, 0);
    if (at >= parts.size()) return std::nullopt;
    tags.push_back({rule.tag, std::string(parts[at])});
    Cut cut{static_cast<std::size_t>(parts[at].data() - name.data()), 0};
    cut.end = cut.begin + parts[at].size();
    // The dot that parted it goes too.
    if (at + 1 < parts.size()) {
      ++cut.end;
    } else if (at > 0) {
      --cut.begin;
    }
    return cut;
  }
  if (!rule.text.empty() && name.find(rule.text) == std::string_view::npos) return std::nullopt;
  re2::StringPiece removed, value;
  const bool found =
      rule.ecma != nullptr ? search(*rule.ecma, name, removed, value) : search(*rule.regex, name, removed, value);
  if (!found || removed.empty()) return std::nullopt;
  if (!rule.except.empty() && std::string_view(value.data(), value.size()) == rule.except) {
    return std::nullopt;
  }
  tags.push_back({rule.tag, std::string(value.data(), value.size())});
  const auto begin = static_cast<std::size_t>(removed.data() - name.data());
  return Cut{begin, begin + removed.size()};
}

std::string TagExtractor::extract(std::string_view name, std::vector<Tag>& tags) const {
  std::vector<Cut> cuts;
  const std::size_t first = tags.size();
  const auto run = [&](const std::vector<Rule>& rules) {
    for (const Rule& rule : rules) {
      const bool done = rule.shared && std::any_of(tags.begin() + static_cast<std::ptrdiff_t>(first), tags.end(),
                                                   [&](const Tag& t) { return t.name == rule.tag; });
      if (done) continue;
      if (const auto cut = apply(rule, name, tags); cut && cut->end > cut->begin) {
        cuts.push_back(*cut);
      }
    }
  };
  run(general_);
  const auto dot = name.find('.');
  if (dot != std::string_view::npos) {
    const auto at = by_first_token_.find(name.substr(0, dot));
    if (at != by_first_token_.end()) run(at->second);
  }
  std::sort(cuts.begin(), cuts.end(), [](Cut a, Cut b) { return a.begin < b.begin; });
  std::string out;
  out.reserve(name.size());
  std::size_t from = 0;
  for (const Cut& cut : cuts) {
    if (cut.begin > from) out += name.substr(from, cut.begin - from);
    from = std::max(from, cut.end);
  }
  out += name.substr(std::min(from, name.size()));
  return out;
}

#undef VALUE
#undef ADDRESS
#undef NAMED_WITH_DOTS
#undef SUITE
#undef LISTENER_OR_CLUSTER

}  // namespace outrigger::stats
