#include "xds/load/validate.h"

#include <google/protobuf/any.pb.h>
#include <google/protobuf/duration.pb.h>
#include <re2/re2.h>
#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>
#include "validate/validate.pb.h"
#include "xds/load/any_type.h"
#include "xds/load/to_proto.h"
#include "xds/load/unread.h"

namespace outrigger::xds {

namespace pb = google::protobuf;
using Field = pb::FieldDescriptor;

namespace {

std::string words(double v) {
  std::string s = std::to_string(v);
  while (s.back() == '0') s.pop_back();
  if (s.back() == '.') s.pop_back();
  return s;
}
std::string words(const pb::Duration& d) { return words(static_cast<double>(d.seconds()) + d.nanos() / 1e9) + "s"; }
std::string words(std::uint64_t v) { return std::to_string(v); }
std::string words(std::int64_t v) { return std::to_string(v); }
std::string words(std::uint32_t v) { return std::to_string(v); }
std::string words(std::int32_t v) { return std::to_string(v); }

bool less(const pb::Duration& a, const pb::Duration& b) {
  return a.seconds() != b.seconds() ? a.seconds() < b.seconds() : a.nanos() < b.nanos();
}
template <class T>
bool less(T a, T b) {
  return a < b;
}
bool equal(const pb::Duration& a, const pb::Duration& b) { return !less(a, b) && !less(b, a); }
template <class T>
bool equal(T a, T b) {
  return a == b;
}

/// lt, lte, gt, gte (or a range outside, when the bounds are crossed, as the rules define it).
template <class T, class Rules>
std::string range_problem(const T& v, const Rules& r) {
  const bool upper = r.has_lt() || r.has_lte(), lower = r.has_gt() || r.has_gte();
  const bool below = !upper || (r.has_lt() ? less(v, T(r.lt())) : !less(T(r.lte()), v));
  const bool above = !lower || (r.has_gt() ? less(T(r.gt()), v) : !less(v, T(r.gte())));
  if constexpr (std::is_floating_point_v<T>)
    if ((upper || lower) && std::isnan(v)) return "must be a number";
  if (below && above) return {};
  std::string text = "must be";
  if (lower) text += (r.has_gt() ? " greater than " : " at least ") + (r.has_gt() ? words(T(r.gt())) : words(T(r.gte())));
  if (lower && upper) text += " and";
  if (upper) text += (r.has_lt() ? " less than " : " at most ") + (r.has_lt() ? words(T(r.lt())) : words(T(r.lte())));
  return text + ", is " + words(v);
}

template <class T, class Rules>
std::string value_problem(const T& v, const Rules& r) {
  if (r.has_const_() && !equal(v, T(r.const_()))) return "must be " + words(T(r.const_())) + ", is " + words(v);
  const auto is = [&](const auto& x) { return equal(v, T(x)); };
  if (r.in_size() > 0 && std::none_of(r.in().begin(), r.in().end(), is)) return "value " + words(v) + " is not allowed";
  if (std::any_of(r.not_in().begin(), r.not_in().end(), is)) return "value " + words(v) + " is not allowed";
  return range_problem(v, r);
}

bool matches_known(const std::string& s, const validate::StringRules& r) {
  const bool strict = !r.has_strict() || r.strict();
  for (std::size_t i = 0; i < s.size(); ++i) {
    const auto c = static_cast<unsigned char>(s[i]);
    if (!strict) {
      if (c == 0 || c == '\n' || c == '\r') return false;
    } else if (r.well_known_regex() == validate::HTTP_HEADER_NAME) {
      const bool token = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                         std::string_view("!#$%&'*+-.^_|~`").find(static_cast<char>(c)) != std::string_view::npos;
      if (!token && !(i == 0 && c == ':')) return false;
    } else if ((c < 0x20 && c != '\t') || c == 0x7f) {
      return false;
    }
  }
  return !strict || r.well_known_regex() != validate::HTTP_HEADER_NAME || (!s.empty() && s != ":");
}

std::size_t characters(const std::string& s) {
  return static_cast<std::size_t>(std::count_if(s.begin(), s.end(), [](char c) { return (c & 0xc0) != 0x80; }));
}

std::string string_problem(const std::string& s, const validate::StringRules& r) {
  if (r.ignore_empty() && s.empty()) return {};
  if (r.has_min_len() && characters(s) < r.min_len())
    return r.min_len() == 1 ? "must not be empty" : "must have at least " + words(r.min_len()) + " characters";
  if (r.has_max_len() && characters(s) > r.max_len()) return "must have at most " + words(r.max_len()) + " characters";
  if (r.has_min_bytes() && s.size() < r.min_bytes()) return "must have at least " + words(r.min_bytes()) + " bytes";
  if (r.has_max_bytes() && s.size() > r.max_bytes()) return "must have at most " + words(r.max_bytes()) + " bytes";
  if (r.has_prefix() && s.compare(0, r.prefix().size(), r.prefix()) != 0) return "must begin with '" + r.prefix() + "'";
  if (r.in_size() > 0 && std::find(r.in().begin(), r.in().end(), s) == r.in().end()) return "value '" + s + "' is not allowed";
  if (std::find(r.not_in().begin(), r.not_in().end(), s) != r.not_in().end()) return "value '" + s + "' is not allowed";
  if (r.has_pattern() && !re2::RE2::PartialMatch(s, r.pattern())) return "must match " + r.pattern();
  if (r.well_known_case() == validate::StringRules::kWellKnownRegex && !matches_known(s, r))
    return r.well_known_regex() == validate::HTTP_HEADER_NAME ? "is not a header name: '" + s + "'"
                                                              : "has characters that a header value can't have";
  return {};
}

/// What is to be looked at in a message: fields that have rules or are messages.
struct Plan {
  struct Entry {
    const Field* field;
    const validate::FieldRules* rules;  // null: none
  };
  std::vector<Entry> fields;
  std::vector<const pb::OneofDescriptor*> required;
};

Plan make_plan(const pb::Descriptor& d) {
  Plan plan;
  if (d.full_name().starts_with("google.protobuf.") || d.options().GetExtension(validate::disabled)) return plan;
  for (int i = 0; i < d.field_count(); ++i) {
    const Field& f = *d.field(i);
    const auto& o = f.options();
    const validate::FieldRules* rules = o.HasExtension(validate::rules) ? &o.GetExtension(validate::rules) : nullptr;
    if (rules != nullptr || f.cpp_type() == Field::CPPTYPE_MESSAGE) plan.fields.push_back({&f, rules});
  }
  for (int i = 0; i < d.real_oneof_decl_count(); ++i)
    if (d.oneof_decl(i)->options().GetExtension(validate::required)) plan.required.push_back(d.oneof_decl(i));
  return plan;
}

const Plan& plan_of(const pb::Descriptor& d) {
  thread_local std::unordered_map<const pb::Descriptor*, Plan> plans;
  const auto at = plans.find(&d);
  return at != plans.end() ? at->second : plans.emplace(&d, make_plan(d)).first->second;
}

class Validator {
 public:
  Validator(Problems& problems, Depth depth, bool unknown_fields)
      : problems_(problems), into_any_(depth == Depth::everything), unknown_fields_(unknown_fields) {}

  void message(const pb::Message& m, const Path& at) {
    if (++depth_ > 100) {
      problems_.error(at, "nested too deep");
      --depth_;
      return;
    }
    const auto* d = m.GetDescriptor();
    const auto* r = m.GetReflection();
    if (unknown_fields_ && !r->GetUnknownFields(m).empty())
      problems_.error(at, "field number " + std::to_string(r->GetUnknownFields(m).field(0).number()) + " of " + d->full_name() +
                              " is unknown or not implemented by Outrigger");
    if (d == pb::Any::descriptor()) any(static_cast<const pb::Any&>(m), at);
    const bool outer = std::exchange(optional_, is_optional(m)), outer_choice = choice_;
    choice_ = is_choice(*d) || (choice_ && d->name() == "TypedExtensionConfig");
    fields(m, at);
    optional_ = outer;
    choice_ = outer_choice;
    --depth_;
  }
  bool saw_any() const noexcept { return saw_any_; }

 private:
  static bool is_optional(const pb::Message& m) {
    const auto* d = m.GetDescriptor();
    return can_be_optional(*d) && m.GetReflection()->GetBool(m, d->FindFieldByName("is_optional"));
  }

  void fields(const pb::Message& m, const Path& at) {
    const auto* r = m.GetReflection();
    const Plan& plan = plan_of(*m.GetDescriptor());
    for (const auto& [field, rules] : plan.fields) {
      const Field& f = *field;
      if (f.is_repeated()) {
        const int n = r->FieldSize(m, &f);
        if (rules != nullptr) list_rules(m, f, n, *rules, at / f.name());
        for (int k = 0; k < n; ++k)
          f.is_map() ? map_entry(r->GetRepeatedMessage(m, &f, k), rules, at / f.name())
                     : element(m, f, k, rules, at.at(f.name(), k));
        continue;
      }
      if (f.real_containing_oneof() != nullptr && !r->HasField(m, &f)) continue;
      if (is_unread(m, f)) continue;
      single(m, f, rules, at / f.name());
    }
    for (const auto* one : plan.required) {
      if (r->HasOneof(m, one)) continue;
      if (!r->GetUnknownFields(m).empty()) continue;  // it may be one of those
      std::string names;
      for (int k = 0; k < one->field_count(); ++k) names += (k == 0 ? "" : ", ") + one->field(k)->name();
      problems_.error(at, "one of these is required: " + names);
    }
  }

  void list_rules(const pb::Message& m, const Field& f, int n, const validate::FieldRules& rules, const Path& at) {
    if (f.is_map()) {
      if (rules.map().has_min_pairs() && static_cast<std::uint64_t>(n) < rules.map().min_pairs())
        problems_.error(at, "needs at least " + words(rules.map().min_pairs()) + " entries");
      return;
    }
    const auto& r = rules.repeated();
    const auto size = static_cast<std::uint64_t>(n);
    if (r.ignore_empty() && n == 0) return;
    if (r.has_min_items() && size < r.min_items())
      problems_.error(at, "needs at least " + words(r.min_items()) + (r.min_items() == 1 ? " entry" : " entries"));
    if (r.has_max_items() && size > r.max_items())
      problems_.error(at, "can have at most " + words(r.max_items()) + " entries, has " + words(size));
    const bool numbers = f.cpp_type() == Field::CPPTYPE_UINT32;
    if (!r.unique() || (f.cpp_type() != Field::CPPTYPE_STRING && !numbers)) return;
    const auto* look = m.GetReflection();
    std::set<std::string> seen;
    for (int k = 0; k < n; ++k)
      if (!seen.insert(numbers ? std::to_string(look->GetRepeatedUInt32(m, &f, k)) : look->GetRepeatedString(m, &f, k)).second)
        problems_.error(at, "must not have the same entry twice");
  }

  void element(const pb::Message& m, const Field& f, int k, const validate::FieldRules* rules, const Path& at) {
    const auto* r = m.GetReflection();
    const validate::FieldRules* item = rules != nullptr && rules->has_repeated() ? &rules->repeated().items() : nullptr;
    switch (f.cpp_type()) {
      case Field::CPPTYPE_MESSAGE: {
        const auto& sub = r->GetRepeatedMessage(m, &f, k);
        if (item != nullptr) message_rules(sub, true, *item, at);
        return message(sub, at);
      }
      case Field::CPPTYPE_STRING:
        if (item != nullptr) text(r->GetRepeatedString(m, &f, k), *item, at);
        return;
      case Field::CPPTYPE_UINT32:
        if (item != nullptr && item->has_uint32()) tell(value_problem(r->GetRepeatedUInt32(m, &f, k), item->uint32()), at);
        return;
      case Field::CPPTYPE_DOUBLE:
        if (item != nullptr && item->has_double_()) tell(value_problem(r->GetRepeatedDouble(m, &f, k), item->double_()), at);
        return;
      case Field::CPPTYPE_ENUM:
        if (item != nullptr) enumerator(r->GetRepeatedEnumValue(m, &f, k), f, *item, at);
        return;
      default: return;
    }
  }

  void map_entry(const pb::Message& entry, const validate::FieldRules* rules, const Path& at) {
    const auto* d = entry.GetDescriptor();
    const auto* r = entry.GetReflection();
    const bool named = d->map_key()->cpp_type() == Field::CPPTYPE_STRING;
    const std::string key = named ? r->GetString(entry, d->map_key()) : std::string();
    if (rules != nullptr && rules->map().has_keys() && named) text(key, rules->map().keys(), at);
    if (d->map_value()->cpp_type() == Field::CPPTYPE_MESSAGE) message(r->GetMessage(entry, d->map_value()), at / key);
  }

  void single(const pb::Message& m, const Field& f, const validate::FieldRules* rules, const Path& at) {
    const auto* r = m.GetReflection();
    if (f.cpp_type() == Field::CPPTYPE_MESSAGE) {
      const bool set = r->HasField(m, &f);
      const auto errors = problems_.errors();
      if (rules != nullptr) message_rules(r->GetMessage(m, &f), set, *rules, at);
      if (set && problems_.errors() == errors && f.message_type() == pb::Duration::descriptor())
        return duration(static_cast<const pb::Duration&>(r->GetMessage(m, &f)), at);
      if (set && (rules == nullptr || !rules->message().skip())) message(r->GetMessage(m, &f), at);
      return;
    }
    if (rules == nullptr) return;
    switch (f.cpp_type()) {
      case Field::CPPTYPE_STRING: return text(r->GetString(m, &f), *rules, at);
      case Field::CPPTYPE_ENUM: return enumerator(r->GetEnumValue(m, &f), f, *rules, at);
      case Field::CPPTYPE_UINT32:
        if (rules->has_uint32() && !(rules->uint32().ignore_empty() && r->GetUInt32(m, &f) == 0))
          tell(value_problem(r->GetUInt32(m, &f), rules->uint32()), at);
        return;
      case Field::CPPTYPE_BOOL:
        if (rules->bool_().has_const_() && r->GetBool(m, &f) != rules->bool_().const_())
          tell(std::string("must be ") + (rules->bool_().const_() ? "true" : "false"), at);
        return;
      case Field::CPPTYPE_INT32:
        if (rules->has_int32()) tell(value_problem(r->GetInt32(m, &f), rules->int32()), at);
        return;
      case Field::CPPTYPE_UINT64:
        if (rules->has_uint64()) tell(value_problem(r->GetUInt64(m, &f), rules->uint64()), at);
        return;
      case Field::CPPTYPE_INT64:
        if (rules->has_int64()) tell(value_problem(r->GetInt64(m, &f), rules->int64()), at);
        return;
      case Field::CPPTYPE_DOUBLE:
        if (rules->has_double_()) tell(value_problem(r->GetDouble(m, &f), rules->double_()), at);
        return;
      default: return;
    }
  }

  /// What Envoy asks of each duration when it reads it, whatever the rules of the field.
  void duration(const pb::Duration& v, const Path& at) {
    constexpr std::int64_t kSecondsMax = std::numeric_limits<std::int64_t>::max() / 1'000'000'000;  // as nanoseconds
    if (v.seconds() < 0 || v.nanos() < 0) return problems_.error(at, "Expected positive duration, is " + words(v));
    if (v.seconds() >= kSecondsMax || v.nanos() > 999'999'999)
      problems_.error(at, "Duration out-of-range: must be less than " + words(kSecondsMax) + "s, is " + words(v));
  }

  /// Rules of a message field: presence, durations, wrapped values.
  void message_rules(const pb::Message& v, bool set, const validate::FieldRules& rules, const Path& at) {
    const bool required =
        rules.message().required() || rules.duration().required() || rules.any().required() || rules.timestamp().required();
    if (!set) {
      if (required) problems_.error(at, "is required");
      return;
    }
    if (rules.has_duration()) return tell(value_problem(static_cast<const pb::Duration&>(v), rules.duration()), at);
    const auto* d = v.GetDescriptor();
    if (d->full_name().compare(0, 16, "google.protobuf.") != 0 || d->field_count() != 1) return;
    const Field& f = *d->field(0);
    if (f.name() == "value" && f.cpp_type() != Field::CPPTYPE_MESSAGE) single(v, f, &rules, at);
  }

  void text(const std::string& s, const validate::FieldRules& rules, const Path& at) {
    if (rules.has_string()) tell(string_problem(s, rules.string()), at);
    if (rules.has_bytes() && rules.bytes().has_min_len() && s.size() < rules.bytes().min_len())
      problems_.error(at, "must not be empty");
  }

  void enumerator(int v, const Field& f, const validate::FieldRules& rules, const Path& at) {
    const auto& e = rules.enum_();
    if (e.defined_only() && f.enum_type()->FindValueByNumber(v) == nullptr)
      problems_.error(at, "value " + std::to_string(v) + " of " + f.enum_type()->full_name() + " is unknown");
    if (std::find(e.not_in().begin(), e.not_in().end(), v) != e.not_in().end() ||
        (e.in_size() > 0 && std::find(e.in().begin(), e.in().end(), v) == e.in().end())) {
      const auto* name = f.enum_type()->FindValueByNumber(v);
      problems_.error(at, "value " + (name != nullptr ? name->name() : std::to_string(v)) + " is not allowed here");
    }
  }

  void any(const pb::Any& a, const Path& at) {
    saw_any_ = true;
    if (!into_any_ || a.type_url().empty() || is_typed_struct(a.type_url())) return;
    const auto* d = find_any_type(a.type_url());
    if (d == nullptr && (optional_ || choice_)) return;
    if (d == nullptr) return problems_.error(at, unknown_type_text(a.type_url()));
    std::unique_ptr<pb::Message> inner(pb::MessageFactory::generated_factory()->GetPrototype(d)->New());
    if (!inner->ParsePartialFromString(a.value())) return problems_.error(at, "the bytes are not a " + d->full_name());
    message(*inner, at);
  }

  void tell(std::string text, const Path& at) {
    if (!text.empty()) problems_.error(at, std::move(text));
  }

  Problems& problems_;
  bool into_any_, unknown_fields_, saw_any_ = false;
  int depth_ = 0;
  bool optional_ = false;  // the message around an Any says so
  bool choice_ = false;    // what it holds is one of several to choose from
};

}  // namespace

bool validate(const pb::Message& m, const Path& at, Problems& problems, Depth depth, bool unknown_fields) {
  Validator v(problems, depth, unknown_fields);
  v.message(m, at);
  return v.saw_any();
}

}  // namespace outrigger::xds
