// Certificates and validation contexts of TLS transport sockets.
#include <google/protobuf/util/json_util.h>
#include <algorithm>
#include <filesystem>
#include "envoy/extensions/transport_sockets/tls/v3/tls_spiffe_validator_config.pb.h"
#include "proxy/base/percent.h"
#include "xds/compile/convert.h"
#include "xds/compile/matchers.h"
#include "xds/compile/tls.h"

namespace outrigger::xds {

namespace {

using Source = envoy::config::core::v3::DataSource;
using Spiffe = tls_v3::SPIFFECertValidatorConfig;

std::string from_of(const Source& s) {
  if (s.has_filename()) return s.filename();
  return s.has_environment_variable() ? "environment variable " + s.environment_variable() : "<inline>";
}

/// False: it is there and cannot be read, which has then been told.
bool read(const Source& s, bool there, const Path& at, Problems& problems, std::string& into, std::string* from = nullptr) {
  if (!there) return true;
  auto bytes = read_data_source(s);
  if (!bytes) {
    problems.error(at, bytes.error().detail);
    return false;
  }
  into = std::move(*bytes);
  if (from != nullptr) *from = from_of(s);
  return true;
}

void wipe(std::string& s) { OPENSSL_cleanse(s.data(), s.size()); }

std::optional<std::string> from_hex(std::string_view text) {
  std::string out;
  int high = -1;
  for (const char c : text) {
    if (c == ':') continue;
    const int digit = hex_digit(c);
    if (digit < 0) return {};
    if (high < 0) {
      high = digit;
    } else {
      out += static_cast<char>(high << 4 | digit);
      high = -1;
    }
  }
  return high >= 0 || out.size() != 32 ? std::nullopt : std::optional(out);
}

/// Of 44 characters, as the API's rules demand.
std::optional<std::string> from_base64(const std::string& text) {
  std::string out(text.size(), '\0');
  const int n = EVP_DecodeBlock(reinterpret_cast<unsigned char*>(out.data()), reinterpret_cast<const unsigned char*>(text.data()),
                                static_cast<int>(text.size()));
  if (n != 33 || text[43] != '=' || text[42] == '=') return {};
  out.resize(32);
  return out;
}

constexpr tls::SanKind kSanKinds[] = {tls::SanKind::dns, tls::SanKind::email, tls::SanKind::dns,
                                      tls::SanKind::uri, tls::SanKind::ip,    tls::SanKind::other};

tls::SanMatcher make_san_matcher(tls::SanKind kind, const envoy::type::matcher::v3::StringMatcher& m, const Path& at,
                                 Problems& problems) {
  tls::SanMatcher out;
  out.kind = kind;
  if (m.has_exact()) out.exact = m.exact();
  out.matches = [matcher = compile_string_matcher(m, at, problems)](std::string_view s) { return matcher.match(s); };
  return out;
}

void compile_sans(const tls_v3::CertificateValidationContext& p, tls::ValidationSource& o, const Path& at, Problems& problems) {
  for (int i = 0; i < p.match_typed_subject_alt_names_size(); ++i) {
    const auto& m = p.match_typed_subject_alt_names(i);
    const Path here = at.at("match_typed_subject_alt_names", i);
    const int type = std::clamp<int>(m.san_type(), 0, 5);
    auto san = make_san_matcher(kSanKinds[type], m.matcher(), here / "matcher", problems);
    if (m.san_type() == tls_v3::SubjectAltNameMatcher::OTHER_NAME) {
      ASN1_OBJECT* oid = OBJ_txt2obj(m.oid().c_str(), 0);
      char text[128] = {};
      if (m.oid().empty() || oid == nullptr)
        problems.error(here / "oid", "Failed to create string SAN matcher of type OTHER_NAME: an OID is required");
      else if (OBJ_obj2txt(text, sizeof text, oid, 1) > 0)
        san.oid = text;
      ASN1_OBJECT_free(oid);
    }
    o.sans.push_back(std::move(san));
  }
  for (int i = 0; i < p.match_subject_alt_names_size(); ++i)
    for (const auto kind : {tls::SanKind::dns, tls::SanKind::uri, tls::SanKind::email, tls::SanKind::ip})
      o.sans.push_back(make_san_matcher(kind, p.match_subject_alt_names(i), at.at("match_subject_alt_names", i), problems));
}

void compile_pins(const tls_v3::CertificateValidationContext& p, tls::ValidationSource& o, const Path& at, Problems& problems) {
  for (int i = 0; i < p.verify_certificate_hash_size(); ++i) {
    if (auto hash = from_hex(p.verify_certificate_hash(i)))
      o.hashes.push_back(std::move(*hash));
    else
      problems.error(at.at("verify_certificate_hash", i), "Invalid hex-encoded SHA-256 " + p.verify_certificate_hash(i));
  }
  for (int i = 0; i < p.verify_certificate_spki_size(); ++i) {
    if (auto hash = from_base64(p.verify_certificate_spki(i)))
      o.spki_hashes.push_back(std::move(*hash));
    else
      problems.error(at.at("verify_certificate_spki", i), "Invalid base64-encoded SHA-256 " + p.verify_certificate_spki(i));
  }
}

/// A SPIFFE bundle map: trust domains with keys whose x5c holds certificates.
void compile_bundles(const std::string& json, const std::string& from, tls::ValidationSource& o, const Path& at,
                     Problems& problems) {
  google::protobuf::Struct root;
  if (!google::protobuf::util::JsonStringToMessage(json, &root).ok())
    return problems.error(at, "Invalid JSON found in SPIFFE bundle");
  const auto domains = root.fields().find("trust_domains");
  if (domains == root.fields().end()) return problems.error(at, "No trust domains found in SPIFFE bundle");
  for (const auto& [name, domain] : domains->second.struct_value().fields()) {
    tls::TrustDomain out;
    out.name = name;
    out.from = from;
    const auto keys = domain.struct_value().fields().find("keys");
    if (keys == domain.struct_value().fields().end())
      return problems.error(at, "No keys found in SPIFFE bundle for domain '" + name + "'");
    for (const auto& key : keys->second.list_value().values()) {
      const auto& fields = key.struct_value().fields();
      const auto use = fields.find("use"), x5c = fields.find("x5c");
      if (x5c == fields.end() || (use != fields.end() && use->second.string_value() != "x509-svid")) continue;
      for (const auto& text : x5c->second.list_value().values()) {
        const auto& base64 = text.string_value();
        std::string der(base64.size(), '\0');
        const int n = EVP_DecodeBlock(reinterpret_cast<unsigned char*>(der.data()),
                                      reinterpret_cast<const unsigned char*>(base64.data()), static_cast<int>(base64.size()));
        if (n < 0) return problems.error(at, "Failed to create x509 object while loading certs in domain '" + name + "'");
        der.resize(static_cast<std::size_t>(n));
        out.bundle_der.push_back(std::move(der));
      }
    }
    o.trust_domains.push_back(std::move(out));
  }
}

void compile_spiffe(const Spiffe& p, tls::ValidationSource& o, const Path& at, Problems& problems) {
  for (int i = 0; i < p.trust_domains_size(); ++i) {
    const auto& d = p.trust_domains(i);
    const Path here = at.at("trust_domains", i);
    if (std::any_of(o.trust_domains.begin(), o.trust_domains.end(), [&](const auto& x) { return x.name == d.name(); }))
      problems.error(here, "Multiple trust bundles are given for one trust domain for " + d.name());
    tls::TrustDomain out;
    out.name = d.name();
    if (!d.has_trust_bundle())
      problems.error(here / "trust_bundle", "a trust domain needs a bundle");
    else
      read(d.trust_bundle(), true, here / "trust_bundle", problems, out.bundle, &out.from);
    if (!d.workload_trust_domain().empty())
      problems.error(here / "workload_trust_domain", "is known to Envoy and not implemented by Outrigger");
    o.trust_domains.push_back(std::move(out));
  }
  std::string json, from;
  if (p.has_trust_bundles() && read(p.trust_bundles(), true, at / "trust_bundles", problems, json, &from))
    compile_bundles(json, from, o, at / "trust_bundles", problems);
}

void compile_roots(tls::ValidationSource& o, const Path& at, Problems& problems) {
  for (const char* path : {"/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/ca-bundle.pem",
                           "/etc/pki/tls/cacert.pem", "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem", "/etc/ssl/cert.pem"}) {
    if (!std::filesystem::exists(path)) continue;
    Source source;
    source.set_filename(path);
    read(source, true, at, problems, o.ca, &o.ca_from);
    return;
  }
  problems.error(at, "Failed to load system root certificates: no bundle in the usual places");
}

}  // namespace

tls::CertificatePtr compile_certificate(const tls_v3::TlsCertificate& p, const std::string& name, const Path& at,
                                        Problems& problems) {
  tls::CertificateSource s;
  s.name = name;
  if (p.has_pkcs12() && (p.has_certificate_chain() || p.has_private_key())) {
    problems.error(at, p.has_certificate_chain() ? "Certificate configuration can't have both pkcs12 and certificate_chain"
                                                 : "Certificate configuration can't have both pkcs12 and private_key");
    return nullptr;
  }
  if (p.ocsp_staple().has_inline_string()) {
    problems.error(at / "ocsp_staple", "OCSP staple cannot be provided via inline_string");
    return nullptr;
  }
  const bool ok =
      read(p.certificate_chain(), p.has_certificate_chain(), at / "certificate_chain", problems, s.chain, &s.chain_from) &&
      read(p.private_key(), p.has_private_key(), at / "private_key", problems, s.key, &s.key_from) &&
      read(p.pkcs12(), p.has_pkcs12(), at / "pkcs12", problems, s.pkcs12, &s.pkcs12_from) &&
      read(p.password(), p.has_password(), at / "password", problems, s.password) &&
      read(p.ocsp_staple(), p.has_ocsp_staple(), at / "ocsp_staple", problems, s.ocsp, &s.ocsp_from);
  tls::CertificatePtr out;
  if (ok && s.pkcs12.empty() && s.chain.empty()) {
    const auto& from = p.has_certificate_chain() ? s.chain_from : p.has_private_key() ? s.key_from : s.chain_from;
    problems.error(at, "Failed to load incomplete certificate from " + from + ": certificate chain not set");
  } else if (ok) {
    if (auto made = tls::Certificate::load(s))
      out = *made;
    else
      problems.error(at, made.error().detail);
  }
  wipe(s.key);
  wipe(s.pkcs12);
  wipe(s.password);
  return out;
}

tls::ValidationPtr compile_validation(const tls_v3::CertificateValidationContext& p, const std::string& name, const Path& at,
                                      Problems& problems) {
  const auto errors = problems.errors();
  tls::ValidationSource s;
  s.name = name;
  read(p.trusted_ca(), p.has_trusted_ca(), at / "trusted_ca", problems, s.ca, &s.ca_from);
  if (p.has_trusted_ca() && s.ca.empty() && problems.errors() == errors)
    problems.error(at / "trusted_ca", "DataSource cannot be empty");
  if (!p.has_trusted_ca() && p.has_system_root_certs()) compile_roots(s, at / "system_root_certs", problems);
  read(p.crl(), p.has_crl(), at / "crl", problems, s.crl, &s.crl_from);
  compile_sans(p, s, at, problems);
  compile_pins(p, s, at, problems);
  s.allow_expired = p.allow_expired_certificate();
  s.accept_untrusted = p.trust_chain_verification() == tls_v3::CertificateValidationContext::ACCEPT_UNTRUSTED;
  s.leaf_crl_only = p.only_verify_leaf_cert_crl();
  s.suppress_client_ca_list = p.suppress_client_ca_list();
  if (p.has_max_verify_depth()) s.verify_depth_max = p.max_verify_depth().value();
  if (p.has_custom_validator_config()) {
    const auto& any = p.custom_validator_config().typed_config();
    Spiffe spiffe;
    if (any.Is<Spiffe>() && any.UnpackTo(&spiffe))
      compile_spiffe(spiffe, s, at / "custom_validator_config", problems);
    else
      problems.error(at / "custom_validator_config", "certificate validator of type '" + any.type_url() + "' is not implemented");
  } else if (!s.sans.empty() && s.ca.empty() && problems.errors() == errors) {
    problems.error(at, "SAN-based verification of peer certificates without trusted CA is insecure and not allowed");
  } else if (s.allow_expired && s.ca.empty() && problems.errors() == errors) {
    problems.error(at / "allow_expired_certificate", "Certificate validity period is always ignored without trusted CA");
  }
  if (problems.errors() != errors) return nullptr;
  s.identity = p.SerializeAsString() + s.ca + s.crl;
  for (const auto& d : s.trust_domains) {
    s.identity += d.name + d.bundle;
    for (const auto& der : d.bundle_der) s.identity += der;
  }
  s.identity = tls::sha256(s.identity);
  auto made = tls::Validation::load(std::move(s));
  if (made) return *made;
  problems.error(at, made.error().detail);
  return nullptr;
}

}  // namespace outrigger::xds
