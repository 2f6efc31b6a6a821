#include "xds/compile/metadata.h"

#include <google/protobuf/util/json_util.h>
#include <algorithm>
#include "xds/compile/matchers.h"
#include "xds/struct_fields.h"

namespace outrigger::xds {

namespace pb = google::protobuf;
namespace matcher_v3 = envoy::type::matcher::v3;

namespace {

void compile_value(const matcher_v3::ValueMatcher& p, route::ValueMatcher& o, const Path& at, Problems& problems) {
  using M = matcher_v3::ValueMatcher;
  using Kind = route::ValueMatcher;
  switch (p.match_pattern_case()) {
    case M::kNullMatch: o.kind = Kind::null; break;
    case M::kDoubleMatch:
      if (p.double_match().has_range()) {
        o.kind = Kind::range;
        o.first = p.double_match().range().start();
        o.last = p.double_match().range().end();
      } else {
        o.kind = Kind::number;
        o.first = p.double_match().exact();
      }
      break;
    case M::kStringMatch:
      o.kind = Kind::string;
      o.text = compile_string_matcher(p.string_match(), at / "string_match", problems);
      break;
    case M::kBoolMatch: o.kind = Kind::boolean, o.b = p.bool_match(); break;
    case M::kPresentMatch: o.kind = Kind::present, o.b = p.present_match(); break;
    case M::kListMatch: {
      o.kind = Kind::list;
      const Path here = at / "list_match";
      compile_value(p.list_match().one_of(), o.inner.emplace_back(), here / "one_of", problems);
      break;
    }
    case M::kOrMatch: {
      o.kind = Kind::any_of;
      const Path here = at / "or_match";
      for (int i = 0; i < p.or_match().value_matchers_size(); ++i)
        compile_value(p.or_match().value_matchers(i), o.inner.emplace_back(), here.at("value_matchers", i), problems);
      break;
    }
    case M::MATCH_PATTERN_NOT_SET: break;
  }
}

}  // namespace

namespace {
/// In JSON as it stands: the library, which is slow, need not be asked.
bool is_plain(std::string_view text) noexcept {
  return std::all_of(text.begin(), text.end(), [](unsigned char c) {
    return c >= 0x20 && c < 0x7f && c != '"' && c != '\\' && c != '<' && c != '>' && c != '&' && c != '\'';
  });
}
}  // namespace

MetadataValue compile_metadata_value(const pb::Value& v) {
  MetadataValue o;
  switch (v.kind_case()) {
    case pb::Value::kStructValue: return compile_metadata_value(v.struct_value());
    case pb::Value::kListValue:
      o.kind = MetadataValue::list;
      for (const auto& item : v.list_value().values()) o.items.push_back(compile_metadata_value(item));
      return o;
    case pb::Value::kStringValue:
      o.kind = MetadataValue::string, o.text = v.string_value();
      if (!is_plain(o.text)) break;
      o.json.reserve(o.text.size() + 2);
      o.json.append(1, '"').append(o.text).append(1, '"');
      return o;
    case pb::Value::kNumberValue: o.kind = MetadataValue::number, o.n = v.number_value(); break;
    case pb::Value::kBoolValue: o.kind = MetadataValue::boolean, o.b = v.bool_value(); break;
    default: return o;
  }
  if (!pb::util::MessageToJsonString(v, &o.json).ok()) o.json = "null";
  return o;
}

MetadataValue compile_metadata_value(const pb::Struct& p) {
  MetadataValue o;
  o.kind = MetadataValue::object;
  for (const auto& [key, v] : sorted_fields(p)) o.fields.emplace_back(key, compile_metadata_value(*v));
  return o;
}

namespace {
void to_value(const MetadataValue& from, pb::Value& to) {
  switch (from.kind) {
    case MetadataValue::null: to.set_null_value(pb::NULL_VALUE); break;
    case MetadataValue::number: to.set_number_value(from.n); break;
    case MetadataValue::string: to.set_string_value(from.text); break;
    case MetadataValue::boolean: to.set_bool_value(from.b); break;
    case MetadataValue::object: to_struct(from, *to.mutable_struct_value()); break;
    case MetadataValue::list:
      to.mutable_list_value();
      for (const auto& item : from.items) to_value(item, *to.mutable_list_value()->add_values());
  }
}
}  // namespace

void to_struct(const MetadataValue& object, pb::Struct& to) {
  for (const auto& [name, v] : object.fields) to_value(v, (*to.mutable_fields())[name]);
}

MetadataPtr compile_metadata(const envoy::config::core::v3::Metadata& p) {
  if (p.filter_metadata().empty()) return nullptr;
  auto all = std::make_shared<Metadata>();
  for (const auto& [name, s] : p.filter_metadata()) all->merge(name, compile_metadata_value(s));
  return all;
}

std::shared_ptr<const MetadataValue> compile_subset(const envoy::config::core::v3::Metadata& p,
                                                    const std::shared_ptr<const MetadataValue>& outer) {
  const auto lb = p.filter_metadata().find("envoy.lb");
  if (lb == p.filter_metadata().end()) return outer;
  auto out = std::make_shared<MetadataValue>(compile_metadata_value(lb->second));
  if (outer != nullptr)
    for (const auto& field : outer->fields)
      if (out->field(field.first) == nullptr) out->fields.push_back(field);
  return out;
}

route::ValueMatcher compile_value_matcher(const matcher_v3::ValueMatcher& p, const Path& at, Problems& problems) {
  route::ValueMatcher o;
  compile_value(p, o, at, problems);
  return o;
}

route::MetadataMatcher compile_metadata_matcher(const matcher_v3::MetadataMatcher& p, const Path& at, Problems& problems) {
  route::MetadataMatcher o;
  o.name = p.filter();
  for (const auto& s : p.path()) o.path.push_back(s.key());
  o.invert = p.invert();
  o.value = compile_value_matcher(p.value(), at / "value", problems);
  return o;
}

}  // namespace outrigger::xds
