#include "filters/header_changes.h"

#include <algorithm>

#include "proxy/base/numbers.h"
#include "proxy/http/h1_parser.h"

namespace outrigger::filters {

using Change = MutationRules::Change;

namespace {

bool is_routing(std::string_view n) noexcept { return n == "host" || n == ":authority" || n == ":method" || n == ":scheme"; }

bool is_name(std::string_view n) noexcept { return http::is_token(n.substr(n.starts_with(':') ? 1 : 0)); }

bool is_scheme(std::string_view v) noexcept {
  const auto letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
  const auto more = [&](char c) { return letter(c) || (c >= '0' && c <= '9') || c == '+' || c == '-' || c == '.'; };
  return !v.empty() && letter(v[0]) && std::all_of(v.begin(), v.end(), more);
}

/// What can be in a request's first line: Envoy lets more pass.
bool is_target(std::string_view v) noexcept {
  return !v.empty() && std::all_of(v.begin(), v.end(), [](unsigned char c) { return c > 0x20 && c != 0x7f; });
}

}  // namespace

bool MutationRules::permit(Change change, std::string_view name) const {
  const bool system = name.starts_with(':');
  if (change != Change::set && (system || name == "host")) return false;
  if (disallow != nullptr && re2::RE2::FullMatch(name, *disallow)) return false;
  if (allow != nullptr && re2::RE2::FullMatch(name, *allow)) return true;
  if (disallow_all || (disallow_system && system)) return false;
  if (!allow_all_routing && is_routing(name)) return false;
  return allow_envoy || !name.starts_with("x-envoy-");
}

std::string_view* HeadFields::pseudo(std::string_view n) const noexcept {
  if (request_ == nullptr) return nullptr;
  return n == ":path"                       ? &request_->path
         : n == ":method"                   ? &request_->method
         : n == ":scheme"                   ? &request_->scheme
         : n == ":authority" || n == "host" ? &request_->authority
                                            : nullptr;
}

bool HeadFields::has(std::string_view n) const noexcept {
  if (const auto* p = pseudo(n)) return p->data() != nullptr;
  return (response_ != nullptr && n == ":status") || map_.find(n) != nullptr;
}

bool HeadFields::can_hold(std::string_view n, std::string_view value) const noexcept {
  constexpr std::uint32_t kLeast = 200, kMost = 999;
  if (n == ":status") {
    const auto status = to_number<std::uint32_t>(value);
    return response_ != nullptr && status && *status >= kLeast && *status <= kMost;
  }
  if (pseudo(n) != nullptr) {
    if (n == ":path") return is_target(value);
    if (n == ":method") return http::is_token(value) && (value == "CONNECT") == request_->is_connect();
    return n == ":scheme" ? is_scheme(value) : http::is_authority(value);
  }
  // How a message is framed is for the codecs to say.
  return !n.starts_with(':') && n != "transfer-encoding" && n != "upgrade";
}

void HeadFields::set(std::string_view n, std::string_view value) {
  auto& arena = map_.arena();
  if (response_ != nullptr && n == ":status") {
    response_->status = static_cast<std::uint16_t>(*to_number<std::uint32_t>(value));
    response_->reason = {};
    return;
  }
  if (auto* p = pseudo(n)) return void(*p = arena.copy(value));
  map_.remove(n);
  map_.add_copy(n, value);
}

void HeadFields::append(std::string_view n, std::string_view value) {
  map_.append(map_.arena().copy(n), map_.arena().copy(value));
}

void HeadFields::remove(std::string_view n) noexcept { map_.remove(n); }

std::size_t HeadFields::count() const noexcept {
  std::size_t n = map_.size() + (response_ != nullptr ? 1 : 0);
  if (request_ != nullptr)
    for (const auto* p : {&request_->path, &request_->method, &request_->scheme, &request_->authority}) n += p->data() != nullptr;
  return n;
}

std::size_t HeadFields::bytes() const noexcept {
  std::size_t n = map_.byte_size() + (response_ != nullptr ? std::string_view(":status200").size() : 0);
  if (request_ == nullptr) return n;
  constexpr std::string_view kNames(":path:method:scheme:authority");
  return n + kNames.size() + request_->path.size() + request_->method.size() + request_->scheme.size() +
         request_->authority.size();
}

std::string_view apply(const HeaderChanges& changes, const ChangeTerms& terms, HeadFields fields, std::uint64_t& rejected) {
  const auto fail = [&rejected](std::string_view why) {
    ++rejected;
    return why;
  };
  if (changes.remove.size() > terms.count_max || changes.set.size() > terms.count_max)
    return fail("header_mutation_operation_count_exceeds_limit");
  auto& arena = fields.map().arena();
  for (const auto given : changes.remove) {
    if (!is_name(given)) return fail("header_mutation_remove_contains_invalid_character");
    const auto name = arena.lower_copy(given);
    if (terms.rules.permit(Change::remove, name)) {
      fields.remove(name);
    } else if (terms.rules.disallow_is_error) {
      return fail("header_mutation_remove_headers_failed");
    } else {
      ++rejected;
    }
  }
  for (const auto& s : changes.set) {
    if (!is_name(s.name) || !http::can_be_value(s.value)) return fail("header_mutation_set_contains_invalid_character");
    const auto name = arena.lower_copy(s.name);
    const bool append = s.append && fields.has(name);
    const bool free = terms.replaces && name == ":method";
    const bool permitted = free || terms.rules.permit(append ? Change::append : Change::set, name);
    if (permitted && terms.keeps_length && name == "content-length") continue;
    if (permitted && fields.can_hold(name, s.value)) {
      append ? fields.append(name, s.value) : fields.set(name, s.value);
    } else if (terms.rules.disallow_is_error) {
      return fail("header_mutation_set_headers_failed");
    } else {
      ++rejected;
    }
  }
  if (fields.count() > terms.count_max || fields.bytes() > terms.bytes_max) return fail("header_mutation_result_exceeds_limit");
  return {};
}

}  // namespace outrigger::filters
