// An expression of the Common Expression Language as a tree: made by the parser from text, or by the compile layer
// from its protobuf form; given to Program::compile. Main thread.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>
#include "proxy/base/result.h"

namespace outrigger::cel {

inline constexpr unsigned kDepthMax = 100;      // of a tree
inline constexpr std::size_t kNodesMax = 4096;  // in a tree

struct Constant {
  enum Kind : std::uint8_t { null, boolean, int64, uint64, float64, string, bytes } kind = null;
  bool b = false;
  std::int64_t i = 0;
  std::uint64_t u = 0;
  double d = 0;
  std::string text;
};

/// Operators are calls by their names in CEL: "_||_" and "_&&_" (of two or more), "!_", "-_", "_?_:_", "_+_", "_[_]", "@in", ...
struct Expression {
  enum Kind : std::uint8_t { constant, identifier, select, call, list } kind = constant;
  bool test_only = false;   // has(a.b)
  bool has_target = false;  // a.f(b): the target is the first of `inner`
  std::uint32_t at = 0;     // where it begins in the text
  Constant value;
  std::string name;               // of an identifier, field or function
  std::vector<Expression> inner;  // operand, arguments, items
};

/// Errors name the place: "at 12: ...", counted in characters from 1.
Result<Expression> parse(std::string_view text);

}  // namespace outrigger::cel
