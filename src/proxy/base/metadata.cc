#include "proxy/base/metadata.h"

#include <algorithm>

#include "proxy/base/json_text.h"

namespace outrigger {

namespace {
/// The field of that name, made when there is none.
MetadataValue& field_of(MetadataValue& object, std::string_view name) {
  auto& all = object.fields;
  auto at = std::lower_bound(all.begin(), all.end(), name, [](const auto& f, std::string_view n) { return f.first < n; });
  if (at == all.end() || at->first != name) at = all.emplace(at, std::string(name), MetadataValue{});
  return at->second;
}
}  // namespace

MetadataValue MetadataValue::of(std::string_view text) {
  MetadataValue v;
  v.kind = string;
  v.text = text;
  append_protobuf_string(text, v.json);
  return v;
}

MetadataValue MetadataValue::of(std::string_view name, MetadataValue value) {
  MetadataValue o;
  o.kind = object;
  o.fields.emplace_back(name, std::move(value));
  return o;
}

void MetadataValue::append_json(std::string& out) const {
  switch (kind) {
    case null: out += "null"; return;
    case object: {
      out += '{';
      bool first = true;
      for (const auto& [name, v] : fields) {
        if (!std::exchange(first, false)) out += ',';
        append_protobuf_string(name, out);
        out += ':';
        v.append_json(out);
      }
      out += '}';
      return;
    }
    case list: {
      out += '[';
      bool first = true;
      for (const auto& v : items) {
        if (!std::exchange(first, false)) out += ',';
        v.append_json(out);
      }
      out += ']';
      return;
    }
    default: out += json;
  }
}

bool MetadataValue::operator==(const MetadataValue& o) const noexcept {
  if (kind != o.kind) return false;
  switch (kind) {
    case null: return true;
    case number: return n == o.n;
    case string: return text == o.text;
    case boolean: return b == o.b;
    case object: return fields == o.fields;
    case list: return items == o.items;
  }
  return false;
}

void Metadata::merge(std::string_view name, const MetadataValue& object) {
  root_.kind = MetadataValue::object;
  MetadataValue& into = field_of(root_, name);
  into.kind = MetadataValue::object;
  for (const auto& [key, v] : object.fields) field_of(into, key) = v;
}

std::shared_ptr<Metadata> copy_of(const MetadataPtr& m) {
  return m == nullptr ? std::make_shared<Metadata>() : std::make_shared<Metadata>(*m);
}

}  // namespace outrigger
