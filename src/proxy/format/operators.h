// The families of operators; make_operator (operators.cc) asks one after the other.
#pragma once
#include <optional>
#include "proxy/format/operator.h"

namespace outrigger::format {

/// What stands behind an operator's name.
struct Arguments {
  std::string_view text;  // in the parentheses
  long length = -1;       // < 0: none
  std::string_view cut(std::string_view s) const { return length >= 0 ? s.substr(0, static_cast<std::size_t>(length)) : s; }
};

void append_number(std::uint64_t n, std::string& out);

/// Null: not one of the family. Arguments were checked to be there, or not to be there, by name.
std::optional<Operator> make_stream_operator(std::string_view name);
std::optional<Result<Operator>> make_http_operator(std::string_view name, const Arguments& a);
std::optional<Result<Operator>> make_time_operator(std::string_view name, const Arguments& a);
std::optional<Result<Operator>> make_address_operator(std::string_view name, const Arguments& a);
std::optional<Operator> make_tls_operator(std::string_view name, const Arguments& a);
Result<Operator> make_coalesce(const Arguments& a);

}  // namespace outrigger::format
