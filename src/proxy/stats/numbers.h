// How Envoy prints numbers on its stats pages: three ways, all kept.
#pragma once
#include <cstdint>
#include <string>

namespace outrigger::stats {

void append_number(std::string& out, std::uint64_t value);
/// Shortest text that reads back the same, with an exponent only below 1e-4 and from 1e16.
void append_double(std::string& out, double value);
/// Shortest text that reads back the same, whichever form is shorter: in JSON, null unless finite.
void append_json_double(std::string& out, double value);
/// As printf's %.<precision>g.
void append_general(std::string& out, double value, int precision = 6);

}  // namespace outrigger::stats
