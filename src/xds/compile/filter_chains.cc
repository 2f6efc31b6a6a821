#include "xds/compile/filter_chains.h"

#include <google/protobuf/util/message_differencer.h>
#include <map>

#include "xds/compile/chain_matcher.h"
#include "xds/compile/convert.h"

namespace outrigger::xds {

namespace listener_v3 = envoy::config::listener::v3;

namespace {

listener::ChainMatch compile_match(const listener_v3::FilterChainMatch& p, const std::string& listener, const Path& at,
                                   Problems& problems) {
  listener::ChainMatch m;
  if (p.has_destination_port()) m.destination_port = static_cast<std::uint16_t>(p.destination_port().value());
  const auto ranges = [&](const auto& from, std::string_view field, std::vector<net::CidrRange>& to) {
    for (int i = 0; i < from.size(); ++i)
      if (auto r = compile_cidr(from.Get(i), at.at(field, i), problems)) to.push_back(*r);
  };
  ranges(p.prefix_ranges(), "prefix_ranges", m.destination);
  ranges(p.direct_source_prefix_ranges(), "direct_source_prefix_ranges", m.direct_source);
  ranges(p.source_prefix_ranges(), "source_prefix_ranges", m.source);
  for (int i = 0; i < p.server_names_size(); ++i) {
    const std::string& name = p.server_names(i);
    const bool wildcard = name.starts_with("*.");
    if (!wildcard && name.find('*') != std::string::npos)
      problems.error(at.at("server_names", i),
                     "error adding listener '" + listener + "': partial wildcards are not supported in \"server_names\"");
    m.server_names.push_back(lower(wildcard ? name.substr(1) : name));
  }
  m.transport_protocol = p.transport_protocol();
  for (const auto& name : p.application_protocols()) m.application_protocols.push_back(name);
  for (const auto port : p.source_ports()) m.source_ports.push_back(static_cast<std::uint16_t>(port));
  m.source_type = static_cast<listener::ChainMatch::SourceType>(p.source_type());
  return m;
}

void compile_index(const listener_v3::Listener& p, const std::string& listener, server::ListenerConfig& o, const Path& at,
                   Problems& problems) {
  std::map<std::string, int> seen;
  for (int i = 0; i < p.filter_chains_size(); ++i) {
    const auto& chain = p.filter_chains(i);
    const Path here = at.at("filter_chains", i);
    const auto [known, fresh] = seen.emplace(chain.filter_chain_match().SerializeAsString(), i);
    if (!fresh) {
      problems.error(here, "error adding listener '" + listener + "': filter chain '" + chain.name() +
                               "' has the same matching rules defined as '" + p.filter_chains(known->second).name() +
                               "', filter chain " + std::to_string(known->second));
      continue;
    }
    const auto m = compile_match(chain.filter_chain_match(), listener, here / "filter_chain_match", problems);
    if (!o.chain_index.add(m, static_cast<std::uint32_t>(i)))
      problems.error(here / "filter_chain_match", "error adding listener '" + listener +
                                                      "': multiple filter chains with overlapping matching rules are defined");
  }
  o.chain_index.seal();
}

}  // namespace

void compile_chain_choice(const listener_v3::Listener& p, const std::string& address, server::ListenerConfig& o, const Path& at,
                          Problems& problems) {
  if (!p.has_filter_chain_matcher()) return compile_index(p, address, o, at, problems);
  ChainNames names;
  for (int i = 0; i < p.filter_chains_size(); ++i) {
    const auto& chain = p.filter_chains(i);
    const Path here = at.at("filter_chains", i);
    if (chain.has_filter_chain_match())
      problems.warn(here / "filter_chain_match", "filter chain match in chain '" + chain.name() + "' is ignored");
    if (chain.name().empty())
      problems.error(here / "name",
                     "error adding listener '" + address + "': \"name\" field is required when using a listener matcher");
    else if (!names.emplace(chain.name(), static_cast<std::uint32_t>(i)).second)
      problems.error(here / "name",
                     "error adding listener '" + address + "': \"name\" field is duplicated with value '" + chain.name() + "'");
  }
  o.chain_matcher = compile_chain_matcher(p.filter_chain_matcher(), names, at / "filter_chain_matcher", problems);
}

}  // namespace outrigger::xds
