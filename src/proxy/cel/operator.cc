#include "proxy/cel/operator.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include "proxy/base/base64.h"
#include "proxy/base/json_text.h"
#include "proxy/cel/program.h"

namespace outrigger::cel {

namespace {

constexpr std::int64_t kSecond = 1'000'000'000;

template <class... Args>
void print(std::string& out, const char* form, Args... args) {
  char text[64];
  const int n = std::snprintf(text, sizeof text, form, args...);
  out.append(text, static_cast<std::size_t>(std::max(n, 0)));
}

/// The fraction of a unit, without zeros at its end.
void append_fraction(std::uint64_t part, int digits, std::string& out) {
  if (part == 0) return;
  char text[16];
  int n = std::snprintf(text, sizeof text, ".%0*llu", digits, static_cast<unsigned long long>(part));
  while (text[n - 1] == '0') --n;
  out.append(text, static_cast<std::size_t>(n));
}

/// "1h2m3.5s", "1.5ms".
void append_duration(std::int64_t ns, std::string& out) {
  if (ns == 0) return void(out += '0');
  if (ns < 0) out += '-';
  auto n = ns < 0 ? std::uint64_t{0} - static_cast<std::uint64_t>(ns) : static_cast<std::uint64_t>(ns);
  constexpr auto kWhole = static_cast<std::uint64_t>(kSecond);
  constexpr struct {
    std::uint64_t unit;
    int digits;
    const char* name;
  } kSmall[] = {{1'000'000, 6, "ms"}, {1000, 3, "us"}, {1, 0, "ns"}};
  if (n < kWhole) {
    for (const auto& s : kSmall) {
      if (n < s.unit) continue;
      print(out, "%llu", static_cast<unsigned long long>(n / s.unit));
      append_fraction(n % s.unit, s.digits, out);
      return void(out += s.name);
    }
  }
  const auto hours = n / (3600 * kWhole), minutes = n / (60 * kWhole) % 60, rest = n % (60 * kWhole);
  if (hours > 0) print(out, "%lluh", static_cast<unsigned long long>(hours));
  if (minutes > 0) print(out, "%llum", static_cast<unsigned long long>(minutes));
  if (rest == 0) return;
  print(out, "%llu", static_cast<unsigned long long>(rest / kWhole));
  append_fraction(rest % kWhole, 9, out);
  out += 's';
}

void append_moment(std::int64_t ns, void (*fraction)(std::uint64_t, std::string&), std::string& out) {
  const auto seconds = ns >= 0 ? ns / kSecond : -((-ns + kSecond - 1) / kSecond);
  format::append_time(WallTime(std::chrono::duration_cast<WallTime::duration>(std::chrono::nanoseconds(seconds * kSecond))),
                      "%Y-%m-%dT%H:%M:%S", false, out);
  fraction(static_cast<std::uint64_t>(ns - seconds * kSecond), out);
}

/// False: it has no value.
bool append_text(const Value& v, std::string& out) {
  switch (v.kind) {
    case Kind::error: return false;
    case Kind::null: out += "NULL"; break;
    case Kind::boolean: out += v.b ? "true" : "false"; break;
    case Kind::int64: print(out, "%lld", static_cast<long long>(v.i)); break;
    case Kind::uint64: print(out, "%llu", static_cast<unsigned long long>(v.u)); break;
    case Kind::float64: print(out, "%g", v.d); break;
    case Kind::string:
    case Kind::bytes: out += v.text; break;
    case Kind::timestamp:
      append_moment(
          v.i, [](std::uint64_t part, std::string& to) { append_fraction(part, 9, to); }, out);
      out += "+00:00";
      break;
    case Kind::duration: append_duration(v.i, out); break;
    case Kind::list: out += "CelList value"; break;
    case Kind::map:
      // Envoy prints the metadata of all namespaces as protobuf's text; nothing here does.
      if (v.holder == Holder::namespaces) return v.at == nullptr || static_cast<const Metadata*>(v.at)->empty();
      out += "CelMap value";
      break;
  }
  return true;
}

/// As protobuf writes times: in groups of three digits.
void append_groups(std::uint64_t ns, std::string& out) {
  if (ns == 0) return;
  const auto digits = ns % 1'000'000 == 0 ? 3 : ns % 1000 == 0 ? 6 : 9;
  const auto value = digits == 3 ? ns / 1'000'000 : digits == 6 ? ns / 1000 : ns;
  print(out, ".%0*llu", digits, static_cast<unsigned long long>(value));
}

/// One field of an object.
void append_field(std::string_view name, std::string_view value, std::string& out) {
  if (out.back() != '{') out += ',';
  append_json_string(name, out);
  out += ':';
  append_json_string(value, out);
}

/// The first line of each name.
void append_fields(const http::HeaderMap& headers, std::string& out) {
  for (const auto* e = headers.begin(); e != headers.end(); ++e) {
    const bool fresh = std::none_of(headers.begin(), e, [&](const auto& before) { return before.name == e->name; });
    if (fresh) append_field(e->name, e->value, out);
  }
}

bool append_json(const Value& v, long length, std::string& out);

bool append_json_inside(const Value& v, std::string& out) {
  switch (v.holder) {
    case Holder::values: {
      const auto* first = static_cast<const Value*>(v.at);
      out += '[';
      for (std::size_t i = 0; i < v.u; ++i) {
        if (i > 0) out += ',';
        if (!append_json(first[i], -1, out)) out += "null";
      }
      out += ']';
      return true;
    }
    case Holder::metadata: return static_cast<const MetadataValue*>(v.at)->append_json(out), true;
    case Holder::namespaces: return static_cast<const Metadata*>(v.at)->append_json(out), true;
    case Holder::request_headers: {
      const auto& head = *static_cast<const http::RequestHead*>(v.at);
      out += '{';
      for (const std::string_view name : {":authority", ":method", ":path", ":scheme"})
        if (const auto value = head.get(name); !value.empty()) append_field(name, value, out);
      append_fields(head.headers, out);
      out += '}';
      return true;
    }
    case Holder::response_headers:
    case Holder::fields: {
      out += '{';
      if (v.holder == Holder::fields)
        append_fields(*static_cast<const http::HeaderMap*>(v.at), out);
      else
        append_fields(static_cast<const http::ResponseHead*>(v.at)->headers, out);
      out += '}';
      return true;
    }
    default: return false;
  }
}

constexpr std::int64_t kExact = std::int64_t{1} << 53;  // integers beyond are no numbers of JSON

void append_json_number(double d, std::string& out) {
  if (!std::isfinite(d)) return void(out += d > 0 ? "\"Infinity\"" : d < 0 ? "\"-Infinity\"" : "\"NaN\"");
  print(out, "%.17g", d);
}

bool append_json(const Value& v, long length, std::string& out) {
  switch (v.kind) {
    case Kind::error: return false;
    case Kind::null: out += "null"; break;
    case Kind::boolean: out += v.b ? "true" : "false"; break;
    case Kind::int64: print(out, v.i >= -kExact && v.i <= kExact ? "%lld" : "\"%lld\"", static_cast<long long>(v.i)); break;
    case Kind::uint64:
      print(out, v.u <= static_cast<std::uint64_t>(kExact) ? "%llu" : "\"%llu\"", static_cast<unsigned long long>(v.u));
      break;
    case Kind::float64: append_json_number(v.d, out); break;
    case Kind::string: append_json_string(length >= 0 ? v.text.substr(0, static_cast<std::size_t>(length)) : v.text, out); break;
    case Kind::bytes: append_json_string(encode_base64(v.text), out); break;
    case Kind::timestamp:
      out += '"';
      append_moment(v.i, &append_groups, out);
      out += "Z\"";
      break;
    case Kind::duration:
      print(out, v.i < 0 ? "\"-%lld" : "\"%lld", std::abs(static_cast<long long>(v.i / kSecond)));
      append_groups(static_cast<std::uint64_t>(std::abs(v.i % kSecond)), out);
      out += "s\"";
      break;
    case Kind::list:
    case Kind::map:
      if (v.at == nullptr) return out += v.kind == Kind::map ? "{}" : "[]", true;
      return append_json_inside(v, out);
  }
  return true;
}

}  // namespace

Result<format::Operator> make_operator(std::string_view text, bool typed, long length) {
  auto made = Program::compile(text);
  if (!made) return invalid("Not able to parse expression: " + made.error().detail);
  const auto append = [program = *made, length](const format::Context& c, std::string& out) {
    const auto before = out.size();
    if (!append_text(program->evaluate(c), out)) return false;
    if (length >= 0 && out.size() - before > static_cast<std::size_t>(length))
      out.resize(before + static_cast<std::size_t>(length));
    return true;
  };
  if (!typed) return format::Operator{append, false};
  return format::Operator{append, [program = *made, length](const format::Context& c, std::string& out) {
                            return append_json(program->evaluate(c), length, out);
                          }};
}

}  // namespace outrigger::cel
