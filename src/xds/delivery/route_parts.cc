#include "xds/delivery/route_parts.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/wire_format_lite.h>
#include "envoy/config/route/v3/route.pb.h"
#include "xds/compile/content.h"

namespace outrigger::xds {

using envoy::config::route::v3::RouteConfiguration;
using google::protobuf::internal::WireFormatLite;

std::optional<RouteParts> split_routes(std::string_view message) {
  RouteParts out;
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(message.data());
  google::protobuf::io::CodedInputStream in(bytes, static_cast<int>(message.size()));
  constexpr auto kTag =
      WireFormatLite::MakeTag(RouteConfiguration::kVirtualHostsFieldNumber, WireFormatLite::WIRETYPE_LENGTH_DELIMITED);
  for (std::size_t begin = 0; begin < message.size();) {
    const auto tag = in.ReadTagNoLastTag();
    if (tag == 0 || !WireFormatLite::SkipField(&in, tag)) return std::nullopt;
    const auto end = static_cast<std::size_t>(in.CurrentPosition());
    const auto field = message.substr(begin, end - begin);
    if (tag == kTag)
      out.vhosts.push_back({field, bytes_hash(field)});
    else
      out.rest += field;
    begin = end;
  }
  return out;
}

void KnownHosts::clear() {
  rest_ = 0;
  hosts_.clear();
}

void KnownHosts::take(const RouteParts& parts, const std::vector<std::shared_ptr<route::VirtualHost>>& hosts) {
  clear();
  if (parts.vhosts.size() != hosts.size()) return;
  rest_ = bytes_hash(parts.rest);
  hosts_.reserve(hosts.size());
  for (std::size_t i = 0; i < hosts.size(); ++i) hosts_.emplace(parts.vhosts[i].hash, hosts[i]);
}

std::optional<std::string> KnownHosts::news(const RouteParts& parts) const {
  if (rest_ != bytes_hash(parts.rest)) return std::nullopt;
  std::string message = parts.rest;
  for (const auto& h : parts.vhosts)
    if (!hosts_.contains(h.hash)) message += h.field;
  return message;
}

std::shared_ptr<route::RouteConfig> KnownHosts::assemble(const RouteParts& parts, const route::RouteConfig& fresh) const {
  auto out = std::make_shared<route::RouteConfig>();
  out->name = fresh.name;
  out->level = fresh.level;
  out->internal_only_headers = fresh.internal_only_headers;
  out->ignore_port_in_host_matching = fresh.ignore_port_in_host_matching;
  out->ignore_path_parameters = fresh.ignore_path_parameters;
  out->direct_response_body_bytes_max = fresh.direct_response_body_bytes_max;
  out->vhost_header = fresh.vhost_header;
  out->vhosts.reserve(parts.vhosts.size());
  auto next = fresh.vhosts.begin();
  for (const auto& h : parts.vhosts) {
    const auto at = hosts_.find(h.hash);
    if (at == hosts_.end() && next == fresh.vhosts.end()) return nullptr;
    out->vhosts.push_back(at != hosts_.end() ? at->second : *next++);
  }
  return next == fresh.vhosts.end() && out->index() ? out : nullptr;
}

}  // namespace outrigger::xds
