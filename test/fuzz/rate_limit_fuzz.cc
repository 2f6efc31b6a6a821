// Actions of rate limits and a request, both made of the input's bytes: the descriptor is what a slow reading of them says.
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "fuzz/check.h"
#include "proxy/http/connection_facts.h"
#include "xds/compile/rate_limits.h"

namespace {
using namespace outrigger;  // NOLINT: a program of its own
using Action = envoy::config::route::v3::RateLimit::Action;
using Entries = std::vector<std::pair<std::string, std::string>>;

/// Bytes one after the other; zeros behind the last.
struct Bytes {
  const std::uint8_t* at;
  const std::uint8_t* end;
  unsigned below(unsigned n) noexcept { return at == end ? 0 : *at++ % n; }
  std::string word() { return std::string(1 + below(3), static_cast<char>('a' + below(3))); }
};

struct Facts {
  Entries headers, query;
  unsigned source = 0;  // the last byte of an address 10.0.0.x
};

const std::string* find(const Entries& all, const std::string& name) {
  for (const auto& [n, v] : all)
    if (n == name) return &v;
  return nullptr;
}

void fill(Action& a, Bytes& b) {
  const std::string name = b.below(2) == 0 ? "x" : "y";
  switch (b.below(7)) {
    case 0: a.mutable_generic_key()->set_descriptor_value(b.word()); break;
    case 1:
      a.mutable_request_headers()->set_header_name(name);
      a.mutable_request_headers()->set_descriptor_key(b.word());
      a.mutable_request_headers()->set_skip_if_absent(b.below(2) == 0);
      break;
    case 2:
      a.mutable_query_parameters()->set_query_parameter_name(name);
      a.mutable_query_parameters()->set_descriptor_key(b.word());
      a.mutable_query_parameters()->set_skip_if_absent(b.below(2) == 0);
      break;
    case 3: a.mutable_remote_address(); break;
    case 4: {
      auto& m = *a.mutable_header_value_match();
      m.set_descriptor_value(b.word());
      m.mutable_expect_match()->set_value(b.below(2) == 0);
      m.add_headers()->set_name(name);
      m.mutable_headers(0)->mutable_string_match()->set_exact(b.word());
      break;
    }
    case 5: a.mutable_masked_remote_address()->mutable_v4_prefix_mask_len()->set_value(b.below(33)); break;
    default: a.mutable_destination_cluster();
  }
}

std::string masked(unsigned source, unsigned bits) {
  const unsigned address = 10u << 24 | source, kept = bits == 0 ? 0 : address & ~0u << (32 - bits);
  std::string out;
  for (int shift = 24; shift >= 0; shift -= 8) out += (out.empty() ? "" : ".") + std::to_string(kept >> shift & 255);
  return out + "/" + std::to_string(bits);
}

/// False: no descriptor.
bool describe(const Action& a, const Facts& f, Entries& out) {
  const auto put = [&out](const std::string& key, const std::string& value) { return out.emplace_back(key, value), true; };
  const auto optional = [&](const auto& p, const std::string* value) {
    return value == nullptr ? p.skip_if_absent() : put(p.descriptor_key(), *value);
  };
  if (a.has_generic_key()) return put("generic_key", a.generic_key().descriptor_value());
  if (a.has_request_headers()) return optional(a.request_headers(), find(f.headers, a.request_headers().header_name()));
  if (a.has_query_parameters()) return optional(a.query_parameters(), find(f.query, a.query_parameters().query_parameter_name()));
  if (a.has_remote_address()) return put("remote_address", "10.0.0." + std::to_string(f.source));
  if (a.has_masked_remote_address())
    return put("masked_remote_address", masked(f.source, a.masked_remote_address().v4_prefix_mask_len().value()));
  if (a.has_destination_cluster()) return put("destination_cluster", "to");
  const auto& m = a.header_value_match();
  const auto* value = find(f.headers, m.headers(0).name());
  const bool hit = value != nullptr && *value == m.headers(0).string_match().exact();
  return hit == m.expect_match().value() && put("header_match", m.descriptor_value());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size > 1024) return 0;
  Bytes b{data, data + size};
  Facts facts;
  for (const char* name : {"x", "y"}) {
    if (b.below(2) == 0) facts.headers.emplace_back(name, b.word());
    if (b.below(2) == 0) facts.query.emplace_back(name, b.word());
  }
  facts.source = b.below(256);
  google::protobuf::RepeatedPtrField<envoy::config::route::v3::RateLimit> list;
  auto& limit = *list.Add();
  for (unsigned n = 1 + b.below(6); n > 0; --n) fill(*limit.add_actions(), b);
  outrigger::xds::Problems problems;
  const auto rules = outrigger::xds::compile_rate_limits(list, outrigger::xds::Path(), problems);
  check(problems.ok() && rules.size() == 1);

  Arena arena;
  http::RequestHead head(arena);
  std::string path = "/p";
  for (const auto& [name, value] : facts.query) path += (path == "/p" ? "?" : "&") + name + "=" + value;
  head.path = path;
  for (const auto& [name, value] : facts.headers) head.headers.add(name, value);
  http::ConnectionInfo connection;
  connection.remote = *net::Address::parse_ip("10.0.0." + std::to_string(facts.source), 1);
  http::StreamInfo info;
  info.connection = &connection;
  route::Descriptor out;
  const bool made = route::describe(rules[0], {head, info, {.info = &info, .request = &head}, "here", "to"}, arena, out);
  Entries want;
  bool all = true;
  for (const auto& a : limit.actions()) all = all && describe(a, facts, want);
  check(made == all);
  if (!made) return 0;
  check(out.count == want.size());
  for (std::size_t i = 0; i < want.size(); ++i)
    check(out.entries[i].key == want[i].first && out.entries[i].value == want[i].second);
  return 0;
}
