// Expressions (CEL) in their protobuf form: parsed by whoever wrote the config. Main thread.
#pragma once
#include <memory>
#include "google/api/expr/v1alpha1/checked.pb.h"
#include "google/api/expr/v1alpha1/syntax.pb.h"
#include "proxy/cel/program.h"
#include "xds/problems.h"
#include "xds/type/v3/cel.pb.h"

namespace outrigger::xds {

using ExpressionPtr = std::shared_ptr<const cel::Program>;

/// Null when it is wrong or asks for what is not implemented, which has then been told; "at 5" is the node with the id 5.
ExpressionPtr compile_expression(const google::api::expr::v1alpha1::Expr& p, const Path& at, Problems& problems);
/// What it knows of types is not looked at, as values have theirs when they are evaluated.
ExpressionPtr compile_expression(const google::api::expr::v1alpha1::CheckedExpr& p, const Path& at, Problems& problems);
ExpressionPtr compile_expression(const ::xds::type::v3::CelExpression& p, const Path& at, Problems& problems);

}  // namespace outrigger::xds
