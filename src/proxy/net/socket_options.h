// Raw socket options of a config, and when each is set. Plain data; any thread.
#pragma once
#include <cstdint>
#include <span>
#include <string>

namespace outrigger::net {

struct RawOption {
  enum class Moment : std::uint8_t { before_bind, after_bind, listening };
  int level = 0, name = 0;
  std::string value;
  Moment moment = Moment::before_bind;
  int family = 0;  // AF_INET or AF_INET6: sockets of this family only
  bool operator==(const RawOption&) const = default;
};

/// Sets those of the moment. False: the kernel refuses one (errno set).
bool set_options(int fd, int family, std::span<const RawOption> options, RawOption::Moment moment) noexcept;

}  // namespace outrigger::net
