// Query parameters by their decoded names. Pure; what has to be made is in the arena.
#pragma once
#include <cstdint>
#include <string_view>
#include "proxy/base/arena.h"

namespace outrigger::route {

/// The first value of a parameter, decoded; null data when absent.
std::string_view decoded_query_value(std::string_view path, std::string_view name, Arena& arena);
/// The path without that parameter; the others are as they were.
std::string_view without_query_parameter(std::string_view path, std::string_view name, Arena& arena);

/// A query that is changed as Envoy changes it: it is decoded, and put together anew with its parameters in the order of their
/// names, what came with the request decoded and what was added encoded. What would end the path is encoded in both.
class QueryParameters {
 public:
  /// `more_max`: how many are added at most. `path` must live as long.
  QueryParameters(std::string_view path, std::size_t more_max, Arena& arena);
  bool has(std::string_view key) const noexcept;
  void add(std::string_view key, std::string_view value);
  /// All of that name become one.
  void overwrite(std::string_view key, std::string_view value) {
    remove(key);
    add(key, value);
  }
  void remove(std::string_view key) noexcept;
  /// In the arena.
  std::string_view path();

 private:
  struct Parameter {
    std::string_view key, value;
    std::uint32_t order;
    bool encode;
  };
  Arena& arena_;
  std::string_view path_;  // without the query
  Parameter* all_ = nullptr;
  std::size_t count_ = 0;
  std::uint32_t next_order_ = 0;
};

}  // namespace outrigger::route
