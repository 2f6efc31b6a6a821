#include "xds/compile/authz_messages.h"

#include "envoy/service/auth/v3/external_auth.pb.h"
#include "xds/compile/answer_fields.h"
#include "xds/compile/metadata.h"

namespace outrigger::xds {

namespace auth_v3 = envoy::service::auth::v3;
namespace core_v3 = envoy::config::core::v3;
using filters::CheckAnswer;
using filters::CheckRequest;

namespace {

std::string text(std::string_view s) { return std::string(s); }

void put_peer(const filters::CheckPeer& from, auth_v3::AttributeContext::Peer& p) {
  auto& address = *p.mutable_address();
  if (from.address != nullptr && !from.address->empty()) {
    if (from.address->is_ip()) {
      address.mutable_socket_address()->set_address(text(from.address->ip_text()));
      address.mutable_socket_address()->set_port_value(from.address->port());
    } else if (from.address->is_internal()) {
      address.mutable_envoy_internal_address()->set_server_listener_name(text(from.address->internal_name()));
      address.mutable_envoy_internal_address()->set_endpoint_id(text(from.address->internal_endpoint()));
    } else {
      address.mutable_pipe()->set_path(from.address->text());
    }
  }
  p.set_service(text(from.service));
  p.set_principal(text(from.principal));
  p.set_certificate(text(from.certificate));
  if (from.labels == nullptr) return;
  for (const auto& [name, value] : *from.labels) (*p.mutable_labels())[name] = value;
}

void put_metadata(const MetadataValue& from, core_v3::Metadata& to) {
  for (const auto& [space, v] : from.fields) to_struct(v, (*to.mutable_filter_metadata())[space]);
}

void put_http(const CheckRequest& from, auth_v3::AttributeContext::HttpRequest& p) {
  p.set_id(std::to_string(from.id));
  p.set_method(text(from.method));
  p.set_path(text(from.path));
  p.set_host(text(from.host));
  p.set_scheme(text(from.scheme));
  p.set_protocol(text(from.protocol));
  p.set_size(static_cast<std::int64_t>(from.size));
  for (const auto& f : from.fields) {
    if (!from.raw_fields) {
      (*p.mutable_headers())[text(f.name)] = text(f.value);
      continue;
    }
    auto& h = *p.mutable_header_map()->add_headers();
    h.set_key(text(f.name));
    h.set_raw_value(text(f.value));
  }
  if (from.body_is_text)
    p.set_body(text(from.body));
  else
    p.set_raw_body(text(from.body));
}

void encode(const CheckRequest& from, std::string& out) {
  auth_v3::CheckRequest p;
  auto& a = *p.mutable_attributes();
  put_peer(from.source, *a.mutable_source());
  put_peer(from.destination, *a.mutable_destination());
  put_metadata(from.metadata, *a.mutable_metadata_context());
  if (from.server_name) a.mutable_tls_session()->set_sni(text(*from.server_name));
  if (from.of_connection) return void(p.SerializeToString(&out));
  const auto since = from.time.time_since_epoch();
  const auto seconds = std::chrono::floor<std::chrono::seconds>(since);
  auto& time = *a.mutable_request()->mutable_time();
  time.set_seconds(seconds.count());
  time.set_nanos(static_cast<std::int32_t>(std::chrono::duration_cast<std::chrono::nanoseconds>(since - seconds).count()));
  put_http(from, *a.mutable_request()->mutable_http());
  for (const auto& f : from.extensions) (*a.mutable_context_extensions())[text(f.name)] = text(f.value);
  put_metadata(from.route_metadata, *a.mutable_route_metadata_context());
  p.SerializeToString(&out);
}

using Options = google::protobuf::RepeatedPtrField<core_v3::HeaderValueOption>;
using Header = CheckAnswer::Header;

/// Of the request: without a word on it, a header takes the place of one that is there. Other actions are not looked at, as
/// in Envoy.
Header::Action request_action(const core_v3::HeaderValueOption& p) { return p.append().value() ? Header::append : Header::set; }

Header::Action response_action(const core_v3::HeaderValueOption& p) {
  if (p.has_append()) return p.append().value() ? Header::add : Header::set;
  switch (p.append_action()) {
    case core_v3::HeaderValueOption::ADD_IF_ABSENT: return Header::add_if_absent;
    case core_v3::HeaderValueOption::OVERWRITE_IF_EXISTS: return Header::overwrite_if_exists;
    case core_v3::HeaderValueOption::OVERWRITE_IF_EXISTS_OR_ADD: return Header::set;
    default: return Header::add;
  }
}

template <class Choose>
bool read_headers(const Options& list, Arena& arena, filters::Chain<Header>& out, Choose choose) {
  for (const auto& p : list) {
    const auto f = answer_field(p.header(), true, arena);
    if (!f) return false;
    out.add(arena, {choose(p), f->name, f->value});
  }
  return true;
}

bool read_ok(const auth_v3::OkHttpResponse& p, Arena& arena, CheckAnswer& out) {
  if (!read_headers(p.headers(), arena, out.request, request_action)) return false;
  if (!read_headers(p.response_headers_to_add(), arena, out.response, response_action)) return false;
  for (const auto& name : p.headers_to_remove()) out.remove.add(arena, arena.lower_copy(name));
  for (const auto& q : p.query_parameters_to_set()) out.query_set.add(arena, {arena.copy(q.key()), arena.copy(q.value())});
  for (const auto& name : p.query_parameters_to_remove()) out.query_remove.add(arena, arena.copy(name));
  return true;
}

bool read_denied(const auth_v3::DeniedHttpResponse& p, Arena& arena, CheckAnswer& out) {
  for (const auto& h : p.headers()) {
    const auto f = answer_field(h.header(), true, arena);
    if (!f) return false;
    if (h.append().value()) continue;  // as in Envoy
    out.response.add(arena, {Header::add, f->name, f->value});
  }
  const auto code = static_cast<int>(p.status().code());
  if (code >= 200 && code < 600) out.status = static_cast<std::uint16_t>(code);
  out.body = arena.copy(p.body());
  return true;
}

bool decode(std::string_view bytes, Arena& arena, CheckAnswer& out) {
  auth_v3::CheckResponse p;
  if (!p.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) return false;
  const bool ok = p.status().code() == 0;
  if (p.has_error_response()) {
    out.verdict = CheckAnswer::error;
    if (!read_denied(p.error_response(), arena, out)) return false;
  } else if (ok) {
    out.verdict = CheckAnswer::ok;
    if (p.has_ok_response() && !read_ok(p.ok_response(), arena, out)) return false;
  } else {
    out.verdict = CheckAnswer::denied;
    out.status = 403;
    if (p.has_denied_response() && !read_denied(p.denied_response(), arena, out)) return false;
  }
  const bool inner = p.has_ok_response() && p.ok_response().has_dynamic_metadata();
  out.metadata = compile_metadata_value(inner ? p.ok_response().dynamic_metadata() : p.dynamic_metadata());
  return true;
}

}  // namespace

std::map<std::string, std::string> compile_peer_labels(const std::string& key, const CompileContext& c) {
  std::map<std::string, std::string> labels;
  if (c.node_metadata == nullptr) return labels;
  const auto& fields = c.node_metadata->fields();
  const auto found = fields.find(key);
  if (found == fields.end()) return labels;
  for (const auto& [name, value] : found->second.struct_value().fields()) labels.emplace(name, value.string_value());
  return labels;
}

const filters::AuthorizationMessages& authorization_messages() {
  static constexpr filters::AuthorizationMessages kMessages{&encode, &decode};
  return kMessages;
}

}  // namespace outrigger::xds
