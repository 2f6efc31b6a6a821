#include "xds/protocol/messages.h"

namespace outrigger::xds {

std::string name_of_resource(const std::string& body) {
  if (body.size() < 2 || body[0] != 0x0a) return {};
  std::size_t at = 1, size = 0;
  for (unsigned shift = 0; at < body.size() && shift < 35; shift += 7) {
    const auto byte = static_cast<unsigned char>(body[at++]);
    size |= static_cast<std::size_t>(byte & 0x7f) << shift;
    if (byte < 0x80) return size <= body.size() - at ? body.substr(at, size) : std::string();
  }
  return {};
}

}  // namespace outrigger::xds
