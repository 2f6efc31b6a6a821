#include "proxy/http/filter_state.h"

#include "proxy/net/address.h"

namespace outrigger::http {

std::optional<std::string> field_of(const FilterState::Entry& e, std::string_view name) {
  if (!has_fields(e)) return {};
  if (e.fields != nullptr) {
    const auto at = e.fields->find(std::string(name));
    return at == e.fields->end() ? std::nullopt : std::optional(at->second);
  }
  const auto address = net::Address::parse_ip_port(e.value);
  if (!address) return {};
  if (name == "ip") return std::string(address->ip_text());
  if (name == "port") return std::to_string(address->port());
  return {};
}

}  // namespace outrigger::http
