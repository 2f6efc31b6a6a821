// Metadata of a route, cluster, endpoint or request: values by namespace and path. Compiled on the
// main thread and shared, or made for one request on its worker; immutable once shared.
#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace outrigger {

struct MetadataValue {
  enum Kind : std::uint8_t { null, number, string, boolean, object, list } kind = null;
  bool b = false;
  double n = 0;
  std::string text, json;                                     // of a scalar: as it is, and as JSON
  std::vector<std::pair<std::string, MetadataValue>> fields;  // by name
  std::vector<MetadataValue> items;

  static MetadataValue of(std::string_view text);
  /// An object of one field.
  static MetadataValue of(std::string_view name, MetadataValue value);
  /// Null: no such field.
  const MetadataValue* field(std::string_view name) const noexcept {
    for (const auto& [key, v] : fields)
      if (key == name) return &v;
    return nullptr;
  }
  /// A string as it is, anything else as JSON with keys in order.
  void append_text(std::string& out) const { kind == string ? void(out += text) : append_json(out); }
  void append_json(std::string& out) const;
  bool operator==(const MetadataValue& o) const noexcept;
};

class Metadata {
 public:
  /// Null: there is none. `path`: below the namespace.
  const MetadataValue* find(std::string_view name, const std::vector<std::string>& path) const noexcept {
    const MetadataValue* v = root_.field(name);
    for (const auto& part : path) v = v == nullptr ? nullptr : v->field(part);
    return v;
  }
  /// The fields of `object` are added to the namespace, in place of those there.
  void merge(std::string_view name, const MetadataValue& object);
  bool empty() const noexcept { return root_.fields.empty(); }
  bool operator==(const Metadata& o) const noexcept { return root_ == o.root_; }
  /// An object by namespace.
  void append_json(std::string& out) const { root_.append_json(out); }

 private:
  MetadataValue root_;
};
using MetadataPtr = std::shared_ptr<const Metadata>;

/// To be changed and put in the place of `m`; empty when that is null.
std::shared_ptr<Metadata> copy_of(const MetadataPtr& m);

}  // namespace outrigger
