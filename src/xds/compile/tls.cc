#include "xds/compile/tls.h"

#include "envoy/extensions/transport_sockets/internal_upstream/v3/internal_upstream.pb.h"
#include "envoy/extensions/transport_sockets/raw_buffer/v3/raw_buffer.pb.h"
#include "proxy/base/log.h"
#include "proxy/base/percent.h"
#include "proxy/net/internal_socket.h"
#include "xds/compile/convert.h"
#include "xds/compile/istio.h"

namespace outrigger::xds {

namespace core_v3 = envoy::config::core::v3;
using Common = tls_v3::CommonTlsContext;
using Downstream = tls_v3::DownstreamTlsContext;
using Upstream = tls_v3::UpstreamTlsContext;
using Validation = tls_v3::CertificateValidationContext;

namespace {

/// The secrets that a context refers to; none: everything stands in the config itself.
struct References {
  std::vector<std::shared_ptr<Secret>> certificates;  // in the order of the config
  std::shared_ptr<Secret> validation, ticket_keys;
  std::vector<std::shared_ptr<Secret>> all() const {
    auto out = certificates;
    if (validation != nullptr) out.push_back(validation);
    if (ticket_keys != nullptr) out.push_back(ticket_keys);
    return out;
  }
  bool arrived() const {
    for (const auto& s : all())
      if (!s->arrived()) return false;
    return true;
  }
};

void compile_params(const tls_v3::TlsParameters& p, tls::Parameters& o) {
  const auto version = [](tls_v3::TlsParameters::TlsProtocol v, int automatic) {
    switch (v) {
      case tls_v3::TlsParameters::TLSv1_0: return TLS1_VERSION;
      case tls_v3::TlsParameters::TLSv1_1: return TLS1_1_VERSION;
      case tls_v3::TlsParameters::TLSv1_2: return TLS1_2_VERSION;
      case tls_v3::TlsParameters::TLSv1_3: return TLS1_3_VERSION;
      default: return automatic;
    }
  };
  o.version_min = version(p.tls_minimum_protocol_version(), o.version_min);
  o.version_max = version(p.tls_maximum_protocol_version(), o.version_max);
  o.ciphers.assign(p.cipher_suites().begin(), p.cipher_suites().end());
  o.curves.assign(p.ecdh_curves().begin(), p.ecdh_curves().end());
  o.signature_algorithms.assign(p.signature_algorithms().begin(), p.signature_algorithms().end());
}

/// A reference: to a secret of the bootstrap (its message), or to one that comes (into `late`).
const tls_v3::Secret* refer(const tls_v3::SdsSecretConfig& config, tls_v3::Secret::TypeCase type, const Path& at,
                            CompileContext& c, std::shared_ptr<Secret>& late) {
  if (!config.has_sds_config()) return c.secrets->find_static(config.name(), type, at, c.problems);
  late = c.secrets->subscribe(config, type, at, c.problems);
  return nullptr;
}

/// Puts what is in the bootstrap's secrets in place, so that only late ones are left.
void resolve_common(Common& p, References& late, const Path& at, CompileContext& c) {
  const bool own = p.tls_certificates_size() > 0;
  for (int i = 0; i < p.tls_certificate_sds_secret_configs_size(); ++i) {
    std::shared_ptr<Secret> s;
    const auto& config = p.tls_certificate_sds_secret_configs(i);
    refer(config, tls_v3::Secret::kTlsCertificate, at.at("tls_certificate_sds_secret_configs", i), c, s);
    if (s != nullptr) late.certificates.push_back(std::move(s));
  }
  if (own && p.tls_certificate_sds_secret_configs_size() > 0)
    c.problems.error(at, "SDS and non-SDS TLS certificates may not be mixed in server contexts");
  const auto take = [&](const tls_v3::SdsSecretConfig& config, const Path& here) {
    const auto* s = refer(config, tls_v3::Secret::kValidationContext, here, c, late.validation);
    return s == nullptr ? nullptr : &s->validation_context();
  };
  if (p.has_validation_context_sds_secret_config()) {
    if (const auto* v = take(p.validation_context_sds_secret_config(), at / "validation_context_sds_secret_config")) {
      const Validation copy = *v;
      *p.mutable_validation_context() = copy;
    }
  } else if (p.has_combined_validation_context()) {
    const Path here = at / "combined_validation_context";
    if (const auto* v = take(p.combined_validation_context().validation_context_sds_secret_config(),
                             here / "validation_context_sds_secret_config")) {
      Validation merged = p.combined_validation_context().default_validation_context();
      merged.MergeFrom(*v);
      *p.mutable_validation_context() = merged;
    }
  }
}

/// Certificates in the order of the config: its own, or those of its secrets.
void compile_certificates(const Common& p, const References& late, const Path& at, CompileContext& c, tls::Options& o) {
  for (int i = 0; i < p.tls_certificates_size(); ++i)
    if (auto made = compile_certificate(p.tls_certificates(i), "", at.at("tls_certificates", i), c.problems))
      o.certificates.push_back(std::move(made));
  std::size_t next = 0;
  for (int i = 0; i < p.tls_certificate_sds_secret_configs_size(); ++i) {
    const auto& config = p.tls_certificate_sds_secret_configs(i);
    const Path here = at.at("tls_certificate_sds_secret_configs", i);
    if (config.has_sds_config()) {
      if (next < late.certificates.size()) o.certificates.push_back(late.certificates[next++]->certificate());
    } else if (const auto* s = c.secrets->find_static(config.name(), tls_v3::Secret::kTlsCertificate, here, c.problems)) {
      if (auto made = c.secrets->certificate_of(*s, here, c.problems)) o.certificates.push_back(std::move(made));
    }
  }
}

std::string validation_name(const Common& p) {
  if (p.has_combined_validation_context()) return p.combined_validation_context().validation_context_sds_secret_config().name();
  return p.validation_context_sds_secret_config().name();
}

tls::ValidationPtr compile_peer_check(const Common& p, const std::string& name, const References& late, const Path& at,
                                      Problems& problems) {
  if (late.validation == nullptr) {
    if (!p.has_validation_context()) return nullptr;
    return compile_validation(p.validation_context(), name, at / "validation_context", problems);
  }
  Validation merged = p.combined_validation_context().default_validation_context();
  merged.MergeFrom(late.validation->validation_context());
  return compile_validation(merged, name, at / "combined_validation_context", problems);
}

void compile_ticket_keys(const tls_v3::TlsSessionTicketKeys& p, const Path& at, Problems& problems, tls::ServerOptions& o) {
  for (int i = 0; i < p.keys_size(); ++i) {
    auto bytes = read_data_source(p.keys(i));
    if (bytes)
      o.ticket_keys.push_back(std::move(*bytes));
    else
      problems.error(at.at("keys", i), bytes.error().detail);
  }
}

/// What is rebuilt when a secret changes holds no certificate or validation of its own.
template <class Proto>
struct Plan {
  Proto proto;
  References late;
  tls::ServerOptions server;  // with what does not change
  tls::ClientOptions client;
  std::string validation_name;
  std::string where;  // for the log
};

std::shared_ptr<const tls::ServerContext> build(const Plan<Downstream>& plan, const Path& at, Problems& problems) {
  const auto errors = problems.errors();
  tls::ServerOptions o = plan.server;
  const Path common = at / "common_tls_context";
  for (const auto& s : plan.late.certificates) o.certificates.push_back(s->certificate());
  if (plan.late.validation != nullptr)
    o.validation = compile_peer_check(plan.proto.common_tls_context(), plan.validation_name, plan.late, common, problems);
  if (plan.late.ticket_keys != nullptr)
    compile_ticket_keys(plan.late.ticket_keys->ticket_keys(), at / "session_ticket_keys_sds_secret_config", problems, o);
  if (problems.errors() != errors) return nullptr;
  auto made = tls::ServerContext::make(std::move(o));
  if (made) return *made;
  problems.error(common, made.error().detail);
  return nullptr;
}

std::shared_ptr<const tls::ClientContext> build(const Plan<Upstream>& plan, const Path& at, Problems& problems) {
  const auto errors = problems.errors();
  tls::ClientOptions o = plan.client;
  const Path common = at / "common_tls_context";
  for (const auto& s : plan.late.certificates) o.certificates.push_back(s->certificate());
  if (plan.late.validation != nullptr)
    o.validation = compile_peer_check(plan.proto.common_tls_context(), plan.validation_name, plan.late, common, problems);
  if (problems.errors() != errors) return nullptr;
  auto made = tls::ClientContext::make(std::move(o));
  if (made) return *made;
  problems.error(common, made.error().detail);
  return nullptr;
}

tls::StaplePolicy staple_policy(Downstream::OcspStaplePolicy p) {
  switch (p) {
    case Downstream::STRICT_STAPLING: return tls::StaplePolicy::strict;
    case Downstream::MUST_STAPLE: return tls::StaplePolicy::must;
    default: return tls::StaplePolicy::lenient;
  }
}

class Gauges {
 public:
  Gauges(stats::Registry& registry, std::string prefix) : registry_(registry), prefix_(std::move(prefix)) {}
  /// When what the context uses expires.
  void set(const tls::Context& context) {
    for (const auto& c : context.options().certificates) one(c->name(), "unnamed_cert_", c->facts().not_after);
    const auto* v = context.options().validation.get();
    if (v == nullptr) return;
    std::int64_t first = INT64_MAX;
    for (const auto& f : v->trusted()) first = std::min(first, f.not_after);
    if (first != INT64_MAX) one(v->source().name, "unnamed_ca_cert_", first);
  }

 private:
  void one(const std::string& name, const char* unnamed, std::int64_t when) {
    const std::string shown = name.empty() ? unnamed + to_hex(tls::sha256("")).substr(0, 8) : stats::sanitize(name);
    registry_.set(registry_.gauge(prefix_ + "ssl.certificate." + shown + ".expiration_unix_time_seconds"),
                  static_cast<std::uint64_t>(std::max<std::int64_t>(when, 0)));
  }
  stats::Registry& registry_;
  std::string prefix_;
};

/// A socket that uses a secret: builds the next context of the changed one, and takes it once all can.
template <class Proto, class S>
class Rebuild final : public Secret::User {
 public:
  Rebuild(std::shared_ptr<Plan<Proto>> plan, std::weak_ptr<S> socket, stats::BlockHandle factory_stats, Gauges gauges,
          stats::Registry& registry)
      : plan_(std::move(plan)),
        socket_(std::move(socket)),
        factory_stats_(factory_stats),
        gauges_(std::move(gauges)),
        registry_(registry) {}
  bool gone() const override { return socket_.expired(); }
  bool prepare(std::string& why) override {
    next_ = nullptr;
    if (!plan_->late.arrived()) return true;
    Problems problems;
    next_ = build(*plan_, Path(), problems);
    if (next_ == nullptr) why = plan_->where + ": " + problems.list().front().text;
    return next_ != nullptr;
  }
  void apply() override {
    registry_.main().add(factory_stats_, stats::SslFactoryStat::ssl_context_update_by_sds);
    const auto socket = socket_.lock();
    if (socket == nullptr || next_ == nullptr) return;
    stats::Recording recording(registry_);
    gauges_.set(*next_);
    lease_ = recording.take();  // they go with the socket
    socket->set(std::move(next_));
  }

 private:
  std::shared_ptr<Plan<Proto>> plan_;
  std::weak_ptr<S> socket_;
  stats::BlockHandle factory_stats_;
  Gauges gauges_;
  stats::Registry& registry_;
  stats::LeasePtr lease_;
  decltype(build(std::declval<const Plan<Proto>&>(), std::declval<const Path&>(), std::declval<Problems&>())) next_;
};

/// Gives the socket its context, now and whenever a secret changes.
template <class Proto, class S>
void keep_built(std::shared_ptr<Plan<Proto>> plan, const std::shared_ptr<S>& socket, stats::BlockHandle factory_stats,
                Gauges gauges, const Path& at, CompileContext& c) {
  c.secrets->keep(socket);
  if (plan->late.arrived()) {
    if (auto context = build(*plan, at, c.problems)) {
      gauges.set(*context);
      socket->set(std::move(context));
    }
  }
  plan->where = at.text();
  auto& registry = c.stats;
  for (const auto& secret : plan->late.all()) {
    if (secret->arrived()) registry.main().add(factory_stats, stats::SslFactoryStat::ssl_context_update_by_sds);
    secret->add_user(std::make_unique<Rebuild<Proto, S>>(plan, socket, factory_stats, gauges, registry));
  }
}

bool is_raw(const core_v3::TransportSocket& p) {
  return p.typed_config().Is<envoy::extensions::transport_sockets::raw_buffer::v3::RawBuffer>();
}

template <class Proto>
bool unpack(const core_v3::TransportSocket& p, const Path& at, CompileContext& c, Proto& into) {
  const bool ok = p.typed_config().Is<Proto>() && p.typed_config().UnpackTo(&into);
  if (!ok || c.secrets == nullptr)
    c.problems.error(at, "transport socket '" + p.name() + "' of type '" + p.typed_config().type_url() + "' is not implemented");
  return ok && c.secrets != nullptr;
}

void compile_common(Common& p, References& late, const Path& at, CompileContext& c, tls::Options& o) {
  compile_params(p.tls_params(), o.params);
  for (const auto& name : p.alpn_protocols()) {
    if (name != kPeerExchange)
      o.alpn.push_back(name);
    else
      c.not_active->add(kPeerExchange, Common::descriptor()->full_name(), "it is not offered: no metadata comes before the data");
  }
  resolve_common(p, late, at, c);
}

}  // namespace

std::shared_ptr<const net::DownstreamSocket> compile_downstream_socket(const core_v3::TransportSocket& p,
                                                                       const std::string& prefix, stats::BlockHandle listener,
                                                                       Duration connect_timeout, const Path& at,
                                                                       CompileContext& c) {
  if (is_raw(p)) return nullptr;
  const Path here = at / "typed_config";
  const auto errors = c.problems.errors();
  auto plan = std::make_shared<Plan<Downstream>>();
  auto& d = plan->proto;
  if (!unpack(p, here, c, d)) return nullptr;
  auto& o = plan->server;
  const Path common = here / "common_tls_context";
  plan->validation_name = validation_name(d.common_tls_context());
  compile_common(*d.mutable_common_tls_context(), plan->late, common, c, o);
  if (plan->late.certificates.empty()) compile_certificates(d.common_tls_context(), plan->late, common, c, o);
  if (plan->late.validation == nullptr)
    o.validation = compile_peer_check(d.common_tls_context(), plan->validation_name, plan->late, common, c.problems);
  o.require_client_certificate = d.require_client_certificate().value();
  if (!d.has_require_client_certificate() && o.validation != nullptr)
    c.problems.warn(here, "a validation_context without require_client_certificate: clients may come without a certificate");
  o.full_scan = d.full_scan_certs_on_sni_mismatch().value();
  o.prefer_client_ciphers = d.prefer_client_ciphers();
  o.staple_policy = staple_policy(d.ocsp_staple_policy());
  o.stateless_resumption = !d.disable_stateless_session_resumption();
  o.stateful_resumption = !d.disable_stateful_session_resumption();
  if (d.has_session_timeout()) o.session_timeout = std::chrono::seconds(d.session_timeout().seconds());
  if (d.has_session_ticket_keys()) compile_ticket_keys(d.session_ticket_keys(), here / "session_ticket_keys", c.problems, o);
  if (d.has_session_ticket_keys_sds_secret_config()) {
    const Path keys = here / "session_ticket_keys_sds_secret_config";
    if (const auto* s =
            refer(d.session_ticket_keys_sds_secret_config(), tls_v3::Secret::kSessionTicketKeys, keys, c, plan->late.ticket_keys))
      compile_ticket_keys(s->session_ticket_keys(), keys, c.problems, o);
  }
  if (c.problems.errors() != errors) return nullptr;
  tls::ServerSocket::Settings s;
  s.stats = stats::make_block<stats::SslStat>(c.stats, prefix + "ssl.");
  s.factory_stats = stats::make_block<stats::SslFactoryStat>(c.stats, prefix + "server_ssl_socket_factory.");
  if (connect_timeout.count() > 0) s.timeout = tls::TlsTransport::Timeout{connect_timeout, listener};
  auto socket = std::make_shared<tls::ServerSocket>(s);
  keep_built(std::move(plan), socket, s.factory_stats, Gauges(c.stats, prefix), here, c);
  return socket;
}

namespace {

using InternalUpstream = envoy::extensions::transport_sockets::internal_upstream::v3::InternalUpstreamTransport;

std::shared_ptr<const net::UpstreamSocket> compile_internal_upstream(const InternalUpstream& p, const std::string& prefix,
                                                                     const Path& at, CompileContext& c) {
  net::PassRules rules;
  for (int i = 0; i < p.passthrough_metadata_size(); ++i) {
    const auto& source = p.passthrough_metadata(i);
    const Path item = at.at("passthrough_metadata", i), kind = item / "kind";
    if (!source.kind().has_host() && !source.kind().has_cluster())
      c.problems.error(kind, "metadata type is not supported: only host and cluster metadata can be passed along");
    rules.metadata.push_back({source.kind().has_host(), source.name()});
  }
  return std::make_shared<net::InternalUpstreamSocket>(
      std::move(rules), compile_upstream_socket(p.transport_socket(), prefix, at / "transport_socket", c));
}

}  // namespace

std::shared_ptr<const net::UpstreamSocket> compile_upstream_socket(const core_v3::TransportSocket& p, const std::string& prefix,
                                                                   const Path& at, CompileContext& c) {
  if (is_raw(p)) return nullptr;
  const Path here = at / "typed_config";
  InternalUpstream internal;
  if (p.typed_config().UnpackTo(&internal)) return compile_internal_upstream(internal, prefix, here, c);
  const auto errors = c.problems.errors();
  auto plan = std::make_shared<Plan<Upstream>>();
  auto& u = plan->proto;
  if (!unpack(p, here, c, u)) return nullptr;
  auto& o = plan->client;
  o.params.version_max = TLS1_2_VERSION;  // Envoy's default for clients
  const Path common = here / "common_tls_context";
  plan->validation_name = validation_name(u.common_tls_context());
  compile_common(*u.mutable_common_tls_context(), plan->late, common, c, o);
  if (plan->late.certificates.empty()) compile_certificates(u.common_tls_context(), plan->late, common, c, o);
  if (plan->late.validation == nullptr)
    o.validation = compile_peer_check(u.common_tls_context(), plan->validation_name, plan->late, common, c.problems);
  o.server_name = u.sni();
  o.auto_host_sni = u.auto_host_sni();
  o.auto_sni_san_validation = u.auto_sni_san_validation();
  if (o.auto_sni_san_validation && plan->late.validation == nullptr && c.problems.errors() == errors) {
    if (o.validation == nullptr)
      c.problems.error(here, "'auto_sni_san_validation' was configured without a validation context");
    else if (o.validation->store() == nullptr)
      c.problems.error(here, "'auto_sni_san_validation' was configured without configuring a trusted CA");
  }
  o.allow_renegotiation = u.allow_renegotiation();
  if (u.has_max_session_keys()) o.session_keys_max = u.max_session_keys().value();
  if (u.has_enforce_rsa_key_usage() && !u.enforce_rsa_key_usage().value())
    c.problems.warn(here / "enforce_rsa_key_usage",
                    "the key usage of RSA certificates is enforced all the same, as Envoy 1.40 does");
  if (c.problems.errors() != errors) return nullptr;
  tls::ClientSocket::Settings s;
  s.stats = stats::make_block<stats::SslStat>(c.stats, prefix + "ssl.");
  s.factory_stats = stats::make_block<stats::SslFactoryStat>(c.stats, prefix + "client_ssl_socket_factory.");
  auto socket = std::make_shared<tls::ClientSocket>(s);
  keep_built(std::move(plan), socket, s.factory_stats, Gauges(c.stats, prefix), here, c);
  return socket;
}

}  // namespace outrigger::xds
