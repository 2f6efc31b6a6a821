#include "xds/compile/metadata.h"

#include <google/protobuf/util/json_util.h>
#include "xds/struct_fields.h"

namespace outrigger::xds {

namespace pb = google::protobuf;

namespace {

/// Depth-first: adds the value and all below it. Returns its JSON, keys in order.
class Printer {
 public:
  explicit Printer(Metadata& into) : into_(into) {}

  std::string structure(const pb::Struct& s, const std::string& path) {
    std::string json = "{";
    for (const auto& [key, v] : sorted_fields(s)) {
      if (json.size() > 1) json += ',';
      pb::Value name;
      name.set_string_value(std::string(key));
      json += scalar(name) + ":";
      // A key with a colon cannot be named in a format.
      const bool named = !path.empty() && key.find(':') == std::string_view::npos;
      json += value(*v, named ? path + ":" + std::string(key) : "");
    }
    json += '}';
    if (!path.empty()) into_.add(path, {json, false});
    return json;
  }

 private:
  static std::string scalar(const pb::Value& v) {
    std::string json;
    if (!pb::util::MessageToJsonString(v, &json).ok()) json = "null";
    return json;
  }

  std::string value(const pb::Value& v, const std::string& path) {
    std::string json;
    switch (v.kind_case()) {
      case pb::Value::kStructValue: return structure(v.struct_value(), path);
      case pb::Value::kListValue:
        json = "[";
        for (const auto& item : v.list_value().values()) {
          if (json.size() > 1) json += ',';
          json += value(item, "");
        }
        json += ']';
        break;
      case pb::Value::kNullValue:
      case pb::Value::KIND_NOT_SET: return "null";
      default: json = scalar(v);
    }
    if (!path.empty()) into_.add(path, {v.has_string_value() ? v.string_value() : json, v.has_string_value()});
    return json;
  }

  Metadata& into_;
};

}  // namespace

MetadataPtr compile_metadata(const envoy::config::core::v3::Metadata& p) {
  if (p.filter_metadata().empty()) return nullptr;
  auto all = std::make_shared<Metadata>();
  Printer printer(*all);
  for (const auto& [name, s] : p.filter_metadata())
    if (name.find(':') == std::string::npos) printer.structure(s, name);
  return all;
}

}  // namespace outrigger::xds
