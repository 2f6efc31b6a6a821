// Extensions that are taken and do not do their work yet: told once in the log, listed by /config_dump. Main thread; owned by
// what compiles, for as long as the process lives.
#pragma once
#include <map>
#include <string>
#include <string_view>

namespace outrigger::xds {

class NotActive {
 public:
  struct Extension {
    std::string type, lacks;  // what of it is not there
  };
  void add(const std::string& name, std::string_view type, std::string_view lacks);
  /// By the name that the config gives them.
  const std::map<std::string, Extension>& all() const noexcept { return all_; }

 private:
  std::map<std::string, Extension> all_;
};

}  // namespace outrigger::xds
