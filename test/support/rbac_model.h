// RBAC's policies in a model that is slow and plain, and rules and requests made of numbers to try both on.
#pragma once
#include <string>
#include <utility>

#include "envoy/config/rbac/v3/rbac.pb.h"
#include "proxy/format/formatter.h"
#include "proxy/http/connection_facts.h"
#include "proxy/http/stream_info.h"

namespace outrigger::test::rbac_model {

namespace rbac_v3 = envoy::config::rbac::v3;
using rbac_v3::Permission;
using rbac_v3::Principal;

/// What a request is, in a few letters each.
struct Facts {
  std::string path, header, host;  // an empty header: it has none
  unsigned port = 0, source = 0;   // the last byte of an address 10.0.0.x
};

// The model: one function per message, straight from the API's words.

inline bool holds(const envoy::config::route::v3::HeaderMatcher& m, const Facts& f) {
  return !f.header.empty() && f.header == m.string_match().exact();
}
inline bool holds(const envoy::config::core::v3::CidrRange& r, unsigned last) {
  const unsigned kept = r.prefix_len().value() - 24, first = static_cast<unsigned>(std::stoi(r.address_prefix().substr(7)));
  return last >> (8 - kept) == first >> (8 - kept);
}
inline bool path_holds(const envoy::type::matcher::v3::PathMatcher& m, const Facts& f) {
  return f.path.substr(0, f.path.find('?')) == m.path().exact();
}
inline bool holds(const Permission& p, const Facts& f) {
  if (p.any()) return true;
  if (p.has_not_rule()) return !holds(p.not_rule(), f);
  if (p.has_header()) return holds(p.header(), f);
  if (p.has_url_path()) return path_holds(p.url_path(), f);
  if (p.has_destination_port_range())
    return f.port >= static_cast<unsigned>(p.destination_port_range().start()) &&
           f.port < static_cast<unsigned>(p.destination_port_range().end());
  if (p.has_requested_server_name()) return f.host == p.requested_server_name().exact();
  if (p.has_and_rules()) {
    for (const auto& r : p.and_rules().rules())
      if (!holds(r, f)) return false;
    return true;
  }
  if (p.has_or_rules()) {
    for (const auto& r : p.or_rules().rules())
      if (holds(r, f)) return true;
    return false;
  }
  return f.port == p.destination_port();
}
inline bool holds(const Principal& p, const Facts& f) {
  if (p.any()) return true;
  if (p.has_not_id()) return !holds(p.not_id(), f);
  if (p.has_header()) return holds(p.header(), f);
  if (p.has_url_path()) return path_holds(p.url_path(), f);
  if (p.has_remote_ip()) return holds(p.remote_ip(), f.source);
  if (p.has_authenticated()) return false;  // there is no TLS
  if (p.has_and_ids()) {
    for (const auto& i : p.and_ids().ids())
      if (!holds(i, f)) return false;
    return true;
  }
  for (const auto& i : p.or_ids().ids())
    if (holds(i, f)) return true;
  return false;
}

/// The name of the policy that matches, the first by name; empty: none.
inline std::string matching(const rbac_v3::RBAC& r, const Facts& f) {
  std::string first;
  for (const auto& [name, policy] : r.policies()) {
    bool permitted = false, known = false;
    for (const auto& p : policy.permissions()) permitted = permitted || holds(p, f);
    for (const auto& p : policy.principals()) known = known || holds(p, f);
    if (permitted && known && (first.empty() || name < first)) first = name;
  }
  return first;
}

/// Makes rules and requests of the numbers that it gets.
template <class Numbers>
class Maker {
 public:
  explicit Maker(Numbers numbers) : numbers_(std::move(numbers)) {}
  unsigned below(unsigned n) { return static_cast<unsigned>(numbers_() % n); }
  std::string letter() { return std::string(1, static_cast<char>('a' + below(3))); }
  Facts facts() {
    return {"/" + letter() + (below(2) == 0 ? "?" + letter() : ""), below(4) == 0 ? "" : letter(), letter(), 80 + below(4),
            below(8)};
  }
  void fill(Permission& p, unsigned depth) {
    switch (below(depth > 3 ? 6 : 9)) {
      case 0: return p.set_any(true);
      case 1: return header(*p.mutable_header());
      case 2: return p.mutable_url_path()->mutable_path()->set_exact("/" + letter());
      case 3: return p.set_destination_port(80 + below(4));
      case 4:
        p.mutable_destination_port_range()->set_start(static_cast<int>(80 + below(4)));
        return p.mutable_destination_port_range()->set_end(static_cast<int>(80 + below(5)));
      case 5: return p.mutable_requested_server_name()->set_exact(letter());
      case 6: return fill(*p.mutable_not_rule(), depth + 1);
      case 7:
        for (unsigned n = 1 + below(3); n > 0; --n) fill(*p.mutable_and_rules()->add_rules(), depth + 1);
        return;
      default:
        for (unsigned n = 1 + below(3); n > 0; --n) fill(*p.mutable_or_rules()->add_rules(), depth + 1);
    }
  }
  void fill(Principal& p, unsigned depth) {
    switch (below(depth > 3 ? 5 : 8)) {
      case 0: return p.set_any(true);
      case 1: return header(*p.mutable_header());
      case 2: return p.mutable_url_path()->mutable_path()->set_exact("/" + letter());
      case 3:
        p.mutable_remote_ip()->set_address_prefix("10.0.0." + std::to_string(below(8)));
        return p.mutable_remote_ip()->mutable_prefix_len()->set_value(29 + below(4));
      case 4: return void(p.mutable_authenticated());
      case 5: return fill(*p.mutable_not_id(), depth + 1);
      case 6:
        for (unsigned n = 1 + below(3); n > 0; --n) fill(*p.mutable_and_ids()->add_ids(), depth + 1);
        return;
      default:
        for (unsigned n = 1 + below(3); n > 0; --n) fill(*p.mutable_or_ids()->add_ids(), depth + 1);
    }
  }
  rbac_v3::RBAC rules() {
    rbac_v3::RBAC r;
    r.set_action(static_cast<rbac_v3::RBAC::Action>(below(3)));
    for (unsigned n = below(4); n > 0; --n) {
      auto& policy = (*r.mutable_policies())[letter() + letter()];
      for (unsigned k = 1 + below(3); k > 0; --k) fill(*policy.add_permissions(), 0);
      for (unsigned k = 1 + below(3); k > 0; --k) fill(*policy.add_principals(), 0);
    }
    return r;
  }

 private:
  void header(envoy::config::route::v3::HeaderMatcher& m) {
    m.set_name("x-a");
    m.mutable_string_match()->set_exact(letter());
  }
  Numbers numbers_;
};

/// What the product is asked about.
struct Request {
  Arena arena;
  http::RequestHead head{arena};
  http::ConnectionInfo connection;
  http::StreamInfo info;
  explicit Request(const Facts& f) {
    head.path = f.path;
    if (!f.header.empty()) head.headers.add("x-a", f.header);
    connection.local = *net::Address::parse_ip("10.1.1.1", static_cast<std::uint16_t>(f.port));
    connection.remote = *net::Address::parse_ip("10.0.0." + std::to_string(f.source), 1234);
    connection.requested_server_name = f.host;
    info.connection = &connection;
  }
  format::Context context() const { return {.info = &info, .request = &head}; }
};

}  // namespace outrigger::test::rbac_model
