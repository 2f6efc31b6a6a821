// What is wrong with a config, collected while it is loaded and compiled so that all of it can be
// told at once. Main thread. Paths are in proto field names, through typed_config payloads:
// "static_resources.listeners[0].filter_chains[0].filters[0].typed_config.stat_prefix".
#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace outrigger::xds {

/// A place in a message, kept on the stack of whoever walks it.
class Path {
 public:
  Path() = default;
  Path(const Path& parent, std::string_view field, int index = -1) : parent_(&parent), field_(field), index_(index) {}
  Path operator/(std::string_view field) const { return {*this, field}; }
  Path at(std::string_view field, int index) const { return {*this, field, index}; }
  const Path& parent() const noexcept { return *parent_; }
  std::string_view field() const noexcept { return field_; }
  std::string text() const {
    std::string s = parent_ != nullptr ? parent_->text() : std::string();
    if (field_.empty()) return s;
    if (!s.empty()) s += '.';
    s += field_;
    if (index_ >= 0) s += '[' + std::to_string(index_) + ']';
    return s;
  }

 private:
  const Path* parent_ = nullptr;  // must outlive this
  std::string_view field_;
  int index_ = -1;
};

enum class Severity : unsigned char { error, warning };

struct Problem {
  Severity severity = Severity::error;
  std::string path;  // dotted, may be empty
  std::string text;  // what is wrong and what was expected
  std::string file;  // filled in by the loader, which knows the source
  int line = 0, column = 0;
};

class Problems {
 public:
  void error(const Path& at, std::string text) { add({Severity::error, at.text(), std::move(text), {}, 0, 0}); }
  void warn(const Path& at, std::string text) { add({Severity::warning, at.text(), std::move(text), {}, 0, 0}); }
  void add(Problem p) {
    errors_ += p.severity == Severity::error;
    list_.push_back(std::move(p));
  }
  bool ok() const noexcept { return errors_ == 0; }
  std::size_t errors() const noexcept { return errors_; }
  std::vector<Problem>& list() noexcept { return list_; }
  const std::vector<Problem>& list() const noexcept { return list_; }

 private:
  std::vector<Problem> list_;
  std::size_t errors_ = 0;
};

}  // namespace outrigger::xds
