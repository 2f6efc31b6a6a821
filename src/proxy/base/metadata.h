// Metadata of a route, cluster or endpoint as formatters print it: each value by its path
// "namespace:key:...". Compiled on the main thread; immutable; shared.
#pragma once
#include <map>
#include <memory>
#include <string>
#include <string_view>

namespace outrigger {

struct MetadataValue {
  std::string text;  // a string as it is, anything else as JSON
  bool is_string = false;
};

class Metadata {
 public:
  /// Null: there is none, or it is null.
  const MetadataValue* find(std::string_view path) const noexcept {
    const auto at = values_.find(path);
    return at == values_.end() ? nullptr : &at->second;
  }
  void add(std::string path, MetadataValue value) { values_.emplace(std::move(path), std::move(value)); }

 private:
  std::map<std::string, MetadataValue, std::less<>> values_;
};
using MetadataPtr = std::shared_ptr<const Metadata>;

}  // namespace outrigger
