#include "xds/protocol/messages.h"

#include "proxy/base/wire.h"

namespace outrigger::xds {

std::string name_of_resource(std::string_view body) {
  WireReader r(body);
  return r.next() && r.field() == 1 && r.has_bytes() ? std::string(r.bytes()) : std::string();
}

}  // namespace outrigger::xds
