#include "proxy/cel/program.h"

#include <re2/re2.h>
#include <algorithm>
#include <optional>

namespace outrigger::cel {

enum class Op : std::uint8_t {
  constant,
  attribute,
  index,  // a[b], a.b
  has,    // of a map
  has_attribute,
  has_content,
  any_of,
  all_of,
  negation,
  minus,
  choice,
  equal,
  not_equal,
  less,
  less_equal,
  greater,
  greater_equal,
  arithmetic,
  in,
  list,
  size,
  starts_with,
  ends_with,
  contains,
  matches,
  to_int,
  to_uint,
  to_double,
  same,  // dyn(v)
  duration,
  timestamp,
  nothing  // a name that has no value
};

struct Program::Node {
  Op op = Op::nothing;
  char sign = 0;  // of arithmetic
  std::vector<std::uint32_t> operands;
  std::uint32_t item_at = 0;  // of a list: its place among the items of all lists
  Value value;
  Attribute attribute = nullptr;
  std::shared_ptr<const re2::RE2> pattern;
};

namespace {

struct Function {
  std::string_view name;
  std::size_t arguments;
  Op op;
  char sign = 0;
};
constexpr Function kFunctions[] = {{"!_", 1, Op::negation},
                                   {"-_", 1, Op::minus},
                                   {"_?_:_", 3, Op::choice},
                                   {"_==_", 2, Op::equal},
                                   {"_!=_", 2, Op::not_equal},
                                   {"_<_", 2, Op::less},
                                   {"_<=_", 2, Op::less_equal},
                                   {"_>_", 2, Op::greater},
                                   {"_>=_", 2, Op::greater_equal},
                                   {"_+_", 2, Op::arithmetic, '+'},
                                   {"_-_", 2, Op::arithmetic, '-'},
                                   {"_*_", 2, Op::arithmetic, '*'},
                                   {"_/_", 2, Op::arithmetic, '/'},
                                   {"_%_", 2, Op::arithmetic, '%'},
                                   {"@in", 2, Op::in},
                                   {"_in_", 2, Op::in},
                                   {"in", 2, Op::in},
                                   {"size", 1, Op::size},
                                   {"startsWith", 2, Op::starts_with},
                                   {"endsWith", 2, Op::ends_with},
                                   {"contains", 2, Op::contains},
                                   {"matches", 2, Op::matches},
                                   {"int", 1, Op::to_int},
                                   {"uint", 1, Op::to_uint},
                                   {"double", 1, Op::to_double},
                                   {"dyn", 1, Op::same},
                                   {"duration", 1, Op::duration},
                                   {"timestamp", 1, Op::timestamp}};
constexpr std::string_view kMembers[] = {"size", "startsWith", "endsWith", "contains", "matches"};
constexpr int kPatternMax = 100;  // what a pattern may become: Envoy's bound for expressions

const Function* find_function(const Expression& e) {
  if (e.has_target && std::find(std::begin(kMembers), std::end(kMembers), e.name) == std::end(kMembers)) return nullptr;
  for (const auto& f : kFunctions)
    if (f.name == e.name) return &f;
  return nullptr;
}

Value to_value(const Constant& c, std::string_view text) {
  switch (c.kind) {
    case Constant::null: return Value::of_null();
    case Constant::boolean: return Value::of(c.b);
    case Constant::int64: return Value::of_int(c.i);
    case Constant::uint64: return Value::of_uint(c.u);
    case Constant::float64: return Value::of_double(c.d);
    case Constant::string: return Value::of_text(text);
    case Constant::bytes: return Value::of_text(Kind::bytes, text);
  }
  return {};
}

}  // namespace

/// Functions give the number of a node; none after a problem.
class Compiler {
 public:
  using Made = std::optional<std::uint32_t>;
  Compiler(Program& p, std::vector<std::string>* warnings) : p_(p), warnings_(warnings) {}
  Made make(const Expression& e) {
    if (++depth_ > kDepthMax) return fail(e, "an expression that is nested too deep");
    if (p_.nodes_.size() >= kNodesMax) return fail(e, "an expression that is too large");
    const Made m = make_kind(e);
    --depth_;
    return m;
  }
  std::string problem;

 private:
  using Node = Program::Node;
  Made fail(const Expression& e, const std::string& what) {
    if (problem.empty()) problem = "at " + std::to_string(e.at + 1) + ": " + what;
    return {};
  }
  Made add(Node n) {
    p_.nodes_.push_back(std::move(n));
    return static_cast<std::uint32_t>(p_.nodes_.size() - 1);
  }
  Made nothing(const Expression& e, const std::string& name) {
    if (warnings_ != nullptr)
      warnings_->push_back("at " + std::to_string(e.at + 1) + ": there is no '" + name + "': what needs it is never true");
    return add({});
  }
  bool operands(const Expression& e, Node& n) {
    for (const auto& i : e.inner) {
      const Made m = make(i);
      if (!m) return false;
      n.operands.push_back(*m);
    }
    return true;
  }
  Made make_kind(const Expression& e) {
    switch (e.kind) {
      case Expression::constant: return constant(e.value);
      case Expression::identifier: return variable(e);
      case Expression::select: return select(e);
      case Expression::list: return list(e);
      case Expression::call: break;
    }
    return e.name == "_[_]" ? index(e) : call(e);
  }
  Made constant(const Constant& c) {
    Node n;
    n.op = Op::constant;
    p_.texts_.push_back(std::make_unique<std::string>(c.text));
    n.value = to_value(c, *p_.texts_.back());
    return add(std::move(n));
  }
  Made variable(const Expression& e) {
    if (const auto a = find_variable(e.name)) return attribute(a, Op::attribute);
    if (is_group(e.name)) return fail(e, "'" + e.name + "' is implemented only with one of its fields behind it");
    if (is_missing_here(e.name, "")) return fail(e, "'" + e.name + "' is known to Envoy and not implemented");
    return nothing(e, e.name);
  }
  Made attribute(Attribute a, Op op) {
    Node n;
    n.op = op;
    n.attribute = a;
    return add(std::move(n));
  }
  /// group.field
  Made of_group(const Expression& e, const std::string& group, const std::string& field, Op op) {
    if (const auto a = find_attribute(group, field)) return attribute(a, op);
    if (is_missing_here(group, field)) return fail(e, "'" + group + "." + field + "' is known to Envoy and not implemented");
    if (op == Op::attribute || op == Op::has_content) return nothing(e, group + "." + field);
    Constant no;
    no.kind = Constant::boolean;
    return constant(no);
  }
  static const std::string* group_of(const Expression& e) {
    return e.kind == Expression::identifier && is_group(e.name) ? &e.name : nullptr;
  }
  Made select(const Expression& e) {
    if (e.inner.size() != 1) return fail(e, "a select of nothing");
    if (const auto* group = group_of(e.inner[0])) {
      // Metadata is a message: of an empty field it says that it has none.
      const auto op = !e.test_only ? Op::attribute : *group == "metadata" ? Op::has_content : Op::has_attribute;
      return of_group(e, *group, e.name, op);
    }
    Node n;
    n.op = e.test_only ? Op::has : Op::index;
    if (!operands(e, n)) return {};
    Constant name;
    name.kind = Constant::string;
    name.text = e.name;
    n.operands.push_back(*constant(name));
    return add(std::move(n));
  }
  Made index(const Expression& e) {
    if (e.inner.size() != 2) return fail(e, "an index of nothing");
    if (const auto* group = group_of(e.inner[0])) {
      const auto& key = e.inner[1];
      if (key.kind != Expression::constant || key.value.kind != Constant::string)
        return fail(key, "'" + *group + "' with a name that is worked out is not implemented");
      if (*group == "metadata") return nothing(e, "metadata[...]");  // a message has no such
      return of_group(e, *group, key.value.text, Op::attribute);
    }
    Node n;
    n.op = Op::index;
    if (!operands(e, n)) return {};
    return add(std::move(n));
  }
  Made list(const Expression& e) {
    Node n;
    n.op = Op::list;
    if (!operands(e, n)) return {};
    n.item_at = static_cast<std::uint32_t>(p_.items_);
    p_.items_ += n.operands.size();
    return add(std::move(n));
  }
  Made call(const Expression& e) {
    Node n;
    if (e.name == "_||_" || e.name == "_&&_") {
      n.op = e.name == "_||_" ? Op::any_of : Op::all_of;
      if (e.inner.empty()) return fail(e, "an operator without operands");
    } else {
      const auto* f = find_function(e);
      if (f == nullptr) return fail(e, "'" + e.name + "' is not implemented");
      if (f->arguments != e.inner.size())
        return fail(e, "'" + e.name + "' with " + std::to_string(e.inner.size()) + " arguments");
      n.op = f->op;
      n.sign = f->sign;
    }
    if (n.op == Op::size && has_unknown_size(e.inner[0])) return fail(e, "the size of that is not implemented");
    if (n.op == Op::matches && !pattern(e.inner[1], n)) return {};
    if (!operands(e, n)) return {};
    return add(std::move(n));
  }
  /// metadata.filter_metadata, filter_state
  static bool has_unknown_size(const Expression& e) {
    if (e.kind == Expression::select) return !e.inner.empty() && group_of(e.inner[0]) != nullptr && e.inner[0].name == "metadata";
    return e.kind == Expression::identifier && e.name == "filter_state";
  }
  bool pattern(const Expression& e, Node& n) {
    if (e.kind != Expression::constant || e.value.kind != Constant::string)
      return fail(e, "matches() with a pattern that is worked out is not implemented"), false;
    auto re = std::make_shared<re2::RE2>(e.value.text, re2::RE2::Quiet);
    if (!re->ok()) return fail(e, "invalid regular expression: " + re->error()), false;
    if (re->ProgramSize() > kPatternMax) return fail(e, "regular expression exceeds max allowed size"), false;
    n.pattern = std::move(re);
    return true;
  }

  Program& p_;
  std::vector<std::string>* warnings_;
  unsigned depth_ = 0;
};

Program::Program() = default;
Program::~Program() = default;

Result<std::shared_ptr<const Program>> Program::compile(const Expression& e, std::vector<std::string>* warnings) {
  auto p = std::make_shared<Program>();
  Compiler c(*p, warnings);
  if (!c.make(e)) return invalid(std::move(c.problem));
  return std::shared_ptr<const Program>(std::move(p));
}

Result<std::shared_ptr<const Program>> Program::compile(std::string_view text, std::vector<std::string>* warnings) {
  const auto e = parse(text);
  if (!e) return e.error();
  return compile(*e, warnings);
}

namespace {

/// One evaluation. Deep as the tree, which is bounded.
struct Run {
  const std::vector<Program::Node>& nodes;
  const format::Context& context;
  Value* items;

  Value of(std::uint32_t n) const { return of(nodes[n]); }
  Value operand(const Program::Node& n, std::size_t i) const { return of(n.operands[i]); }
  Value of(const Program::Node& n) const {
    switch (n.op) {
      case Op::constant: return n.value;
      case Op::attribute: return n.attribute(context);
      case Op::has_attribute: return Value::of(!n.attribute(context).is_error());
      case Op::has_content: {
        const Value v = n.attribute(context);
        return Value::of(v.at != nullptr && !static_cast<const Metadata*>(v.at)->empty());
      }
      case Op::any_of: return chain(n, true);
      case Op::all_of: return chain(n, false);
      case Op::choice: {
        const Value which = operand(n, 0);
        return which.kind == Kind::boolean ? operand(n, which.b ? 1 : 2) : Value{};
      }
      case Op::list: return list(n);
      case Op::nothing: return {};
      default: return n.operands.size() == 1 ? unary(n.op, operand(n, 0)) : binary(n, operand(n, 0), operand(n, 1));
    }
  }
  /// Whatever the others are, one operand that is `decisive` decides.
  Value chain(const Program::Node& n, bool decisive) const {
    Value result = Value::of(!decisive);
    for (const auto o : n.operands) {
      const Value v = of(o);
      if (v.kind == Kind::boolean && v.b == decisive) return v;
      if (v.kind != Kind::boolean) result = Value{};
    }
    return result;
  }
  Value list(const Program::Node& n) const {
    Value* const first = items + n.item_at;
    for (std::size_t i = 0; i < n.operands.size(); ++i) {
      first[i] = operand(n, i);
      if (first[i].is_error()) return {};
    }
    return Value::of_list(first, n.operands.size());
  }
  static Value unary(Op op, const Value& v) {
    if (v.is_error()) return {};
    switch (op) {
      case Op::negation: return v.kind == Kind::boolean ? Value::of(!v.b) : Value{};
      case Op::minus: return negate(v);
      case Op::size: return size_of(v);
      case Op::to_int: return to_int(v);
      case Op::to_uint: return to_uint(v);
      case Op::to_double: return to_double(v);
      case Op::duration: return v.kind == Kind::string ? to_duration(v.text) : v.kind == Kind::duration ? v : Value{};
      case Op::timestamp: return v.kind == Kind::string ? to_timestamp(v.text) : v.kind == Kind::timestamp ? v : Value{};
      case Op::same: return v;
      default: return {};
    }
  }
  static Value order(Op op, const Value& a, const Value& b) {
    int o = 0;
    if (!compare(a, b, o)) return {};
    switch (op) {
      case Op::less: return Value::of(o == -1);
      case Op::less_equal: return Value::of(o == -1 || o == 0);
      case Op::greater: return Value::of(o == 1);
      default: return Value::of(o == 1 || o == 0);
    }
  }
  static Value texts(const Program::Node& n, const Value& a, const Value& b) {
    if (a.kind != Kind::string || b.kind != Kind::string) return {};
    switch (n.op) {
      case Op::starts_with: return Value::of(a.text.starts_with(b.text));
      case Op::ends_with: return Value::of(a.text.ends_with(b.text));
      case Op::contains: return Value::of(a.text.find(b.text) != std::string_view::npos);
      default: return Value::of(re2::RE2::PartialMatch(re2::StringPiece(a.text.data(), a.text.size()), *n.pattern));
    }
  }
  static Value binary(const Program::Node& n, const Value& a, const Value& b) {
    if (a.is_error() || b.is_error()) return {};
    switch (n.op) {
      case Op::equal: return equal(a, b);
      case Op::not_equal: {
        const Value same = equal(a, b);
        return same.is_error() ? same : Value::of(!same.b);
      }
      case Op::less:
      case Op::less_equal:
      case Op::greater:
      case Op::greater_equal: return order(n.op, a, b);
      case Op::arithmetic: return calculate(n.sign, a, b);
      case Op::index: return index(a, b);
      case Op::has: return a.kind == Kind::map ? contains(a, b) : Value{};
      case Op::in: return contains(b, a);
      default: return texts(n, a, b);
    }
  }
};

}  // namespace

Value Program::evaluate(const format::Context& c) const {
  thread_local std::vector<Value> items;  // keeps its capacity
  if (items.size() < items_) items.resize(items_);
  begin_evaluation();
  return Run{nodes_, c, items.data()}.of(nodes_.back());
}

}  // namespace outrigger::cel
