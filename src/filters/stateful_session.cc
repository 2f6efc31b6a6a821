#include "filters/stateful_session.h"

#include <algorithm>
#include "proxy/base/base64.h"
#include "proxy/base/wire.h"
#include "proxy/hcm/stream.h"
#include "proxy/route/matcher.h"

namespace outrigger::filters {

using hcm::FilterStatus;
using Stat = StatefulSessionStat;

namespace {

constexpr std::size_t kTokenBytesMax = 1024;  // far more than an address needs

std::int64_t seconds_of(WallTime t) noexcept {
  return std::chrono::duration_cast<std::chrono::seconds>(t.time_since_epoch()).count();
}

struct Token {
  std::string_view address;
  std::uint64_t expires = 0;  // seconds of the epoch; 0: never
};

/// False: it is no message.
bool parse_token(std::string_view bytes, Token& out) noexcept {
  WireReader r(bytes);
  while (r.next()) {
    if (r.field() == 1 && r.has_bytes()) out.address = r.bytes();
    if (r.field() == 2 && r.has_number()) out.expires = r.number();
  }
  return r.ok();
}

}  // namespace

bool SessionState::concerns(std::string_view path_and_query) const noexcept {
  if (kind == header || path.empty()) return true;
  const auto asked = path_and_query.substr(0, path_and_query.find_first_of("?#"));
  if (!asked.starts_with(path)) return false;
  return asked.size() == path.size() || path.back() == '/' || asked[path.size()] == '/';
}

std::string_view SessionState::host_of(const http::HeaderMap& headers, WallTime now, Arena& arena) const {
  const auto text = kind == cookie ? route::cookie_value(headers, name) : headers.get(name);
  std::string bytes;
  if (text.empty() || text.size() > kTokenBytesMax || !decode_base64(text, bytes)) return {};
  Token token;
  if (kind == header || !parse_token(bytes, token)) return arena.copy(bytes);
  if (token.expires != 0 && static_cast<std::int64_t>(std::min<std::uint64_t>(token.expires, INT64_MAX)) < seconds_of(now))
    return {};
  return arena.copy(token.address);
}

void SessionState::tell(std::string_view address, http::HeaderMap& headers, WallTime now, Arena& arena) const {
  if (kind == header) {
    headers.remove(name);
    return headers.add(std::string_view(name), arena.copy(encode_base64(address)));
  }
  std::string token;
  put_wire_bytes(1, address, token);
  if (ttl && *ttl > Duration::zero()) put_wire_number(2, static_cast<std::uint64_t>(seconds_of(now + *ttl)), token);
  headers.add(http::Name::set_cookie, arena.cat(name, "=\"", encode_base64(token), "\"", tail));
}

namespace {

class StatefulSession final : public hcm::HttpFilter {
 public:
  StatefulSession(hcm::Stream& stream, const StatefulSessionFactory& factory) : HttpFilter(stream), factory_(factory) {}

  FilterStatus on_request_head(http::RequestHead& head, bool) override {
    find_config();
    if (config_ == nullptr) return FilterStatus::go_on;
    if (!config_->state->concerns(head.path)) {
      config_ = nullptr;
      count(Stat::no_session);
      return FilterStatus::go_on;
    }
    asked_ = config_->state->host_of(head.headers, wall(), stream_.arena());
    stream_.wanted_host = {asked_, config_->strict && !asked_.empty(), config_->status_if_gone};
    return FilterStatus::go_on;
  }

  FilterStatus on_response_head(http::ResponseHead& head, bool) override {
    if (config_ == nullptr) return FilterStatus::go_on;
    const auto& info = stream_.info();
    const std::string_view host = info.upstream ? std::string_view(info.upstream->host.text()) : std::string_view();
    if (host.empty()) {
      if (config_->strict && info.flags.has(http::Flag::no_healthy_upstream)) count(Stat::failed_closed);
    } else if (host == asked_) {
      count(Stat::routed);
    } else {
      if (!config_->strict) count(Stat::failed_open);
      config_->state->tell(host, head.headers, wall(), stream_.arena());
    }
    return FilterStatus::go_on;
  }

 private:
  /// Null: there is nothing to do.
  void find_config() {
    const auto* o = stream_.override_for(factory_.name);
    const auto* own = o == nullptr ? nullptr : o->as<StatefulSessionConfig>();
    const auto& config = own == nullptr ? factory_.config() : *own;
    counts_ = own == nullptr && factory_.stats().has_value();
    config_ = config.state ? &config : nullptr;
  }
  void count(Stat s) {
    if (counts_) stream_.thread().cells.add(*factory_.stats(), s);
  }
  WallTime wall() const { return stream_.thread().loop.wall(); }

  const StatefulSessionFactory& factory_;
  const StatefulSessionConfig* config_ = nullptr;
  std::string_view asked_;
  bool counts_ = false;
};

}  // namespace

hcm::HttpFilter* StatefulSessionFactory::make(hcm::Stream& stream, Arena& arena) const {
  return arena.make<StatefulSession>(stream, *this);
}

}  // namespace outrigger::filters
