#include "proxy/listener/proxy_protocol.h"

#include <algorithm>
#include <map>

#include "proxy/base/base64.h"
#include "proxy/buffer/buffer.h"
#include "proxy/http/connection_facts.h"
#include "proxy/net/proxy_header.h"

namespace outrigger::listener {

using net::ProxyParse;
using stats::ProxyProtoLegacyStat;
using stats::ProxyProtoStat;
using stats::ProxyProtoVersionStat;

namespace {

constexpr std::size_t kFirstLook = 16 + 216;  // a v2 header with addresses of Unix sockets

/// Bytes of the UTF-8 character at the front; 0: there is none.
std::size_t utf8_size(std::string_view s) noexcept {
  const auto byte = [&](std::size_t i) { return static_cast<std::uint8_t>(s[i]); };
  const unsigned first = byte(0);
  const std::size_t size = first < 0x80 ? 1 : first >> 5 == 6 ? 2 : first >> 4 == 14 ? 3 : first >> 3 == 30 ? 4 : 0;
  if (size < 2) return size;
  if (s.size() < size) return 0;
  std::uint32_t code = first & (0x7fU >> size);
  for (std::size_t i = 1; i < size; ++i) {
    if (byte(i) >> 6 != 2) return 0;
    code = code << 6 | (byte(i) & 63U);
  }
  constexpr std::uint32_t kLeast[] = {0, 0, 0x80, 0x800, 0x10000};
  const bool surrogate = code >= 0xd800 && code < 0xe000;
  return code < kLeast[size] || code > 0x10ffff || surrogate ? 0 : size;
}

/// What is not UTF-8 becomes '!', as in all texts that go into Envoy's messages.
std::string sanitize_utf8(std::string_view bytes) {
  std::string out;
  while (!bytes.empty()) {
    const auto n = utf8_size(bytes);
    if (n == 0)
      out += '!';
    else
      out += bytes.substr(0, n);
    bytes.remove_prefix(std::max<std::size_t>(n, 1));
  }
  return out;
}

class HeaderInspector final : public Inspector {
 public:
  explicit HeaderInspector(const ProxyProtocolConfig& config) : config_(config) {}
  std::size_t bytes_max() const noexcept override { return wanted_; }
  Verdict on_bytes(const Candidate& c, std::string_view bytes) override;

 private:
  stats::BlockHandle stats_of(std::uint8_t version) const noexcept { return version == 1 ? config_.v1 : config_.v2; }
  Verdict without(const Candidate& c) const {
    c.thread.cells.add(config_.general, ProxyProtoStat::not_found_allowed);
    return Verdict::next;
  }
  Verdict refuse(const Candidate& c, std::uint8_t version);
  Verdict accept(const Candidate& c, net::ProxyHeader header, std::size_t bytes);
  void keep_tlvs(const Candidate& c, net::ProxyHeader& header) const;
  const ProxyProtocolConfig& config_;
  std::size_t wanted_ = kFirstLook;
};

Verdict HeaderInspector::on_bytes(const Candidate& c, std::string_view bytes) {
  net::ProxyHeader header;
  const auto p = net::parse_proxy_header(bytes, config_.allow_without, header);
  if (p.version != 0 && !(p.version == 1 ? config_.allow_v1 : config_.allow_v2)) {
    if (config_.allow_without) return without(c);
    c.thread.cells.add(stats_of(p.version), ProxyProtoVersionStat::found);
    c.thread.cells.add(stats_of(p.version), ProxyProtoVersionStat::disallowed);
    return Verdict::close;
  }
  switch (p.status) {
    case ProxyParse::more: wanted_ = std::max(wanted_, p.bytes); return Verdict::wait;
    case ProxyParse::absent: return config_.allow_without ? without(c) : refuse(c, 0);
    case ProxyParse::malformed: return refuse(c, p.version);
    case ProxyParse::complete: break;
  }
  return accept(c, std::move(header), p.bytes);
}

Verdict HeaderInspector::refuse(const Candidate& c, std::uint8_t version) {
  auto& cells = c.thread.cells;
  cells.add(config_.legacy, ProxyProtoLegacyStat::downstream_cx_proxy_proto_error);
  if (version == 0)
    cells.add(config_.general, ProxyProtoStat::not_found_disallowed);
  else
    cells.add(stats_of(version), ProxyProtoVersionStat::error);
  return Verdict::close;
}

Verdict HeaderInspector::accept(const Candidate& c, net::ProxyHeader header, std::size_t bytes) {
  auto& cells = c.thread.cells;
  Buffer taken;
  for (std::size_t left = bytes; left > 0;) {
    const auto r = c.transport.read(taken, std::min<std::size_t>(left, Buffer::kBlockBytes));
    if (r.status != net::IoStatus::ok) return refuse(c, header.version);
    left -= r.bytes;
    taken.clear();
  }
  cells.add(stats_of(header.version), ProxyProtoVersionStat::found);
  keep_tlvs(c, header);
  auto& info = c.info;
  if (!header.local) {
    if (!(header.destination == info.local)) {
      info.local = header.destination;
      info.local_restored = true;
    }
    info.remote = header.source;
  } else {
    header.source = info.remote;
    header.destination = info.local;
  }
  info.facts().tell(std::move(header));
  return Verdict::next;
}

/// Of two for a name metadata keeps the first and filter state the last, as in Envoy.
void HeaderInspector::keep_tlvs(const Candidate& c, net::ProxyHeader& header) const {
  std::map<std::string, std::string> state;
  for (const auto& t : header.tlvs)
    for (const auto& r : config_.rules) {
      if (r.type != t.type) continue;
      const auto text = [&] {
        return r.text == ProxyProtocolConfig::Text::base64 ? encode_base64(t.value) : sanitize_utf8(t.value);
      };
      if (config_.rules_to_state) {
        state[r.key] = text();
        continue;
      }
      const auto* known = c.info.found() == nullptr ? nullptr : c.info.found()->dynamic_metadata.get();
      if (known != nullptr && known->find(r.name, {r.key}) != nullptr) continue;
      c.info.facts().add_metadata(r.name, MetadataValue::of(r.key, MetadataValue::of(text())));
    }
  if (!state.empty()) c.info.facts().set_fields(c.info.filter_state, "envoy.network.proxy_protocol.tlv", std::move(state));
  std::erase_if(header.tlvs, [&](const net::ProxyTlv& t) { return !config_.passed_through[t.type]; });
}

}  // namespace

std::unique_ptr<Inspector> ProxyProtocol::inspector() const { return std::make_unique<HeaderInspector>(config_); }

}  // namespace outrigger::listener
