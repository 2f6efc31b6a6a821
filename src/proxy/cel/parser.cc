// CEL's grammar by recursive descent, without what cannot be evaluated here: loops, maps and messages are refused by name.
#include <algorithm>
#include <optional>

#include "proxy/base/utf8.h"
#include "proxy/cel/lexer.h"

namespace outrigger::cel {

namespace {

constexpr std::string_view kReserved[] = {"as",  "break", "const",   "continue",  "else",   "for", "function", "if",   "import",
                                          "let", "loop",  "package", "namespace", "return", "var", "void",     "while"};
constexpr std::string_view kLoops[] = {"all", "exists", "exists_one", "map", "filter"};
constexpr std::size_t kBytesMax = 64 * 1024;

bool one_of(std::string_view s, const auto& list) { return std::find(std::begin(list), std::end(list), s) != std::end(list); }

/// Functions return false after a problem, which stands in `problem_`.
class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text), lexer_(text) { advance(); }
  Result<Expression> run() {
    Expression e;
    if (text_.size() > kBytesMax) return invalid("an expression of more than 65536 bytes");
    if (!expression(e)) return invalid(std::move(problem_));
    if (token_.kind != Token::end) {
      fail_here();
      return invalid(std::move(problem_));
    }
    return e;
  }

 private:
  void advance() { token_ = lexer_.next(); }
  bool take(std::string_view symbol) {
    if (!token_.is(symbol)) return false;
    advance();
    return true;
  }
  bool fail(std::uint32_t at, const std::string& what) {
    const auto columns = character_count(text_.substr(0, at));
    if (problem_.empty()) problem_ = "at " + std::to_string(columns + 1) + ": " + what;
    return false;
  }
  bool fail_here() {
    if (token_.kind == Token::end) return fail(token_.at, "the expression ends too early");
    if (token_.kind == Token::wrong) return fail(token_.at, std::string(token_.text));
    return fail(token_.at,
                token_.kind == Token::literal ? "an unexpected literal" : "unexpected '" + std::string(token_.text) + "'");
  }
  bool expect(std::string_view symbol) { return take(symbol) || fail_here(); }
  /// Wraps `e` into a call, as its first argument.
  Expression& into_call(Expression& e, std::string_view name, std::uint32_t at) {
    Expression call;
    call.kind = Expression::call;
    call.name = name;
    call.at = at;
    call.inner.push_back(std::move(e));
    e = std::move(call);
    return e;
  }
  bool count(std::uint32_t at) { return ++nodes_ <= kNodesMax || fail(at, "an expression that is too large"); }

  bool expression(Expression& e) {
    struct Level {
      unsigned& n;
      explicit Level(unsigned& d) : n(d) { ++n; }
      ~Level() { --n; }
    } level(depth_);
    if (depth_ > kDepthMax / 2) return fail(token_.at, "an expression that is nested too deep");
    if (!any_of(e)) return false;
    const auto at = token_.at;
    if (!take("?")) return true;
    auto& call = into_call(e, "_?_:_", at);
    call.inner.resize(3);
    return count(at) && any_of(call.inner[1]) && expect(":") && expression(call.inner[2]);
  }
  bool any_of(Expression& e) { return chain(e, "||", "_||_", &Parser::all_of); }
  bool all_of(Expression& e) { return chain(e, "&&", "_&&_", &Parser::relation); }
  /// All operands of such a chain belong to one call.
  bool chain(Expression& e, std::string_view symbol, std::string_view name, bool (Parser::*operand)(Expression&)) {
    if (!(this->*operand)(e)) return false;
    if (!token_.is(symbol)) return true;
    auto& call = into_call(e, name, token_.at);
    while (take(symbol)) {
      if (!count(token_.at) || !(this->*operand)(call.inner.emplace_back())) return false;
    }
    return true;
  }
  /// The operators of one rank, from left to right; `name_of`: empty when it is none of them.
  bool left_to_right(Expression& e, std::string_view (*name_of)(const Token&), bool (Parser::*operand)(Expression&)) {
    if (!(this->*operand)(e)) return false;
    unsigned steps = 0;
    for (auto name = name_of(token_); !name.empty(); name = name_of(token_)) {
      const auto at = token_.at;
      if (++steps > kDepthMax / 2) return fail(at, "a chain of operators that is too long");
      advance();
      auto& call = into_call(e, name, at);
      if (!count(at) || !(this->*operand)(call.inner.emplace_back())) return false;
    }
    return true;
  }
  bool relation(Expression& e) {
    return left_to_right(
        e,
        [](const Token& t) -> std::string_view {
          if (t.kind == Token::word && t.text == "in") return "@in";
          if (t.is("==")) return "_==_";
          if (t.is("!=")) return "_!=_";
          if (t.is("<")) return "_<_";
          if (t.is("<=")) return "_<=_";
          if (t.is(">")) return "_>_";
          return t.is(">=") ? "_>=_" : "";
        },
        &Parser::sum);
  }
  bool sum(Expression& e) {
    return left_to_right(
        e, [](const Token& t) -> std::string_view { return t.is("+")   ? "_+_"
                                                           : t.is("-") ? "_-_"
                                                                       : ""; }, &Parser::product);
  }
  bool product(Expression& e) {
    return left_to_right(
        e, [](const Token& t) -> std::string_view { return t.is("*")   ? "_*_"
                                                           : t.is("/") ? "_/_"
                                                           : t.is("%") ? "_%_"
                                                                       : ""; },
        &Parser::unary);
  }
  bool unary(Expression& e) {
    const auto at = token_.at;
    const bool no = token_.is("!"), minus = token_.is("-");
    if (!no && !minus) return member(e);
    unsigned times = 0;
    while (take(no ? "!" : "-")) ++times;
    bool signed_literal = minus && token_.kind == Token::literal && token_.value.kind != Constant::string &&
                          token_.value.kind != Constant::bytes && token_.value.kind != Constant::uint64;
    if (signed_literal) --times;
    if (no && token_.is("-")) {
      advance();
      signed_literal = token_.kind == Token::literal;
      if (!signed_literal) return fail_here();
    }
    if (times > kDepthMax / 2) return fail(at, "an expression that is nested too deep");
    if (!member(e, signed_literal)) return false;
    for (; times > 0; --times) {
      if (!count(at)) return false;
      into_call(e, no ? "!_" : "-_", at);
    }
    return true;
  }
  bool member(Expression& e, bool negative = false) {
    if (!primary(e, negative)) return false;
    for (unsigned steps = 0;; ++steps) {
      const auto at = token_.at;
      if (steps > kDepthMax / 2) return fail(at, "an expression that is nested too deep");
      if (take(".")) {
        if (!select(e, at)) return false;
      } else if (take("[")) {
        auto& call = into_call(e, "_[_]", at);
        if (!count(at) || !expression(call.inner.emplace_back()) || !expect("]")) return false;
      } else {
        return true;
      }
    }
  }
  bool select(Expression& e, std::uint32_t at) {
    if (token_.kind != Token::word || token_.text == "in") return fail_here();
    const std::string name(token_.text);
    at = token_.at;
    advance();
    if (!count(at)) return false;
    if (token_.is("{")) return fail(at, "messages are not implemented");
    if (take("(")) {
      auto& call = into_call(e, name, at);
      call.has_target = true;
      if (!arguments(call, ")")) return false;
      if (call.inner.size() == 3 && one_of(name, kLoops))
        return fail(at, "'" + name + "' is a loop, which Envoy does not allow either");
      return true;
    }
    into_call(e, name, at);
    e.kind = Expression::select;
    return true;
  }
  /// Up to `close`.
  bool arguments(Expression& call, std::string_view close) {
    if (take(close)) return true;
    do {
      if (close == "]" && token_.is("]")) break;  // [1, 2,]
      if (!count(token_.at) || !expression(call.inner.emplace_back())) return false;
    } while (take(","));
    return expect(close);
  }
  bool primary(Expression& e, bool negative) {
    e.at = token_.at;
    if (token_.kind == Token::literal) return literal(e, negative);
    if (take("(")) return expression(e) && expect(")");
    if (take("[")) {
      e.kind = Expression::list;
      return arguments(e, "]");
    }
    if (token_.is("{")) return fail(token_.at, "maps are not implemented");
    take(".");  // .name is a name of the outermost scope: there is no other
    if (token_.kind != Token::word || token_.text == "in") return fail_here();
    return word(e);
  }
  bool literal(Expression& e, bool negative) {
    e.value = std::move(token_.value);
    auto& v = e.value;
    if (v.kind == Constant::int64) {
      constexpr auto kTop = std::uint64_t{1} << 63;
      if (v.u > kTop || (v.u == kTop && !negative)) return fail(e.at, "a number that does not fit");
      v.i = static_cast<std::int64_t>(negative ? ~v.u + 1 : v.u);
    } else if (negative) {
      v.d = -v.d;
    }
    advance();
    return true;
  }
  bool word(Expression& e) {
    const std::string name(token_.text);
    advance();
    if (name == "true" || name == "false") {
      e.value.kind = Constant::boolean;
      e.value.b = name == "true";
      return true;
    }
    if (name == "null") return true;
    if (one_of(name, kReserved)) return fail(e.at, "'" + name + "' is a reserved word");
    e.name = name;
    e.kind = Expression::identifier;
    if (token_.is("{")) return fail(e.at, "messages are not implemented");
    if (!take("(")) return true;
    e.kind = Expression::call;
    if (!arguments(e, ")")) return false;
    return name != "has" || has(e);
  }
  /// has(a.b): the select itself, which then asks.
  bool has(Expression& e) {
    if (e.inner.size() != 1 || e.inner[0].kind != Expression::select || e.inner[0].test_only)
      return fail(e.at, "has() argument must be a field selection");
    Expression inner = std::move(e.inner[0]);
    inner.test_only = true;
    e = std::move(inner);
    return true;
  }

  std::string_view text_;
  Lexer lexer_;
  Token token_;
  std::string problem_;
  unsigned depth_ = 0;
  std::size_t nodes_ = 0;
};

}  // namespace

Result<Expression> parse(std::string_view text) { return Parser(text).run(); }

}  // namespace outrigger::cel
