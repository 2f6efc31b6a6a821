#include "proxy/net/origin.h"

#include <netinet/in.h>
#include <sys/socket.h>

namespace outrigger::net {

namespace {
RawOption number(int level, int name, std::uint32_t value) {
  return {level, name, std::string(reinterpret_cast<const char*>(&value), sizeof value)};
}
}  // namespace

std::vector<RawOption> ForeignSource::options() const {
  std::vector<RawOption> out;
  if (mark != 0) out.push_back(number(SOL_SOCKET, SO_MARK, mark));
  out.push_back(address.is_v4() ? number(SOL_IP, IP_TRANSPARENT, 1) : number(SOL_IPV6, IPV6_TRANSPARENT, 1));
  out.push_back(number(SOL_IP, IP_BIND_ADDRESS_NO_PORT, 1));
  return out;
}

Origin::Origin(ForeignSource s, ProxyHeader h) : source(std::move(s)), header(std::move(h)) {
  if (!source.address.empty()) {
    options = source.options();
    keys_[0] = "from ";
    keys_[0] += source.address.ip_text();
    keys_[0] += ' ' + std::to_string(source.mark) + ' ';
  }
  keys_[1] = keys_[0] + header.source.text() + ' ' + header.destination.text();
}

}  // namespace outrigger::net
