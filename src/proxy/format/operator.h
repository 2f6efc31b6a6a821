// One compiled operator of a format: appends its value, or says that there is none.
#pragma once
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include "proxy/format/formatter.h"

namespace outrigger::format {

class Operator {
 public:
  using Append = std::function<bool(const Context&, std::string&)>;
  Operator(Append append, bool number) : append_(std::move(append)), number_(number) {}
  /// `append_json` appends the value as JSON, for one whose type is known only when it is there.
  Operator(Append append, Append append_json) : append_(std::move(append)), append_json_(std::move(append_json)) {}
  explicit Operator(std::string literal) : literal_(std::move(literal)), is_literal_(true) {}
  /// False: no value (nothing was appended).
  bool append(const Context& c, std::string& out) const {
    if (!is_literal_) return append_(c, out);
    out += literal_;
    return true;
  }
  /// Null: the text is a JSON string, or a number.
  const Append* json() const noexcept { return append_json_ ? &append_json_ : nullptr; }
  bool number() const noexcept { return number_; }
  const std::string* literal() const noexcept { return is_literal_ ? &literal_ : nullptr; }

 private:
  Append append_, append_json_;
  std::string literal_;
  bool number_ = false, is_literal_ = false;
};

/// `name(argument):length`; length < 0: none.
Result<Operator> make_operator(std::string_view name, std::string_view argument, bool has_argument, long length);

/// Makes %CEL(text)%, and %TYPED_CEL(text)%, whose value has its type in JSON. Expressions are a folder above this one: what is
/// above both says how, before formats are compiled; as long as nobody did, the operators are refused. Main thread.
using MakeExpression = Result<Operator> (*)(std::string_view text, bool typed, long length);
void set_expressions(MakeExpression make) noexcept;

/// strftime with %f, %1f..%9f, %E3S for digits below the second; UTC, or the machine's time zone.
void append_time(WallTime t, std::string_view format, bool local, std::string& out);

}  // namespace outrigger::format
