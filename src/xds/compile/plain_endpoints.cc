#include "xds/compile/plain_endpoints.h"

#include <cstdint>
#include <limits>
#include <unordered_set>
#include <utility>
#include "envoy/config/core/v3/base.pb.h"
#include "proxy/base/utf8.h"
#include "proxy/base/wire.h"
#include "xds/compile/endpoints.h"
#include "xds/compile/metadata.h"
#include "xds/load/received.h"
#include "xds/load/validate.h"

namespace outrigger::xds {

namespace {

/// The fields of a message that has each of them once at most.
class Fields {
 public:
  explicit Fields(std::string_view bytes) noexcept : wire_(bytes) {}
  /// False: the end, or more than is plain.
  bool next() noexcept {
    if (!wire_.next()) return plain_ = plain_ && wire_.ok(), false;
    const std::uint32_t field = wire_.field();
    if (field >= 32 || (field != many_ && (seen_ >> field & 1) != 0)) return fail();
    seen_ |= 1U << field;
    return true;
  }
  void repeats(std::uint32_t field) noexcept { many_ = field; }
  std::uint32_t field() const noexcept { return wire_.field(); }
  std::string_view bytes() noexcept { return wire_.has_bytes() ? wire_.bytes() : (fail(), std::string_view()); }
  std::string_view text() noexcept {
    const auto s = bytes();
    if (!is_utf8(s)) fail();
    return s;
  }
  std::uint32_t number(std::uint64_t least, std::uint64_t most) noexcept {
    if (!wire_.has_number() || wire_.number() < least || wire_.number() > most) fail();
    return static_cast<std::uint32_t>(wire_.number());
  }
  bool fail() noexcept { return plain_ = false; }
  bool has(std::uint32_t field) const noexcept { return (seen_ >> field & 1) != 0; }
  /// Was all of it read and plain?
  bool plain() const noexcept { return plain_; }

 private:
  WireReader wire_;
  std::uint32_t seen_ = 0, many_ = 0;
  bool plain_ = true;
};

/// UInt32Value that is at least 1.
std::uint32_t weight_of(Fields& outer) noexcept {
  Fields f(outer.bytes());
  std::uint32_t weight = 0;
  while (f.next()) f.field() == 1 ? void(weight = f.number(1, std::numeric_limits<std::uint32_t>::max())) : void(f.fail());
  if (!f.plain() || weight == 0) outer.fail();
  return weight;
}

class Reader {
 public:
  std::optional<PlainAssignment> assignment(std::string_view bytes) {
    Fields f(bytes);
    f.repeats(2);
    while (f.plain() && f.next()) {
      if (f.field() == 1)
        out_.cluster_name = f.text();
      else if (f.field() != 2 || !group(f.bytes()))
        f.fail();
    }
    if (!f.plain() || out_.cluster_name.empty()) return std::nullopt;
    return std::move(out_);
  }

 private:
  /// LocalityLbEndpoints: what its endpoints have in common may stand behind them.
  bool group(std::string_view bytes) {
    upstream::Endpoint common;
    Fields f(bytes);
    f.repeats(2);
    while (f.plain() && f.next()) switch (f.field()) {
        case 1: common.locality = locality(f); break;
        case 2: break;
        case 3: common.locality_weight = weight_of(f); break;
        case 5: common.priority = f.number(0, 128); break;
        default: f.fail();
      }
    if (!f.plain()) return false;
    for (WireReader members(bytes); members.next();)
      if (members.field() == 2 && (!members.has_bytes() || !endpoint(members.bytes(), common))) return false;
    return true;
  }

  static upstream::LocalityPtr locality(Fields& outer) {
    Fields f(outer.bytes());
    upstream::Locality l;
    while (f.next()) switch (f.field()) {
        case 1: l.region = f.text(); break;
        case 2: l.zone = f.text(); break;
        case 3: l.sub_zone = f.text(); break;
        default: f.fail();
      }
    if (!f.plain()) outer.fail();
    if (l == upstream::Locality()) return upstream::no_locality();
    return std::make_shared<const upstream::Locality>(std::move(l));
  }

  /// LbEndpoint
  bool endpoint(std::string_view bytes, const upstream::Endpoint& common) {
    auto e = std::make_shared<upstream::Endpoint>(common);
    Fields f(bytes);
    while (f.plain() && f.next()) switch (f.field()) {
        case 1: place(f, *e); break;
        case 2: e->health = compile_health(static_cast<envoy::config::core::v3::HealthStatus>(f.number(0, 5))); break;
        case 3: metadata(f, *e); break;
        case 4: e->weight = weight_of(f); break;
        default: f.fail();
      }
    if (!f.plain() || e->address.empty()) return false;
    if (seen_.emplace(e->priority, e->address.text()).second) out_.endpoints.push_back(std::move(e));
    return true;
  }

  /// Endpoint
  static void place(Fields& outer, upstream::Endpoint& e) {
    Fields f(outer.bytes());
    std::string_view hostname;
    while (f.next()) switch (f.field()) {
        case 1: address(f, e); break;
        case 3: hostname = f.text(); break;
        default: f.fail();
      }
    if (!f.plain()) outer.fail();
    if (!hostname.empty()) e.set_hostname(std::string(hostname));
  }

  /// Address: a SocketAddress of TCP.
  static void address(Fields& outer, upstream::Endpoint& e) {
    Fields f(outer.bytes());
    std::string_view ip;
    std::uint32_t port = 0;
    bool has_port = false;
    while (f.next()) {
      if (f.field() != 1) return void(outer.fail());
      Fields socket(f.bytes());
      while (socket.next()) switch (socket.field()) {
          case 1: socket.number(0, 0); break;
          case 2: ip = socket.text(); break;
          case 3: port = socket.number(0, 65535); break;
          default: socket.fail();
        }
      has_port = socket.has(3);
      if (!socket.plain()) f.fail();
    }
    auto parsed = net::Address::parse_ip(ip, static_cast<std::uint16_t>(port));
    if (!f.plain() || !has_port || !parsed) return void(outer.fail());
    e.address = std::move(*parsed);
  }

  /// Often that of the endpoint before, which is shared.
  void metadata(Fields& outer, upstream::Endpoint& e) {
    const auto bytes = outer.bytes();
    if (bytes != last_bytes_ || last_.metadata == nullptr) {
      envoy::config::core::v3::Metadata m;
      Problems problems;
      if (!m.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())) || !m.typed_filter_metadata().empty())
        return void(outer.fail());
      validate(m, Path(), problems, Depth::but_not_any, false);
      if (settle_received(m, Path(), false, problems) > 0 || !problems.list().empty()) return void(outer.fail());
      last_ = {};
      compile_endpoint_metadata(m, last_);
      last_bytes_ = bytes;
    }
    e.metadata = last_.metadata;
    e.canary = last_.canary;
  }

  struct Hash {
    std::size_t operator()(const std::pair<std::uint32_t, std::string_view>& p) const noexcept {
      return std::hash<std::string_view>()(p.second) + p.first;
    }
  };
  PlainAssignment out_;
  std::unordered_set<std::pair<std::uint32_t, std::string_view>, Hash> seen_;  // the endpoints' texts
  std::string_view last_bytes_;
  upstream::Endpoint last_;
};

}  // namespace

std::optional<PlainAssignment> read_plain_assignment(std::string_view bytes) { return Reader().assignment(bytes); }

}  // namespace outrigger::xds
