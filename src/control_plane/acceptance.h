// Would Outrigger take a resource? It is compiled as the proxy does it, and thrown away. Main thread; owned by whoever loads
// a file.
#pragma once
#include <google/protobuf/message.h>
#include <memory>
#include "xds/problems.h"

namespace outrigger::control_plane {

class Acceptance {
 public:
  Acceptance();
  ~Acceptance();
  /// What the proxy would say. Kinds of resources that it doesn't know are not looked at.
  void check(const google::protobuf::Message& resource, const xds::Path& at, xds::Problems& problems);

 private:
  struct Proxy;
  std::unique_ptr<Proxy> proxy_;
};

}  // namespace outrigger::control_plane
