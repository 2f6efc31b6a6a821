// Substitution format strings (%REQ(x)%, %START_TIME%, ...), compiled once on the main thread and
// run on workers by access logs, header mutation and local replies. Immutable; shared.
#pragma once
#include <memory>
#include <string>
#include <string_view>
#include <vector>
#include "proxy/base/result.h"
#include "proxy/http/message.h"
#include "proxy/http/stream_info.h"

namespace outrigger::format {

/// What an operator may read. Null where there is none (e.g. no response yet).
struct Context {
  const http::StreamInfo* info = nullptr;
  const http::RequestHead* request = nullptr;
  const http::ResponseHead* response = nullptr;
  const http::HeaderMap* response_trailers = nullptr;
  std::string_view log_type = "NotSet";  // %ACCESS_LOG_TYPE%
};

enum class Missing : unsigned char {
  dash,   // "-", as text access logs print
  empty,  // "", as header values and omit_empty_values print
};

class Operator;

struct FormatOptions {
  bool omit_empty_values = false;
  bool req_without_query = false;  // the formatter of that name was configured: its operator is known
};

/// A compiled text format.
class TextFormat {
 public:
  /// Errors name the bad operator and its offset.
  static Result<TextFormat> compile(std::string_view format, const FormatOptions& o = {});
  void append(const Context& c, Missing missing, std::string& out) const;
  /// Set when the format is one plain literal: then append() adds just this.
  const std::string* literal() const noexcept;
  /// Reads only what is known before a response (lets callers cache)?
  bool empty() const noexcept { return parts_.empty(); }
  /// Operators and the texts between them.
  std::size_t parts() const noexcept { return parts_.size(); }

 private:
  std::vector<std::shared_ptr<const Operator>> parts_;
  bool omit_empty_ = false;
};

/// A JSON format: fields in sorted order, typed values, one line with "\n" at the end.
class JsonFormat {
 public:
  struct Node;  // object, list, or operator string; built by the compile layer from a Struct
  struct Value {
    enum Kind { null, boolean, number, string, object, list } kind = null;
    bool b = false;
    double n = 0;
    std::string s;
    std::vector<std::pair<std::string, Value>> fields;
    std::vector<Value> items;
  };
  static Result<JsonFormat> compile(const Value& object, const FormatOptions& o = {});
  void append(const Context& c, std::string& out) const;

 private:
  std::shared_ptr<const Node> root_;
};

/// Envoy's default access log line.
extern const std::string_view kDefaultFormat;

}  // namespace outrigger::format
