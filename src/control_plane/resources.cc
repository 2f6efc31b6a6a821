#include "control_plane/resources.h"

#include <endian.h>
#include <xxhash.h>
#include <cstdint>
#include "proxy/base/percent.h"

namespace outrigger::control_plane {

namespace {
std::string digits(std::uint64_t hash) {
  const std::uint64_t first_digit_first = htobe64(hash);
  return to_hex({reinterpret_cast<const char*>(&first_digit_first), sizeof first_digit_first});
}
}  // namespace

TypeItemsPtr items_of(const View& view, std::string_view type_url) {
  static const TypeItemsPtr kNone = [] {
    auto none = std::make_shared<TypeItems>();
    none->version = version_of(none->items);
    return none;
  }();
  const auto at = view.find(type_url);
  return at == view.end() ? kNone : at->second;
}

std::string version_of(std::string_view content) { return digits(XXH64(content.data(), content.size(), 0)); }

std::string version_of(const std::map<std::string, ItemPtr, std::less<>>& items) {
  std::uint64_t hash = 0;
  for (const auto& [name, item] : items) {  // a name's end is told by the version's fixed length
    hash = XXH64(name.data(), name.size(), hash);
    hash = XXH64(item->version.data(), item->version.size(), hash);
  }
  return digits(hash);
}

std::string_view short_type(std::string_view type_url) { return type_url.substr(type_url.find_last_of("./") + 1); }

}  // namespace outrigger::control_plane
