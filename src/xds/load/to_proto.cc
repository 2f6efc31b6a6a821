#include "xds/load/to_proto.h"

#include <google/protobuf/any.pb.h>
#include <google/protobuf/duration.pb.h>
#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>
#include <google/protobuf/struct.pb.h>
#include <google/protobuf/unknown_field_set.h>
#include <google/protobuf/util/time_util.h>
#include <strings.h>
#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <optional>
#include <utility>
#include "xds/load/any_type.h"
#include "xds/load/sensitive.h"
#include "xds/load/unread.h"
#include "xds/type/v3/typed_struct.pb.h"

namespace outrigger::xds {

namespace pb = google::protobuf;
using Field = pb::FieldDescriptor;

namespace {

constexpr std::int64_t kSecondsMax = 315'576'000'000;  // 10,000 years: as long as a Duration can be

class Writer {
 public:
  Writer(const ToProtoOptions& o, Problems& problems) : o_(o), problems_(problems) {}
  std::size_t unknown = 0;

  void message(const Node& n, pb::Message& m, const Path& at) {
    if (n.kind == Node::null) return;
    if (well_known(n, m, at)) return;
    if (n.kind != Node::map) return expected(n, at, "an object");
    const auto* d = m.GetDescriptor();
    const bool outer = std::exchange(optional_, is_optional(n, *d));
    const bool outer_choice = choice_;
    choice_ = is_choice(*d) || (choice_ && d->name() == "TypedExtensionConfig");
    const bool outer_unread = std::exchange(unread_, is_filter_config(d->full_name()) && is_set(n, "disabled", "disabled"));
    for (const auto& [key, value] : n.fields) {
      const Field* f = d->FindFieldByName(key);
      if (f == nullptr) f = d->FindFieldByCamelcaseName(key);
      if (f == nullptr) {
        unknown_field(m, key, value, at);
        continue;
      }
      if (value.kind == Node::null && f->message_type() != pb::Value::descriptor()) continue;
      if (const auto* one = f->real_containing_oneof(); one != nullptr && m.GetReflection()->HasOneof(m, one)) {
        const auto* other = m.GetReflection()->GetOneofFieldDescriptor(m, one);
        if (other != f) {
          error(value, at / f->name(), "only one of '" + other->name() + "' and '" + f->name() + "' can be set");
          continue;
        }
      }
      field(value, m, *f, at / f->name());
    }
    optional_ = outer;
    unread_ = outer_unread;
    choice_ = outer_choice;
  }

 private:
  static bool is_optional(const Node& n, const pb::Descriptor& d) {
    return can_be_optional(d) && is_set(n, "is_optional", "isOptional");
  }
  static bool is_set(const Node& n, std::string_view name, std::string_view camel_case) {
    const Node* says = n.find(name);
    if (says == nullptr) says = n.find(camel_case);
    bool b = false;
    return says != nullptr && parse_yaml_bool(*says, b) && b;
  }
  void error(const Node& n, const Path& at, std::string text) {
    const bool key = n.key_line != 0;
    problems_.add(
        {Severity::error, at.text(), std::move(text), o_.file, key ? n.key_line : n.line, key ? n.key_column : n.column});
  }
  void expected(const Node& n, const Path& at, std::string_view what) {
    std::string text = "expected " + std::string(what) + ", found " + std::string(n.kind_text());
    if (n.kind == Node::scalar && n.text.size() < 100 && !sensitive_) text += " '" + n.text + "'";
    problems_.add({Severity::error, at.text(), std::move(text), o_.file, n.line, n.column});
  }
  void unknown_field(pb::Message& m, const std::string& key, const Node& n, const Path& at) {
    const int known = unimplemented_field(*m.GetDescriptor(), key);
    if (known != 0 && o_.as_received) return m.GetReflection()->MutableUnknownFields(&m)->AddVarint(known, 0);
    std::string text = unknown_field_text(*m.GetDescriptor(), key);
    ++unknown;
    const Severity s = o_.allow_unknown && known == 0 ? Severity::warning : Severity::error;
    problems_.add({s, (at / key).text(), std::move(text), o_.file, n.key_line, n.key_column});
  }

  void field(const Node& n, pb::Message& m, const Field& f, const Path& at) {
    const bool outer = std::exchange(sensitive_, sensitive_ || is_sensitive(f));
    values(n, m, f, at);
    sensitive_ = outer;
  }

  void values(const Node& n, pb::Message& m, const Field& f, const Path& at) {
    if (f.is_map()) return map_field(n, m, f, at);
    if (!f.is_repeated() || n.kind != Node::list) return one(n, m, f, at);  // one object where a list is expected, too
    for (std::size_t i = 0; i < n.items.size(); ++i)
      one(n.items[i], m, f, Path(at_parent(at), at_field(at), static_cast<int>(i)));
  }
  // A list's elements are named field[i], not field.[i].
  static const Path& at_parent(const Path& at) { return at.parent(); }
  static std::string_view at_field(const Path& at) { return at.field(); }

  void map_field(const Node& n, pb::Message& m, const Field& f, const Path& at) {
    if (n.kind != Node::map) return expected(n, at, "an object");
    const auto* entry = f.message_type();
    for (const auto& [key, value] : n.fields) {
      auto* e = m.GetReflection()->AddMessage(&m, &f);
      const Field* k = entry->map_key();
      if (k->cpp_type() == Field::CPPTYPE_STRING)
        e->GetReflection()->SetString(e, k, key);
      else {
        Node as;
        as.kind = Node::scalar;
        as.text = key;
        as.line = value.key_line;
        as.column = value.key_column;
        one(as, *e, *k, at / key);
      }
      one(value, *e, *entry->map_value(), at / key);
    }
  }

  void one(const Node& n, pb::Message& m, const Field& f, const Path& at) {
    const auto* r = m.GetReflection();
    const bool many = f.is_repeated();
    switch (f.cpp_type()) {
      case Field::CPPTYPE_MESSAGE: return message(n, many ? *r->AddMessage(&m, &f) : *r->MutableMessage(&m, &f), at);
      case Field::CPPTYPE_STRING: {
        std::string s;
        if (!text(n, f.type() == Field::TYPE_BYTES, s, at)) return;
        return many ? r->AddString(&m, &f, s) : r->SetString(&m, &f, s);
      }
      case Field::CPPTYPE_BOOL: {
        bool b = false;
        if (!parse_yaml_bool(n, b) && !quoted_bool(n, b)) return expected(n, at, "true or false");
        return many ? r->AddBool(&m, &f, b) : r->SetBool(&m, &f, b);
      }
      case Field::CPPTYPE_ENUM: {
        int v = 0;
        if (!enumerator(n, *f.enum_type(), v, at)) return;
        return many ? r->AddEnumValue(&m, &f, v) : r->SetEnumValue(&m, &f, v);
      }
      case Field::CPPTYPE_UINT32:
        return number<std::uint32_t>(n, at, [&](auto v) { many ? r->AddUInt32(&m, &f, v) : r->SetUInt32(&m, &f, v); });
      case Field::CPPTYPE_INT32:
        return number<std::int32_t>(n, at, [&](auto v) { many ? r->AddInt32(&m, &f, v) : r->SetInt32(&m, &f, v); });
      case Field::CPPTYPE_UINT64:
        return number<std::uint64_t>(n, at, [&](auto v) { many ? r->AddUInt64(&m, &f, v) : r->SetUInt64(&m, &f, v); });
      case Field::CPPTYPE_INT64:
        return number<std::int64_t>(n, at, [&](auto v) { many ? r->AddInt64(&m, &f, v) : r->SetInt64(&m, &f, v); });
      case Field::CPPTYPE_DOUBLE:
        return number<double>(n, at, [&](auto v) { many ? r->AddDouble(&m, &f, v) : r->SetDouble(&m, &f, v); });
      case Field::CPPTYPE_FLOAT:
        return number<double>(n, at, [&](auto v) {
          many ? r->AddFloat(&m, &f, static_cast<float>(v)) : r->SetFloat(&m, &f, static_cast<float>(v));
        });
    }
  }

  /// In quotes protobuf's JSON takes some words for a bool, in any case.
  static bool quoted_bool(const Node& n, bool& value) {
    if (n.kind != Node::scalar || !n.quoted) return false;
    const auto is = [&](std::initializer_list<const char*> words) {
      return std::any_of(words.begin(), words.end(), [&](const char* w) { return ::strcasecmp(w, n.text.c_str()) == 0; });
    };
    return (value = is({"true", "t", "yes", "y", "1"})) || is({"false", "f", "no", "n", "0"});
  }

  /// None: the text is not, from end to end, a T.
  template <class T>
  static std::optional<T> whole(const std::string& text) noexcept {
    T v{};
    const auto* end = text.data() + text.size();
    const auto r = std::from_chars(text.data(), end, v);
    return r.ec == std::errc{} && r.ptr == end ? std::optional(v) : std::nullopt;
  }

  /// YAML writes a whole number in base 8 and 16, too: 0600, 0x1F. In quotes it does not.
  static std::optional<std::int64_t> whole_in_base(const Node& n) noexcept {
    std::string_view text = n.text;
    const bool negative = text.starts_with('-');
    if (negative || text.starts_with('+')) text.remove_prefix(1);
    if (n.quoted || text.size() < 2 || text[0] != '0') return std::nullopt;
    const bool hex = text[1] == 'x' || text[1] == 'X';
    text.remove_prefix(hex ? 2 : 1);
    std::int64_t v = 0;
    const auto* end = text.data() + text.size();
    const auto r = std::from_chars(text.data(), end, v, hex ? 16 : 8);
    if (text.starts_with('-') || r.ec != std::errc{} || r.ptr != end) return std::nullopt;
    return negative ? -v : v;
  }

  template <class T, class Set>
  void number(const Node& n, const Path& at, Set set) {
    if (n.kind != Node::scalar) return expected(n, at, "a number");
    auto v = whole<T>(n.text);
    if constexpr (std::is_integral_v<T>) {
      if (const auto i = whole_in_base(n)) v = std::in_range<T>(*i) ? std::optional(static_cast<T>(*i)) : std::nullopt;
      if (!v) {  // 1e3 and 5.0 are integers too
        const auto d = whole<double>(n.text);
        if (d && std::floor(*d) == *d && *d >= static_cast<double>(std::numeric_limits<T>::min()) &&
            *d <= static_cast<double>(std::numeric_limits<T>::max()) && std::fabs(*d) < 9e15)
          v = static_cast<T>(*d);
      }
    }
    if (!v)
      return expected(n, at,
                      std::is_integral_v<T> ? (std::is_signed_v<T> ? "an integer" : "an integer of 0 or more") : "a number");
    set(*v);
  }

  bool text(const Node& n, bool bytes, std::string& s, const Path& at) {
    if (n.kind != Node::scalar) return expected(n, at, "a string"), false;
    if (!n.quoted && n.kind_text() != "a string") {
      bool b;
      std::int64_t d;  // others are text, as in Envoy
      const auto r = std::from_chars(n.text.data(), n.text.data() + n.text.size(), d);
      if (parse_yaml_bool(n, b) || (r.ec == std::errc{} && r.ptr == n.text.data() + n.text.size()))
        return expected(n, at, "a string (in quotes)"), false;
    }
    if (!bytes) return s = n.text, true;
    if (!decode_base64(n.text, s)) return expected(n, at, "bytes in base64"), false;
    return true;
  }

  static bool decode_base64(std::string_view in, std::string& out) {
    std::uint32_t bits = 0;
    int count = 0;
    while (!in.empty() && in.back() == '=') in.remove_suffix(1);
    for (const char c : in) {
      int v;
      if (c >= 'A' && c <= 'Z')
        v = c - 'A';
      else if (c >= 'a' && c <= 'z')
        v = c - 'a' + 26;
      else if (c >= '0' && c <= '9')
        v = c - '0' + 52;
      else if (c == '+' || c == '-')
        v = 62;
      else if (c == '/' || c == '_')
        v = 63;
      else
        return false;
      bits = bits << 6 | static_cast<std::uint32_t>(v);
      count += 6;
      if (count >= 8) {
        count -= 8;
        out += static_cast<char>(bits >> count & 0xff);
      }
    }
    return count < 6;
  }

  bool enumerator(const Node& n, const pb::EnumDescriptor& e, int& v, const Path& at) {
    if (n.kind == Node::scalar) {
      if (const auto* known = e.FindValueByName(n.text)) return v = known->number(), true;
      for (int i = 0; i < e.value_count(); ++i)  // lower case will do
        if (::strcasecmp(e.value(i)->name().c_str(), n.text.c_str()) == 0) return v = e.value(i)->number(), true;
      const auto r = std::from_chars(n.text.data(), n.text.data() + n.text.size(), v);
      if (!n.text.empty() && r.ec == std::errc{} && r.ptr == n.text.data() + n.text.size()) return true;
    }
    std::string names;
    for (int i = 0; i < e.value_count(); ++i) names += (i == 0 ? "" : ", ") + e.value(i)->name();
    expected(n, at, "one of " + names);
    return false;
  }

  // ---- messages with a form of their own

  bool well_known(const Node& n, pb::Message& m, const Path& at) {
    const std::string& name = m.GetDescriptor()->full_name();
    if (name.compare(0, 16, "google.protobuf.") != 0) return false;
    if (name == "google.protobuf.Any") return any(n, static_cast<pb::Any&>(m), at), true;
    if (name == "google.protobuf.Struct") return structure(n, static_cast<pb::Struct&>(m), at), true;
    if (name == "google.protobuf.Value") return value(n, static_cast<pb::Value&>(m)), true;
    if (name == "google.protobuf.ListValue") {
      if (n.kind != Node::list) return expected(n, at, "a list"), true;
      for (const auto& i : n.items) value(i, *static_cast<pb::ListValue&>(m).add_values());
      return true;
    }
    if (name == "google.protobuf.Duration") {
      if (n.kind == Node::map) return false;  // {seconds: 1}
      return duration(n, static_cast<pb::Duration&>(m), at), true;
    }
    if (name == "google.protobuf.Empty") return false;
    if (const Field* f = m.GetDescriptor()->FindFieldByName("value"); f != nullptr && m.GetDescriptor()->field_count() == 1) {
      if (n.kind == Node::map && n.find("value") != nullptr) return false;
      one(n, m, *f, at);  // a wrapper
      return true;
    }
    return false;
  }

  void duration(const Node& n, pb::Duration& d, const Path& at) {
    const bool read =
        n.kind == Node::scalar && n.text.size() > 1 && n.text.back() == 's' && pb::util::TimeUtil::FromString(n.text, &d);
    if (!read) return expected(n, at, "a duration in seconds, such as \"1.5s\"");
    const auto dot = n.text.find('.');
    if (dot != std::string::npos && n.text.size() - dot > 11) return expected(n, at, "a duration with at most 9 decimals");
    if (std::abs(d.seconds()) > kSecondsMax) expected(n, at, "a duration of at most 315576000000s");
  }

  void structure(const Node& n, pb::Struct& s, const Path& at) {
    if (n.kind == Node::null) return;
    if (n.kind != Node::map) return expected(n, at, "an object");
    for (const auto& [key, v] : n.fields) value(v, (*s.mutable_fields())[key]);
  }

  /// A fraction and a large number in YAML stay strings, as Envoy's loader leaves them.
  void value(const Node& n, pb::Value& v) {
    switch (n.kind) {
      case Node::null: v.set_null_value(pb::NULL_VALUE); return;
      case Node::list:
        v.mutable_list_value();
        for (const auto& i : n.items) value(i, *v.mutable_list_value()->add_values());
        return;
      case Node::map:
        v.mutable_struct_value();
        for (const auto& [key, f] : n.fields) value(f, (*v.mutable_struct_value()->mutable_fields())[key]);
        return;
      case Node::scalar: break;
    }
    bool b = false;
    const auto d = whole<double>(n.text);
    if (n.quoted)
      v.set_string_value(n.text);
    else if (parse_yaml_bool(n, b))
      v.set_bool_value(b);
    else if (const auto i = whole_in_base(n); i && std::in_range<std::int32_t>(*i))
      v.set_number_value(static_cast<double>(*i));
    else if (d && std::isfinite(*d) && (o_.file.ends_with(".json") || whole<std::int32_t>(n.text)))
      v.set_number_value(*d);
    else
      v.set_string_value(n.text);
  }

  void any(const Node& n, pb::Any& a, const Path& at) {
    if (n.kind != Node::map) return expected(n, at, "an object with '@type'");
    const Node* type = n.find("@type");
    if (type == nullptr) {
      if (!n.fields.empty()) error(n, at, "'@type' is missing: say which message this is, e.g. type.googleapis.com/...");
      return;
    }
    if (is_typed_struct(type->text)) {
      const Node* inner = n.find("type_url");
      if (inner == nullptr) inner = n.find("typeUrl");
      const Node* payload = n.find("value");
      if (o_.as_received) return pack_struct(inner == nullptr ? Node() : *inner, payload == nullptr ? Node() : *payload, a, at);
      if (inner == nullptr) return error(n, at, "a TypedStruct needs 'type_url'");
      if (unread_ || (choice_ && find_any_type(inner->text) == nullptr)) return a.set_type_url(type->text);
      if (is_filter_config(message_name(inner->text)))
        return error(*inner, at, "Didn't find a registered implementation with type URL: '" + inner->text + "'");
      static const Node kEmpty = [] {
        Node e;
        e.kind = Node::map;
        return e;
      }();
      return pack(*inner, payload == nullptr ? kEmpty : *payload, a, at);
    }
    Node rest = n;
    std::erase_if(rest.fields, [](const auto& f) { return f.first == "@type"; });
    pack(*type, rest, a, at);
  }

  void pack(const Node& type, const Node& payload, pb::Any& a, const Path& at) {
    const auto* d = find_any_type(type.text);
    if (d == nullptr && o_.keep_foreign_types) return keep_foreign(type, payload, a, at);
    if (d == nullptr && (optional_ || (o_.as_received && is_known_type(type.text)))) return a.set_type_url(type.text);
    if (d == nullptr) {
      problems_.add({Severity::error, at.text(), unknown_type_text(type.text), o_.file, type.line, type.column});
      return;
    }
    std::unique_ptr<pb::Message> m(pb::MessageFactory::generated_factory()->GetPrototype(d)->New());
    const Node* inner = &payload;
    if (d->full_name().compare(0, 16, "google.protobuf.") == 0 && payload.find("value") != nullptr) inner = payload.find("value");
    message(*inner, *m, at);
    a.set_type_url(canonical_type_url(*d));
    serialize(*m, *a.mutable_value());
  }

  void pack_struct(const Node& type, const Node& payload, pb::Any& a, const Path& at) {
    ::xds::type::v3::TypedStruct s;
    s.set_type_url(type.text);
    structure(payload, *s.mutable_value(), at);
    a.set_type_url(canonical_type_url(*s.GetDescriptor()));
    serialize(s, *a.mutable_value());
  }

  void keep_foreign(const Node& type, const Node& payload, pb::Any& a, const Path& at) {
    pack_struct(type, payload, a, at);
    problems_.add({Severity::warning, at.text(), unknown_type_text(type.text) + "; it is kept as a TypedStruct", o_.file,
                   type.line, type.column});
  }

  /// The same bytes for the same content, whatever the order of its maps.
  static void serialize(const pb::Message& m, std::string& into) {
    pb::io::StringOutputStream out(&into);
    pb::io::CodedOutputStream coded(&out);
    coded.SetSerializationDeterministic(true);
    m.SerializePartialToCodedStream(&coded);
  }

  const ToProtoOptions& o_;
  Problems& problems_;
  bool optional_ = false;   // the message being written says so of its Any
  bool sensitive_ = false;  // what is being written is quoted in no error
  bool choice_ = false;     // that Any is one of several to choose from
  bool unread_ = false;     // nobody reads it
};

}  // namespace

namespace {
/// As the text that it would be in a file.
Node node_of(const pb::Value& v) {
  Node n;
  switch (v.kind_case()) {
    case pb::Value::kStructValue:
      n.kind = Node::map;
      for (const auto& [name, field] : v.struct_value().fields()) n.fields.emplace_back(name, node_of(field));
      break;
    case pb::Value::kListValue:
      n.kind = Node::list;
      for (const auto& item : v.list_value().values()) n.items.push_back(node_of(item));
      break;
    case pb::Value::kStringValue:
      n.kind = Node::scalar;
      n.quoted = true;
      n.text = v.string_value();
      break;
    case pb::Value::kBoolValue:
      n.kind = Node::scalar;
      n.text = v.bool_value() ? "true" : "false";
      break;
    case pb::Value::kNumberValue: {
      n.kind = Node::scalar;
      char text[64];
      const double d = v.number_value();
      const bool whole = std::floor(d) == d && std::fabs(d) < 9e15;
      n.text.assign(text, whole ? std::to_chars(text, text + sizeof text, static_cast<std::int64_t>(d)).ptr
                                : std::to_chars(text, text + sizeof text, d).ptr);
      break;
    }
    default: break;
  }
  return n;
}
}  // namespace

std::size_t to_proto(const pb::Struct& from, pb::Message& into, Problems& problems) {
  Node n;
  n.kind = Node::map;
  for (const auto& [name, field] : from.fields()) n.fields.emplace_back(name, node_of(field));
  return to_proto(n, into, {"", true}, problems);
}

std::size_t to_proto(const Node& from, pb::Message& into, const ToProtoOptions& o, Problems& problems) {
  Writer w(o, problems);
  w.message(from, into, Path());
  return w.unknown;
}

}  // namespace outrigger::xds
