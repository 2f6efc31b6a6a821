#include "xds/compile/match_inputs.h"

#include <algorithm>
#include <charconv>

#include "envoy/extensions/matching/common_inputs/network/v3/network_inputs.pb.h"
#include "envoy/extensions/matching/common_inputs/ssl/v3/ssl_inputs.pb.h"
#include "envoy/type/matcher/v3/http_inputs.pb.h"
#include "proxy/http/joined.h"
#include "proxy/http/connection_facts.h"
#include "proxy/listener/chain_index.h"
#include "xds/compile/convert.h"
#include "xds/type/matcher/v3/http_inputs.pb.h"

namespace outrigger::xds {

namespace network_v3 = envoy::extensions::matching::common_inputs::network::v3;
namespace ssl_v3 = envoy::extensions::matching::common_inputs::ssl::v3;
namespace http_v3 = envoy::type::matcher::v3;
using format::Context;
using google::protobuf::Any;
using Text = std::string_view;

namespace {

Text not_empty(Text s) { return s.empty() ? Text() : s; }

// ---- connections

using GetAddress = const net::Address& (*)(const Context&);
const net::Address& local(const Context& c) { return c.info->connection->local; }
const net::Address& remote(const Context& c) { return c.info->remote(); }
const net::Address& direct_remote(const Context& c) { return c.info->connection->direct_remote; }

template <GetAddress Of>
Text ip(const Context& c, std::string&) {
  return Of(c).is_ip() ? Of(c).ip_text() : Text();
}
template <GetAddress Of>
Text port(const Context& c, std::string& scratch) {
  if (!Of(c).is_ip()) return {};
  char digits[8];
  scratch.assign(digits, std::to_chars(digits, digits + sizeof digits, Of(c).port()).ptr);
  return scratch;
}
Text source_type(const Context& c, std::string&) { return listener::is_local(*c.info->connection) ? Text("local") : Text(); }
Text server_name(const Context& c, std::string&) { return not_empty(c.info->connection->requested_server_name); }
Text transport_protocol(const Context& c, std::string&) { return not_empty(c.info->connection->transport_protocol); }
/// "'h2','http/1.1'"
Text application_protocol(const Context& c, std::string& scratch) {
  const auto* found = c.info->connection->found();
  if (found == nullptr) return {};
  for (const auto& name : found->application_protocols) scratch += (scratch.empty() ? "'" : ",'") + name + '\'';
  return not_empty(scratch);
}

route::MatchInput filter_state(const network_v3::FilterStateInput& p) {
  return [key = p.key(), field = p.field()](const Context& c, std::string& scratch) -> Text {
    const auto* e = c.info->filter_state.find(key);
    if (e == nullptr) return {};
    if (field.empty() || !http::has_fields(*e)) return e->value.data() == nullptr ? Text("") : e->value;
    auto text = http::field_of(*e, field);
    if (!text) return {};
    scratch = std::move(*text);
    return scratch;
  };
}

MetadataInput dynamic_metadata(const network_v3::DynamicMetadataInput& p) {
  std::vector<std::string> path;
  for (const auto& s : p.path()) path.push_back(s.key());
  return [space = p.filter(), path = std::move(path)](const Context& c) -> const MetadataValue* {
    const auto& all = c.info->dynamic_metadata;
    return all == nullptr ? nullptr : all->find(space, path);
  };
}

// ---- certificates

const net::CertificateFacts* peer(const Context& c) {
  const auto& tls = c.info->connection->tls;
  return tls == nullptr ? nullptr : tls->peer();
}
template <std::vector<std::string> net::CertificateFacts::*Names>
Text names(const Context& c, std::string& scratch) {
  const auto* facts = peer(c);
  if (facts == nullptr || (facts->*Names).empty()) return {};
  if ((facts->*Names).size() == 1) return not_empty((facts->*Names).front());
  for (const auto& n : facts->*Names) (scratch += scratch.empty() ? "" : ",") += n;
  return not_empty(scratch);
}
Text subject(const Context& c, std::string&) {
  const auto* facts = peer(c);
  return facts == nullptr ? Text() : not_empty(facts->subject);
}

// ---- requests

route::MatchInput request_header(const http_v3::HttpRequestHeaderMatchInput& p) {
  return [name = lower(p.header_name())](const Context& c, std::string& scratch) -> Text {
    if (c.request == nullptr) return {};
    if (name.empty() || (name[0] != ':' && name != "host")) return http::joined(c.request->headers, name, scratch);
    const Text* value = c.request->find(name);
    return value == nullptr ? Text() : value->data() == nullptr ? Text("") : *value;
  };
}

// ---- by type

template <class Message>
Message unpacked(const Any& any) {
  Message m;
  any.UnpackTo(&m);
  return m;
}
MatchSource text(route::MatchInput input, bool of_tls = false) {
  MatchSource o;
  o.text = std::move(input);
  o.of_tls = of_tls;
  return o;
}
template <auto get>
MatchSource plain(const Any&) {
  return text(get);
}
template <auto get>
MatchSource of_tls(const Any&) {
  return text(get, true);
}
MatchSource metadata_of(const Any& a) {
  MatchSource o;
  o.metadata = dynamic_metadata(unpacked<network_v3::DynamicMetadataInput>(a));
  return o;
}
MatchSource attributes(const Any&) {
  MatchSource o;
  o.attributes = true;
  return o;
}

struct Row {
  const google::protobuf::Descriptor* (*type)();
  MatchSource (*make)(const Any&);
};
constexpr Row kRows[] = {
    {network_v3::DestinationIPInput::descriptor, plain<ip<local>>},
    {network_v3::DestinationPortInput::descriptor, plain<port<local>>},
    {network_v3::SourceIPInput::descriptor, plain<ip<remote>>},
    {network_v3::SourcePortInput::descriptor, plain<port<remote>>},
    {network_v3::DirectSourceIPInput::descriptor, plain<ip<direct_remote>>},
    {network_v3::SourceTypeInput::descriptor, plain<source_type>},
    {network_v3::ServerNameInput::descriptor, plain<server_name>},
    {network_v3::TransportProtocolInput::descriptor, plain<transport_protocol>},
    {network_v3::ApplicationProtocolInput::descriptor, plain<application_protocol>},
    {network_v3::FilterStateInput::descriptor,
     [](const Any& a) { return text(filter_state(unpacked<network_v3::FilterStateInput>(a))); }},
    {network_v3::DynamicMetadataInput::descriptor, metadata_of},
    {ssl_v3::UriSanInput::descriptor, of_tls<names<&net::CertificateFacts::uri_sans>>},
    {ssl_v3::DnsSanInput::descriptor, of_tls<names<&net::CertificateFacts::dns_sans>>},
    {ssl_v3::SubjectInput::descriptor, of_tls<subject>},
    {http_v3::HttpRequestHeaderMatchInput::descriptor,
     [](const Any& a) { return text(request_header(unpacked<http_v3::HttpRequestHeaderMatchInput>(a))); }},
    {::xds::type::matcher::v3::HttpAttributesCelMatchInput::descriptor, attributes},
};

}  // namespace

std::string_view type_of(const Any& any) noexcept {
  const Text url = any.type_url();
  return url.substr(url.rfind('/') + 1);
}

std::optional<MatchSource> compile_match_input(const ::xds::core::v3::TypedExtensionConfig& p, const Path& at,
                                               Problems& problems) {
  for (const auto& row : kRows)
    if (row.type()->full_name() == type_of(p.typed_config())) return row.make(p.typed_config());
  problems.error(at / "typed_config",
                 "matcher input '" + p.name() + "' of type '" + p.typed_config().type_url() + "' is not implemented");
  return {};
}

}  // namespace outrigger::xds
