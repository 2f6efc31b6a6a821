// Lines of the event logs of outlier detection and of health checks. Main thread.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include "proxy/base/json_text.h"

namespace outrigger::upstream {

/// A JSON object of one line, member by member.
class EventLine {
 public:
  void key(std::string_view name) {
    if (out_.back() != '{') out_ += ',';
    ((out_ += '"') += name) += "\":";
  }
  void text(std::string_view name, std::string_view value) {
    key(name);
    append_protobuf_string(value, out_);
  }
  void raw(std::string_view name, std::string_view value) {
    key(name);
    out_ += value;
  }
  void number(std::string_view name, double value) {  // as Envoy's events have it, without its fraction
    raw(name, std::to_string(value > 0 ? static_cast<std::uint32_t>(value) : 0));
  }
  void begin(std::string_view name) {
    key(name);
    out_ += '{';
  }
  void end() { out_ += '}'; }
  std::string take() { return std::move(out_) + "\n"; }

 private:
  std::string out_ = "{";
};

}  // namespace outrigger::upstream
