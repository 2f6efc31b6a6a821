#include "xds/admin/to_json.h"

#include <google/protobuf/any.pb.h>
#include <google/protobuf/duration.pb.h>
#include <google/protobuf/struct.pb.h>
#include <google/protobuf/util/time_util.h>
#include <algorithm>
#include <charconv>
#include <cmath>
#include <map>
#include <memory>
#include <vector>
#include "proxy/base/base64.h"
#include "xds/load/any_type.h"
#include "xds/struct_fields.h"

namespace outrigger::xds {

namespace pb = google::protobuf;
using Field = pb::FieldDescriptor;
using server::JsonWriter;

namespace {

std::string number_text(double v) {
  if (std::isnan(v)) return "\"NaN\"";
  if (std::isinf(v)) return v > 0 ? "\"Infinity\"" : "\"-Infinity\"";
  char text[40];
  if (std::floor(v) == v && std::fabs(v) < 1e15) return std::to_string(static_cast<std::int64_t>(v));
  return {text, std::to_chars(text, text + sizeof text, v).ptr};
}

void write_value(const pb::Value& v, std::string_view name, JsonWriter& j);

void write_struct(const pb::Struct& s, std::string_view name, JsonWriter& j) {
  j.begin_object(name);
  for (const auto& [key, v] : sorted_fields(s)) write_value(*v, key, j);
  j.end();
}

void write_value(const pb::Value& v, std::string_view name, JsonWriter& j) {
  switch (v.kind_case()) {
    case pb::Value::kNumberValue: j.raw(name, number_text(v.number_value())); break;
    case pb::Value::kStringValue: j.text(name, v.string_value()); break;
    case pb::Value::kBoolValue: j.boolean(name, v.bool_value()); break;
    case pb::Value::kStructValue: write_struct(v.struct_value(), name, j); break;
    case pb::Value::kListValue:
      j.begin_list(name);
      for (const auto& i : v.list_value().values()) write_value(i, "", j);
      j.end();
      break;
    default: j.raw(name, "null");
  }
}

/// A field's value; `i` < 0: not repeated.
void write_one(const pb::Message& m, const Field& f, int i, std::string_view name, JsonWriter& j) {
  const auto* r = m.GetReflection();
  const bool many = i >= 0;
  switch (f.cpp_type()) {
    case Field::CPPTYPE_MESSAGE: return write_message(many ? r->GetRepeatedMessage(m, &f, i) : r->GetMessage(m, &f), name, j);
    case Field::CPPTYPE_STRING: {
      const std::string s = many ? r->GetRepeatedString(m, &f, i) : r->GetString(m, &f);
      return j.text(name, f.type() == Field::TYPE_BYTES ? encode_base64(s) : s);
    }
    case Field::CPPTYPE_BOOL: return j.boolean(name, many ? r->GetRepeatedBool(m, &f, i) : r->GetBool(m, &f));
    case Field::CPPTYPE_ENUM: {
      const int v = many ? r->GetRepeatedEnumValue(m, &f, i) : r->GetEnumValue(m, &f);
      const auto* e = f.enum_type()->FindValueByNumber(v);
      return e != nullptr ? j.text(name, e->name()) : j.raw(name, std::to_string(v));
    }
    case Field::CPPTYPE_UINT32: return j.raw(name, std::to_string(many ? r->GetRepeatedUInt32(m, &f, i) : r->GetUInt32(m, &f)));
    case Field::CPPTYPE_INT32: return j.raw(name, std::to_string(many ? r->GetRepeatedInt32(m, &f, i) : r->GetInt32(m, &f)));
    case Field::CPPTYPE_UINT64: return j.text(name, std::to_string(many ? r->GetRepeatedUInt64(m, &f, i) : r->GetUInt64(m, &f)));
    case Field::CPPTYPE_INT64: return j.text(name, std::to_string(many ? r->GetRepeatedInt64(m, &f, i) : r->GetInt64(m, &f)));
    case Field::CPPTYPE_DOUBLE: return j.raw(name, number_text(many ? r->GetRepeatedDouble(m, &f, i) : r->GetDouble(m, &f)));
    case Field::CPPTYPE_FLOAT: return j.raw(name, number_text(many ? r->GetRepeatedFloat(m, &f, i) : r->GetFloat(m, &f)));
  }
}

void write_map(const pb::Message& m, const Field& f, JsonWriter& j) {
  const auto* r = m.GetReflection();
  j.begin_object(f.name());
  std::map<std::string, const pb::Message*> sorted;
  for (int i = 0; i < r->FieldSize(m, &f); ++i) {
    const auto& e = r->GetRepeatedMessage(m, &f, i);
    const Field* key = f.message_type()->map_key();
    sorted[key->cpp_type() == Field::CPPTYPE_STRING ? e.GetReflection()->GetString(e, key)
                                                    : std::to_string(e.GetReflection()->GetUInt32(e, key))] = &e;
  }
  for (const auto& [key, e] : sorted) write_one(*e, *f.message_type()->map_value(), -1, key, j);
  j.end();
}

void write_fields(const pb::Message& m, JsonWriter& j) {
  const auto* r = m.GetReflection();
  std::vector<const Field*> fields;
  r->ListFields(m, &fields);
  for (const Field* f : fields) {
    if (f->is_map()) {
      write_map(m, *f, j);
    } else if (f->is_repeated()) {
      j.begin_list(f->name());
      for (int i = 0; i < r->FieldSize(m, f); ++i) write_one(m, *f, i, "", j);
      j.end();
    } else {
      write_one(m, *f, -1, f->name(), j);
    }
  }
}

/// Messages with a JSON form of their own.
bool write_well_known(const pb::Message& m, std::string_view name, JsonWriter& j) {
  const std::string& type = m.GetDescriptor()->full_name();
  if (type.compare(0, 16, "google.protobuf.") != 0) return false;
  if (type == "google.protobuf.Duration")
    return j.text(name, pb::util::TimeUtil::ToString(static_cast<const pb::Duration&>(m))), true;
  if (type == "google.protobuf.Struct") return write_struct(static_cast<const pb::Struct&>(m), name, j), true;
  if (type == "google.protobuf.Value") return write_value(static_cast<const pb::Value&>(m), name, j), true;
  if (type == "google.protobuf.Any") {
    const auto& any = static_cast<const pb::Any&>(m);
    const auto* d = find_any_type(any.type_url());
    if (d == nullptr) return false;
    std::unique_ptr<pb::Message> inner(pb::MessageFactory::generated_factory()->GetPrototype(d)->New());
    if (!inner->ParsePartialFromString(any.value())) return false;
    return write_message(*inner, name, j, any.type_url()), true;
  }
  const Field* f = m.GetDescriptor()->field_count() == 1 ? m.GetDescriptor()->FindFieldByName("value") : nullptr;
  if (f == nullptr) return false;
  return write_one(m, *f, -1, name, j), true;
}

}  // namespace

void write_message(const pb::Message& m, std::string_view name, JsonWriter& j, std::string_view type_url) {
  if (type_url.empty() && write_well_known(m, name, j)) return;
  j.begin_object(name);
  if (!type_url.empty()) j.text("@type", type_url);
  write_fields(m, j);
  j.end();
}

}  // namespace outrigger::xds
