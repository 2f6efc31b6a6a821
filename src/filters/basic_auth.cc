#include "filters/basic_auth.h"

#include <openssl/crypto.h>
#include <openssl/sha.h>
#include "proxy/base/base64.h"
#include "proxy/base/metadata.h"
#include "proxy/hcm/stream.h"

namespace outrigger::filters {

using hcm::FilterStatus;
using http::Name;

Result<PasswordHashes> parse_htpasswd(std::string_view text) {
  constexpr std::string_view kScheme = "{SHA}";
  constexpr std::size_t kHashBytes = 28;
  const auto wrong = [](const char* what) { return invalid(std::string("basic auth: ") + what); };
  PasswordHashes out;
  while (!text.empty()) {
    const auto end = text.find('\n');
    const auto line = text.substr(0, end);
    text = end == std::string_view::npos ? std::string_view{} : text.substr(end + 1);
    if (line.empty() || line.front() == '#') continue;
    const auto colon = line.find(':');
    if (colon == std::string_view::npos) return wrong("invalid htpasswd format, username:password is expected");
    const auto name = line.substr(0, colon);
    auto hash = line.substr(colon + 1);
    if (name.empty() || hash.empty()) return wrong("empty user name or password");
    if (out.contains(name)) return wrong("duplicate users");
    if (!hash.starts_with(kScheme)) return wrong("unsupported htpasswd format: please use {SHA}");
    hash.remove_prefix(kScheme.size());
    if (hash.size() != kHashBytes) return wrong("invalid htpasswd format, invalid SHA hash length");
    out.emplace(name, hash);
  }
  return out;
}

bool is_password(std::string_view password, std::string_view hash) {
  unsigned char digest[SHA_DIGEST_LENGTH];
  SHA1(reinterpret_cast<const unsigned char*>(password.data()), password.size(), digest);
  const std::string text = encode_base64({reinterpret_cast<const char*>(digest), sizeof digest});
  return text.size() == hash.size() && CRYPTO_memcmp(text.data(), hash.data(), text.size()) == 0;
}

namespace {

class BasicAuth final : public hcm::HttpFilter {
 public:
  BasicAuth(hcm::Stream& stream, const BasicAuthFactory& factory)
      : HttpFilter(stream), factory_(factory), config_(factory.config()) {}

  FilterStatus on_request_head(http::RequestHead& head, bool) override {
    const auto* o = stream_.override_for(factory_.name);
    own_ = o == nullptr ? nullptr : o->as<BasicAuthOverride>();
    const auto& name = config_.authentication_header;
    const auto* value = name.empty() ? head.headers.find(Name::authorization) : head.headers.find(name);
    constexpr std::string_view kScheme = "Basic ";
    const bool basic = value != nullptr && value->value.starts_with(kScheme);
    if (!basic && config_.allow_missing) return FilterStatus::go_on;
    if (value == nullptr)
      return deny("User authentication failed. Missing username and password.", "no_credential_for_basic_auth");
    if (!basic)
      return deny("User authentication failed. Expected 'Basic' authentication scheme.", "invalid_scheme_for_basic_auth");
    std::string credential;
    const bool decoded = decode_any_base64(value->value.substr(kScheme.size()), credential);
    const auto colon = decoded ? credential.find(':') : std::string::npos;
    if (colon == std::string::npos)
      return deny("User authentication failed. Invalid basic credential format.", "invalid_format_for_basic_auth");
    const std::string_view user = std::string_view(credential).substr(0, colon);
    const auto& users = own_ == nullptr ? config_.users : own_->users;
    const auto known = users.find(user);
    if (known == users.end() || !is_password(std::string_view(credential).substr(colon + 1), known->second))
      return deny("User authentication failed. Invalid username/password combination.", "invalid_credential_for_basic_auth");
    allow(head, known->first);
    return FilterStatus::go_on;
  }

 private:
  /// `user` is of the config.
  void allow(http::RequestHead& head, const std::string& user) {
    stream_.thread().cells.add(config_.stats, BasicAuthStat::allowed);
    if (const auto& name = config_.forward_username_header; !name.empty()) {
      head.headers.remove(name);
      head.headers.add(std::string_view(name), stream_.arena().copy(user));
    }
    if (!config_.emit_metadata) return;
    auto& now = stream_.info().dynamic_metadata;
    auto all = copy_of(now);
    all->merge(factory_.name, MetadataValue::of("username", MetadataValue::of(user)));
    now = std::move(all);
  }

  std::string_view realm() {
    if (own_ != nullptr && !own_->realm.empty()) return own_->realm;
    if (!config_.realm.empty()) return config_.realm;
    constexpr std::size_t kPathBytesMax = 256;
    const auto& head = stream_.request();
    const auto original = head.headers.get(Name::x_envoy_original_path);
    const auto path = (original.empty() ? head.path : original).substr(0, kPathBytesMax);
    return stream_.arena().cat(head.headers.get(Name::x_forwarded_proto), "://", head.authority, path);
  }

  FilterStatus deny(std::string_view body, std::string_view details) {
    stream_.thread().cells.add(config_.stats, BasicAuthStat::denied);
    std::string challenge = "Basic realm=\"";
    for (const char c : realm()) {
      if (c == '"' || c == '\\') challenge += '\\';
      challenge += c;
    }
    challenge += '"';
    const hcm::ExtraHeader headers[] = {{"www-authenticate", challenge}};
    stream_.local_reply({.status = 401, .body = body, .details = details, .headers = headers, .headers_count = 1});
    return FilterStatus::stop;
  }

  const BasicAuthFactory& factory_;
  const BasicAuthConfig& config_;
  const BasicAuthOverride* own_ = nullptr;
};

}  // namespace

hcm::HttpFilter* BasicAuthFactory::make(hcm::Stream& stream, Arena& arena) const {
  return arena.make<BasicAuth>(stream, *this);
}

}  // namespace outrigger::filters
