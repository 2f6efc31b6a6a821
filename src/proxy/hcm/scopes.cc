#include "proxy/hcm/scopes.h"

#include <array>
#include <cstring>
#include "proxy/http/message.h"

namespace outrigger::hcm {

namespace {

constexpr std::size_t kFragmentsMost = 32;  // of a builder; see xds/compile

/// The element before the separator; the rest stays.
std::string_view next_element(std::string_view& rest, std::string_view separator, bool& more) {
  const auto at = separator.empty() ? std::string_view::npos : rest.find(separator);
  more = at != std::string_view::npos;
  const auto element = rest.substr(0, at);
  rest = more ? rest.substr(at + separator.size()) : std::string_view();
  return element;
}

std::optional<std::string_view> part_of(const ScopeFragment& f, std::string_view value) {
  bool more = true;
  for (std::uint32_t i = 0; more; ++i) {
    const auto element = next_element(value, f.element_separator, more);
    if (!f.by_key) {
      if (i == f.index) return element;
      continue;
    }
    const auto at = element.find(f.separator);
    if (element.substr(0, at) == f.key)
      return at == std::string_view::npos ? element.substr(element.size()) : element.substr(at + f.separator.size());
  }
  return {};
}

char* append(char* to, std::string_view part) {
  const auto size = static_cast<std::uint32_t>(part.size());
  std::memcpy(to, &size, sizeof size);
  if (!part.empty()) std::memcpy(to + sizeof size, part.data(), part.size());
  return to + sizeof size + part.size();
}

}  // namespace

std::string scope_key(const std::vector<std::string>& parts) {
  std::string key;
  for (const auto& p : parts) {
    const auto at = key.size();
    key.resize(at + sizeof(std::uint32_t) + p.size());
    append(key.data() + at, p);
  }
  return key;
}

std::optional<std::string_view> ScopeKeyBuilder::key_of(const http::RequestHead& head, Arena& arena) const {
  std::array<std::string_view, kFragmentsMost> parts;
  std::size_t count = 0, bytes = 0;
  for (const auto& f : fragments_) {
    if (count == kFragmentsMost) break;
    const auto* value = head.find(f.header);
    if (value == nullptr) return {};
    const auto part = part_of(f, *value);
    if (!part) return {};
    bytes += sizeof(std::uint32_t) + part->size();
    parts[count++] = *part;
  }
  char* const key = static_cast<char*>(arena.allocate(bytes + 1, 1));
  char* to = key;
  for (std::size_t i = 0; i < count; ++i) to = append(to, parts[i]);
  return std::string_view(key, bytes);
}

}  // namespace outrigger::hcm
