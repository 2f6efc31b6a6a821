// A compiled expression: a tree of nodes, made on the main thread; immutable, shared by workers. It has no loops: an
// evaluation takes as many steps as there are nodes, and does not allocate.
#pragma once
#include <memory>
#include <string>
#include <vector>
#include "proxy/cel/attributes.h"
#include "proxy/cel/expression.h"

namespace outrigger::cel {

class Program {
 public:
  struct Node;
  /// Errors: what is not implemented, with its place. `warnings`: what can have no value, as Envoy has it, too.
  static Result<std::shared_ptr<const Program>> compile(const Expression& e, std::vector<std::string>* warnings = nullptr);
  static Result<std::shared_ptr<const Program>> compile(std::string_view text, std::vector<std::string>* warnings = nullptr);
  Program();
  ~Program();
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;
  /// The value refers to this program and to `c`, and is good until the next evaluation on this thread.
  Value evaluate(const format::Context& c) const;
  /// Errors and all that is not true are false.
  bool holds(const format::Context& c) const { return evaluate(c).is_true(); }

 private:
  friend class Compiler;
  std::vector<Node> nodes_;                          // operands follow one another; the last node is the whole
  std::vector<std::unique_ptr<std::string>> texts_;  // of constants
  std::size_t items_ = 0;                            // of all lists
};

}  // namespace outrigger::cel
