// Writes JSON as Envoy's admin prints it: one space per level, one member per line.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace outrigger::server {

class JsonWriter {
 public:
  void begin_object(std::string_view name = {}) { begin(name, '{'); }
  void begin_list(std::string_view name = {}) { begin(name, '['); }
  void end();
  /// As end(), of a list that is left out when it is empty.
  void end_unless_empty();
  void text(std::string_view name, std::string_view value);
  void number(std::string_view name, std::uint64_t value) { raw(name, std::to_string(value)); }
  void boolean(std::string_view name, bool value) { raw(name, value ? "true" : "false"); }
  /// A value that is JSON already.
  void raw(std::string_view name, std::string_view value);
  /// With the line end of a page.
  std::string take() { return std::move(out_) + "\n"; }

 private:
  void begin(std::string_view name, char open);
  /// With its name, which in a list there is none of.
  void member(std::string_view name);
  struct Level {
    char close;
    std::size_t start;  // where its member begins
    bool first;         // it would be the first of the level around it
    bool empty = true;
  };
  std::vector<Level> levels_;
  std::string out_;
};

}  // namespace outrigger::server
