#include "xds/compile/expression.h"

namespace outrigger::xds {

namespace expr_v1 = google::api::expr::v1alpha1;
using cel::Constant;
using cel::Expression;
using P = expr_v1::Expr;

namespace {

/// Of one expression; it stops at what is wrong first.
class Converter {
 public:
  std::string problem;

  Expression of(const P& p) {
    Expression e;
    e.at = p.id() > 0 && p.id() <= UINT32_MAX ? static_cast<std::uint32_t>(p.id() - 1) : 0;
    if (++depth_ > cel::kDepthMax) return fail(e, "an expression that is nested too deep");
    switch (p.expr_kind_case()) {
      case P::kConstExpr: constant(p.const_expr(), e); break;
      case P::kIdentExpr:
        e.kind = Expression::identifier;
        e.name = p.ident_expr().name();
        break;
      case P::kSelectExpr:
        e.kind = Expression::select;
        e.name = p.select_expr().field();
        e.test_only = p.select_expr().test_only();
        e.inner.push_back(of(p.select_expr().operand()));
        break;
      case P::kCallExpr: call(p.call_expr(), e); break;
      case P::kListExpr:
        e.kind = Expression::list;
        if (p.list_expr().optional_indices_size() != 0) return fail(e, "a list with optional elements is not implemented");
        for (const auto& i : p.list_expr().elements()) e.inner.push_back(of(i));
        break;
      case P::kStructExpr: return fail(e, "maps and messages are not implemented");
      case P::kComprehensionExpr: return fail(e, "a loop (comprehension), which Envoy does not allow either");
      case P::EXPR_KIND_NOT_SET: return fail(e, "Invalid empty expression");
    }
    --depth_;
    return e;
  }

 private:
  Expression& fail(Expression& e, std::string_view why) {
    if (problem.empty()) problem = "at " + std::to_string(e.at + 1) + ": " + std::string(why);
    return e;
  }
  void call(const P::Call& p, Expression& e) {
    e.kind = Expression::call;
    e.name = p.function();
    e.has_target = p.has_target();
    if (p.has_target()) e.inner.push_back(of(p.target()));
    for (const auto& a : p.args()) e.inner.push_back(of(a));
  }
  void constant(const expr_v1::Constant& p, Expression& e) {
    using C = expr_v1::Constant;
    e.kind = Expression::constant;
    Constant& v = e.value;
    switch (p.constant_kind_case()) {
      case C::kNullValue: v.kind = Constant::null; break;
      case C::kBoolValue: v.kind = Constant::boolean, v.b = p.bool_value(); break;
      case C::kInt64Value: v.kind = Constant::int64, v.i = p.int64_value(); break;
      case C::kUint64Value: v.kind = Constant::uint64, v.u = p.uint64_value(); break;
      case C::kDoubleValue: v.kind = Constant::float64, v.d = p.double_value(); break;
      case C::kStringValue: v.kind = Constant::string, v.text = p.string_value(); break;
      case C::kBytesValue: v.kind = Constant::bytes, v.text = p.bytes_value(); break;
      case C::kDurationValue:
      case C::kTimestampValue: fail(e, "a constant duration or timestamp is not implemented: duration('1s') is"); break;
      case C::CONSTANT_KIND_NOT_SET: fail(e, "a constant without a value"); break;
    }
  }
  unsigned depth_ = 0;
};

/// The messages of both packages are the same on the wire.
template <class To, class From>
To same(const From& from) {
  To to;
  to.ParseFromString(from.SerializeAsString());
  return to;
}

}  // namespace

ExpressionPtr compile_expression(const P& p, const Path& at, Problems& problems) {
  Converter c;
  const Expression e = c.of(p);
  if (!c.problem.empty()) {
    problems.error(at, "failed to create an expression: " + c.problem);
    return nullptr;
  }
  std::vector<std::string> warnings;
  auto program = cel::Program::compile(e, &warnings);
  for (const auto& w : warnings) problems.warn(at, w);
  if (program) return std::move(*program);
  problems.error(at, "failed to create an expression: " + program.error().detail);
  return nullptr;
}

ExpressionPtr compile_expression(const expr_v1::CheckedExpr& p, const Path& at, Problems& problems) {
  for (const auto& [id, reference] : p.reference_map())
    if (reference.has_value()) {
      problems.error(at / "reference_map", "names of constants (enums) are not implemented: '" + reference.name() + "'");
      return nullptr;
    }
  return compile_expression(p.expr(), at / "expr", problems);
}

ExpressionPtr compile_expression(const ::xds::type::v3::CelExpression& p, const Path& at, Problems& problems) {
  using C = ::xds::type::v3::CelExpression;
  if (p.has_cel_expr_checked())
    return compile_expression(same<expr_v1::CheckedExpr>(p.cel_expr_checked()), at / "cel_expr_checked", problems);
  if (p.has_cel_expr_parsed()) return compile_expression(same<P>(p.cel_expr_parsed().expr()), at / "cel_expr_parsed", problems);
  switch (p.expr_specifier_case()) {
    case C::kParsedExpr: return compile_expression(p.parsed_expr().expr(), at / "parsed_expr", problems);
    case C::kCheckedExpr: return compile_expression(p.checked_expr(), at / "checked_expr", problems);
    case C::EXPR_SPECIFIER_NOT_SET: break;
  }
  problems.error(at, "failed to create an expression: CEL expression not set.");
  return nullptr;
}

}  // namespace outrigger::xds
