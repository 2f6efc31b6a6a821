// A value of an expression: a few words that refer to what is held elsewhere (the program, the stream, the caller's list
// of values), valid for one evaluation. Pure, no allocation.
#pragma once
#include <cstdint>
#include <string_view>
#include "proxy/base/metadata.h"
#include "proxy/http/filter_state.h"
#include "proxy/http/message.h"

namespace outrigger::cel {

/// An evaluation begins: texts that the one before put together are not looked at any more.
void begin_evaluation() noexcept;

enum class Kind : std::uint8_t { error, null, boolean, int64, uint64, float64, string, bytes, timestamp, duration, list, map };

/// What a list or map really is.
enum class Holder : std::uint8_t {
  none,
  values,            // list of Values
  metadata,          // list or map: a MetadataValue
  namespaces,        // map: Metadata
  request_headers,   // map: RequestHead
  response_headers,  // map: ResponseHead
  fields,            // map: HeaderMap
  filter_state       // map: FilterState
};

struct Value {
  Kind kind = Kind::error;
  Holder holder = Holder::none;
  union {
    bool b;
    std::int64_t i = 0;  // of an int; of a timestamp or duration: nanoseconds
    std::uint64_t u;     // of a uint; of a list of Values: how many
    double d;
  };
  const void* at = nullptr;  // of a list or map; null: empty
  std::string_view text;     // of a string or bytes
  bool is_error() const noexcept { return kind == Kind::error; }
  bool is_true() const noexcept { return kind == Kind::boolean && b; }
  bool is_number() const noexcept { return kind >= Kind::int64 && kind <= Kind::float64; }

  static Value of_null() noexcept { return with(Kind::null); }
  static Value of(bool v) noexcept {
    Value r = with(Kind::boolean);
    r.b = v;
    return r;
  }
  static Value of_int(std::int64_t v) noexcept {
    Value r = with(Kind::int64);
    r.i = v;
    return r;
  }
  static Value of_uint(std::uint64_t v) noexcept {
    Value r = with(Kind::uint64);
    r.u = v;
    return r;
  }
  static Value of_double(double v) noexcept {
    Value r = with(Kind::float64);
    r.d = v;
    return r;
  }
  static Value of_text(std::string_view v) noexcept { return of_text(Kind::string, v); }
  static Value of_text(Kind kind, std::string_view v) noexcept {
    Value r = with(kind);
    r.text = v;
    return r;
  }
  /// A timestamp or a duration.
  static Value of_time(Kind kind, std::int64_t nanoseconds) noexcept {
    Value r = with(kind);
    r.i = nanoseconds;
    return r;
  }
  static Value of_map(Holder holder, const void* at) noexcept {
    Value r = with(Kind::map);
    r.holder = holder;
    r.at = at;
    return r;
  }
  static Value of_list(const Value* first, std::size_t count) noexcept {
    Value r = with(Kind::list);
    r.holder = Holder::values;
    r.at = first;
    r.u = count;
    return r;
  }
  static Value of(const MetadataValue& v) noexcept;

 private:
  static Value with(Kind k) noexcept {
    Value r;
    r.kind = k;
    return r;
  }
};

/// As CEL compares: numbers by what they are worth, values of other kinds that differ are not equal.
Value equal(const Value& a, const Value& b) noexcept;
/// -1, 0, 1; 2: NaN. False: they have no order.
bool compare(const Value& a, const Value& b, int& order) noexcept;
/// '+', '-', '*', '/', '%' of numbers, times and durations. What does not fit is an error.
Value calculate(char op, const Value& a, const Value& b) noexcept;
Value negate(const Value& v) noexcept;
/// a[b] and a.b; an error when there is no such thing.
Value index(const Value& container, const Value& key);
Value contains(const Value& container, const Value& key);
Value size_of(const Value& v) noexcept;

/// int(v), uint(v), double(v).
Value to_int(const Value& v) noexcept;
Value to_uint(const Value& v) noexcept;
Value to_double(const Value& v) noexcept;
/// "1h30m", "-1.5s", "300ms" and RFC 3339.
Value to_duration(std::string_view text) noexcept;
Value to_timestamp(std::string_view text) noexcept;

}  // namespace outrigger::cel
