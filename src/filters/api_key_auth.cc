#include "filters/api_key_auth.h"

#include "proxy/hcm/stream.h"
#include "proxy/route/matcher.h"
#include "proxy/route/query.h"

namespace outrigger::filters {

using hcm::FilterStatus;
using http::Name;

namespace {

std::string_view key_at(const KeySource& source, const http::RequestHead& head) {
  if (source.kind == KeySource::query) return route::decoded_query_value(head.path, source.name, head.headers.arena());
  if (source.kind == KeySource::cookie) return route::cookie_value(head.headers, source.name);
  constexpr std::string_view kScheme = "Bearer ";
  const auto value = head.headers.get(source.name);
  return value.starts_with(kScheme) ? value.substr(kScheme.size()) : value;
}

std::string_view unquoted(std::string_view s) noexcept {
  return s.size() >= 2 && s.front() == '"' && s.back() == '"' ? s.substr(1, s.size() - 2) : s;
}

}  // namespace

std::string_view find_key(const KeySources& sources, const http::RequestHead& head) {
  for (const auto& source : sources)
    if (const auto key = key_at(source, head); !key.empty()) return key;
  return {};
}

void remove_cookie(http::HeaderMap& headers, std::string_view name) {
  std::size_t most = 0;
  for (std::size_t i = 0; i < headers.size(); ++i)
    if (headers.id_at(i) == Name::cookie) most += headers.at(i).value.size() * 2 + 2;  // ";" becomes "; "
  if (most == 0) return;
  char* const out = static_cast<char*>(headers.arena().allocate(most, 1));
  char* end = out;
  const auto put = [&](std::string_view s) { end += s.copy(end, s.size()); };
  for (std::size_t i = 0; i < headers.size(); ++i) {
    if (headers.id_at(i) != Name::cookie) continue;
    for (auto all = headers.at(i).value; !all.empty();) {
      const auto semicolon = all.find(';');
      auto pair = all.substr(0, semicolon);
      all = semicolon == std::string_view::npos ? std::string_view{} : all.substr(semicolon + 1);
      while (!pair.empty() && pair.front() == ' ') pair.remove_prefix(1);
      const auto equals = pair.find('=');
      if (equals == std::string_view::npos || pair.substr(0, equals) == name) continue;
      if (end != out) put("; ");
      put(pair.substr(0, equals + 1));
      put(unquoted(pair.substr(equals + 1)));
    }
  }
  headers.remove(Name::cookie);
  if (end != out) headers.add(Name::cookie, {out, static_cast<std::size_t>(end - out)});
}

void hide_keys(const KeySources& sources, http::RequestHead& head) {
  for (const auto& source : sources) {
    if (source.kind == KeySource::header) {
      head.headers.remove(source.name);
    } else if (source.kind == KeySource::cookie) {
      remove_cookie(head.headers, source.name);
    } else {
      route::QueryParameters query(head.path, 0, head.headers.arena());
      query.remove(source.name);
      head.path = query.path();
    }
  }
}

namespace {

class ApiKeyAuth final : public hcm::HttpFilter {
 public:
  ApiKeyAuth(hcm::Stream& stream, const ApiKeyFactory& factory) : HttpFilter(stream), factory_(factory) {}

  FilterStatus on_request_head(http::RequestHead& head, bool) override {
    const auto* o = stream_.override_for(factory_.name);
    const auto* own = o == nullptr ? nullptr : o->as<ApiKeyConfig>();
    const auto& config = factory_.config();
    const auto& clients = own != nullptr && !own->clients.empty() ? own->clients : config.clients;
    const auto& sources = own != nullptr && !own->sources.empty() ? own->sources : config.sources;
    const auto& forwarding = own != nullptr ? own->forwarding : config.forwarding;  // even when the route says nothing of it
    if (sources.empty()) return deny("missing_key_sources");
    if (clients.empty()) return deny("missing_credentials");
    const auto key = find_key(sources, head);
    if (key.empty()) return deny("missing_api_key");
    const auto client = clients.find(key);
    if (client == clients.end()) return deny("unknown_api_key");
    if (own != nullptr && !own->allowed_clients.empty() && !own->allowed_clients.contains(client->second)) return forbid();
    forward(forwarding, client->second, sources, head);
    count(ApiKeyStat::allowed);
    return FilterStatus::go_on;
  }

 private:
  void count(ApiKeyStat s) { stream_.thread().cells.add(factory_.stats(), s); }

  /// `client` is of a config that a route may take with it.
  void forward(const ApiKeyConfig::Forwarding& how, std::string_view client, const KeySources& sources, http::RequestHead& head) {
    if (!how.header.empty()) {
      head.headers.remove(how.header);
      head.headers.add_copy(how.header, client);
    }
    if (how.hide_credentials) hide_keys(sources, head);
  }
  FilterStatus deny(std::string_view details) {
    count(ApiKeyStat::unauthorized);
    stream_.local_reply({.status = 401, .body = "Client authentication failed.", .details = details});
    return FilterStatus::stop;
  }
  FilterStatus forbid() {
    count(ApiKeyStat::forbidden);
    stream_.local_reply({.status = 403, .body = "Client is forbidden.", .details = "client_not_allowed"});
    return FilterStatus::stop;
  }

  const ApiKeyFactory& factory_;
};

}  // namespace

hcm::HttpFilter* ApiKeyFactory::make(hcm::Stream& stream, Arena& arena) const { return arena.make<ApiKeyAuth>(stream, *this); }

}  // namespace outrigger::filters
