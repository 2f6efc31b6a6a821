#include "proxy/cel/value.h"

#include <algorithm>
#include <cmath>
#include <deque>
#include <limits>
#include <string>
#include <type_traits>
#include "proxy/base/numbers.h"
#include "proxy/base/text.h"
#include "proxy/base/utf8.h"
#include "proxy/http/joined.h"

namespace outrigger::cel {

namespace {

using Wide = long double;  // holds every int64, uint64 and double

/// Two numbers as Envoy compares them: with a double among them both are doubles.
struct Pair {
  Pair(const Value& x, const Value& y) noexcept;
  Wide a, b;
};

Wide wide(const Value& v) noexcept {
  if (v.kind == Kind::int64) return static_cast<Wide>(v.i);
  return v.kind == Kind::uint64 ? static_cast<Wide>(v.u) : static_cast<Wide>(v.d);
}

Pair::Pair(const Value& x, const Value& y) noexcept : a(wide(x)), b(wide(y)) {
  if (x.kind != Kind::float64 && y.kind != Kind::float64) return;
  a = static_cast<double>(a);
  b = static_cast<double>(b);
}

std::size_t length(const Value& list) noexcept {
  if (list.holder == Holder::values) return list.u;
  return list.at == nullptr ? 0 : static_cast<const MetadataValue*>(list.at)->items.size();
}
Value item(const Value& list, std::size_t n) noexcept {
  if (list.holder == Holder::values) return static_cast<const Value*>(list.at)[n];
  return Value::of(static_cast<const MetadataValue*>(list.at)->items[n]);
}

Value equal_maps(const Value& a, const Value& b) noexcept {
  if (a.holder == b.holder && a.at == b.at) return Value::of(true);
  if (a.holder != Holder::metadata || b.holder != Holder::metadata || a.at == nullptr || b.at == nullptr) return {};
  return Value::of(*static_cast<const MetadataValue*>(a.at) == *static_cast<const MetadataValue*>(b.at));
}

Value equal_lists(const Value& a, const Value& b) noexcept {
  if (length(a) != length(b)) return Value::of(false);
  for (std::size_t n = 0; n < length(a); ++n) {
    const Value same = equal(item(a, n), item(b, n));
    if (!same.is_true()) return same;
  }
  return Value::of(true);
}

/// Texts of one evaluation: there may be as many as nodes, and requests that are evaluated often must not keep them all.
struct Joined {
  std::deque<std::string> texts;
  std::size_t used = 0;
};
thread_local Joined joined;

/// All lines of the header, joined; null data: there is none.
std::string_view header(const http::HeaderMap& headers, std::string_view name) {
  if (joined.used == joined.texts.size()) joined.texts.emplace_back();
  std::string& text = joined.texts[joined.used];
  const auto value = http::joined(headers, name, text);
  joined.used += value.data() == text.data();
  return value;
}

/// Of a map of header fields. Names come in any case.
std::string_view header_of(const Value& map, std::string_view key) {
  char low[256];
  if (map.at == nullptr || key.size() > sizeof low) return {};
  std::transform(key.begin(), key.end(), low, lower);
  const std::string_view name(low, key.size());
  if (map.holder == Holder::fields) return header(*static_cast<const http::HeaderMap*>(map.at), name);
  if (map.holder == Holder::request_headers) {
    const auto& head = *static_cast<const http::RequestHead*>(map.at);
    if (!name.starts_with(':') && name != "host") return header(head.headers, name);
    const auto* v = head.find(name);
    return v == nullptr ? std::string_view{} : *v;
  }
  const auto& head = *static_cast<const http::ResponseHead*>(map.at);
  if (name != ":status") return header(head.headers, name);
  char* digits = static_cast<char*>(head.headers.arena().allocate(3, 1));
  for (int n = 2, left = head.status % 1000; n >= 0; --n, left /= 10) digits[n] = static_cast<char>('0' + left % 10);
  return {digits, 3};
}

Value find_state(const http::FilterState& state, std::string_view key) noexcept {
  const auto* e = state.find(key);
  if (e == nullptr || has_fields(*e) || !e->typed_json.empty() || e->kind == http::StateKind::protocols) return {};
  return Value::of_text(Kind::bytes, e->value);
}

Value find_field(const Value& map, std::string_view key) {
  switch (map.holder) {
    case Holder::metadata: {
      const auto* v = map.at == nullptr ? nullptr : static_cast<const MetadataValue*>(map.at)->field(key);
      return v == nullptr ? Value{} : Value::of(*v);
    }
    case Holder::namespaces: {
      static const std::vector<std::string> kHere;
      const auto* v = map.at == nullptr ? nullptr : static_cast<const Metadata*>(map.at)->find(key, kHere);
      return v == nullptr ? Value{} : Value::of(*v);
    }
    case Holder::filter_state:
      return map.at == nullptr ? Value{} : find_state(*static_cast<const http::FilterState*>(map.at), key);
    default: {
      const auto v = header_of(map, key);
      return v.data() == nullptr ? Value{} : Value::of_text(v);
    }
  }
}

Value fits(Wide v, bool is_unsigned) noexcept {
  if (!(v > (is_unsigned ? Wide(-1) : -0x1p63L - 1) && v < (is_unsigned ? 0x1p64L : 0x1p63L))) return {};
  return is_unsigned ? Value::of_uint(static_cast<std::uint64_t>(v)) : Value::of_int(static_cast<std::int64_t>(v));
}

template <class T>
bool integer(char op, T a, T b, T& out) noexcept {
  switch (op) {
    case '+': return !__builtin_add_overflow(a, b, &out);
    case '-': return !__builtin_sub_overflow(a, b, &out);
    case '*': return !__builtin_mul_overflow(a, b, &out);
    default: break;
  }
  if (b == 0 || (std::is_signed_v<T> && b == T(-1) && a == std::numeric_limits<T>::min())) return false;
  out = op == '/' ? a / b : a % b;
  return true;
}

Value real(char op, double a, double b) noexcept {
  if (op == '%') return {};
  return Value::of_double(op == '+' ? a + b : op == '-' ? a - b : op == '*' ? a * b : a / b);
}

/// Timestamps and durations.
Value times(char op, const Value& a, const Value& b) noexcept {
  const bool a_point = a.kind == Kind::timestamp, b_point = b.kind == Kind::timestamp;
  if ((op != '+' && op != '-') || (a_point && b_point && op == '+') || (!a_point && b_point && op == '-')) return {};
  std::int64_t out = 0;
  if (!integer(op, a.i, b.i, out)) return {};
  return Value::of_time(a_point != b_point ? Kind::timestamp : Kind::duration, out);
}

bool is_time(const Value& v) noexcept { return v.kind == Kind::timestamp || v.kind == Kind::duration; }

}  // namespace

Value Value::of(const MetadataValue& v) noexcept {
  switch (v.kind) {
    case MetadataValue::null: return of_null();
    case MetadataValue::number: return of_double(v.n);
    case MetadataValue::string: return of_text(v.text);
    case MetadataValue::boolean: return of(v.b);
    case MetadataValue::object: return of_map(Holder::metadata, &v);
    case MetadataValue::list: break;
  }
  Value r = with(Kind::list);
  r.holder = Holder::metadata;
  r.at = &v;
  return r;
}

Value equal(const Value& a, const Value& b) noexcept {
  if (a.is_error() || b.is_error()) return {};
  if (a.is_number() && b.is_number()) {
    const Pair p(a, b);
    return Value::of(p.a == p.b);
  }
  if (a.kind != b.kind) return Value::of(false);
  switch (a.kind) {
    case Kind::null: return Value::of(true);
    case Kind::boolean: return Value::of(a.b == b.b);
    case Kind::timestamp:
    case Kind::duration: return Value::of(a.i == b.i);
    case Kind::list: return equal_lists(a, b);
    case Kind::map: return equal_maps(a, b);
    default: return Value::of(a.text == b.text);
  }
}

bool compare(const Value& a, const Value& b, int& order) noexcept {
  const auto set = [&order](const auto& x, const auto& y) {
    order = x < y ? -1 : x == y ? 0 : y < x ? 1 : 2;
    return true;
  };
  if (a.is_number() && b.is_number()) {
    const Pair p(a, b);
    return set(p.a, p.b);
  }
  if (a.kind != b.kind) return false;
  if (a.kind == Kind::boolean) return set(a.b, b.b);
  if (is_time(a)) return set(a.i, b.i);
  return (a.kind == Kind::string || a.kind == Kind::bytes) && set(a.text, b.text);
}

Value calculate(char op, const Value& a, const Value& b) noexcept {
  if (is_time(a) && is_time(b)) return times(op, a, b);
  if (a.kind != b.kind) return {};
  if (a.kind == Kind::float64) return real(op, a.d, b.d);
  if (a.kind == Kind::int64) {
    std::int64_t out = 0;
    return integer(op, a.i, b.i, out) ? Value::of_int(out) : Value{};
  }
  std::uint64_t out = 0;
  return a.kind == Kind::uint64 && integer(op, a.u, b.u, out) ? Value::of_uint(out) : Value{};
}

Value negate(const Value& v) noexcept {
  if (v.kind == Kind::float64) return Value::of_double(-v.d);
  return v.kind == Kind::int64 ? calculate('-', Value::of_int(0), v) : Value{};
}

Value index(const Value& container, const Value& key) {
  if (container.kind == Kind::map) return key.kind == Kind::string ? find_field(container, key.text) : Value{};
  if (container.kind != Kind::list || !key.is_number()) return {};
  const Wide n = wide(key);
  if (!(n >= 0 && n < static_cast<Wide>(length(container))) || n != std::floor(n)) return {};
  return item(container, static_cast<std::size_t>(n));
}

Value contains(const Value& container, const Value& key) {
  if (key.is_error()) return {};
  if (container.kind == Kind::map)
    return key.kind == Kind::string ? Value::of(!find_field(container, key.text).is_error()) : Value{};
  if (container.kind != Kind::list) return {};
  for (std::size_t n = 0; n < length(container); ++n)
    if (equal(item(container, n), key).is_true()) return Value::of(true);
  return Value::of(false);
}

Value size_of(const Value& v) noexcept {
  const auto number = [](std::size_t n) { return Value::of_int(static_cast<std::int64_t>(n)); };
  if (v.kind == Kind::string) return number(character_count(v.text));
  if (v.kind == Kind::bytes) return number(v.text.size());
  if (v.kind == Kind::list) return number(length(v));
  if (v.kind != Kind::map) return {};
  if (v.at == nullptr) return number(0);
  switch (v.holder) {
    case Holder::metadata: return number(static_cast<const MetadataValue*>(v.at)->fields.size());
    case Holder::fields: return number(static_cast<const http::HeaderMap*>(v.at)->size());
    case Holder::response_headers: return number(static_cast<const http::ResponseHead*>(v.at)->headers.size() + 1);
    case Holder::request_headers: {
      const auto& head = *static_cast<const http::RequestHead*>(v.at);
      std::size_t n = head.headers.size();
      for (const auto& s : {head.method, head.path, head.authority, head.scheme, head.protocol_upgrade}) n += s.data() != nullptr;
      return number(n);
    }
    default: return {};
  }
}

Value to_int(const Value& v) noexcept {
  switch (v.kind) {
    case Kind::timestamp: return Value::of_int(v.i / 1'000'000'000 - (v.i % 1'000'000'000 < 0 ? 1 : 0));
    case Kind::boolean: return Value::of_int(v.b ? 1 : 0);
    case Kind::string: {
      const auto n = to_number<std::int64_t>(v.text);
      return n ? Value::of_int(*n) : Value{};
    }
    case Kind::int64:
    case Kind::uint64:
    case Kind::float64: return fits(v.kind == Kind::float64 ? std::trunc(wide(v)) : wide(v), false);
    default: return {};
  }
}

Value to_uint(const Value& v) noexcept {
  if (!v.is_number() || (v.kind == Kind::float64 && v.d < 0)) return {};
  return fits(v.kind == Kind::float64 ? std::trunc(wide(v)) : wide(v), true);
}

Value to_double(const Value& v) noexcept { return v.is_number() ? Value::of_double(static_cast<double>(wide(v))) : Value{}; }

void begin_evaluation() noexcept { joined.used = 0; }

}  // namespace outrigger::cel
