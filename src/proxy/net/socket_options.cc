#include "proxy/net/socket_options.h"

#include <sys/socket.h>

namespace outrigger::net {

bool set_options(int fd, int family, std::span<const RawOption> options, RawOption::Moment moment) noexcept {
  for (const auto& o : options) {
    if (o.moment != moment || (o.family != 0 && o.family != family)) continue;
    if (::setsockopt(fd, o.level, o.name, o.value.data(), static_cast<socklen_t>(o.value.size())) != 0) return false;
  }
  return true;
}

}  // namespace outrigger::net
