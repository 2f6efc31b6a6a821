// A route configuration that changes while it is in use (RDS).
#pragma once
#include <memory>
#include <vector>
#include "proxy/hcm/late.h"
#include "proxy/base/parking.h"
#include "proxy/route/route.h"

namespace outrigger::hcm {

class RouteSource final : public Late<route::RouteConfig> {
 public:
  explicit RouteSource(std::size_t workers) : Late(workers), awaited_hosts_(workers) {}
  /// Requests that wait for a virtual host, by their host. On the thread of that worker.
  Parking& awaited_hosts(std::size_t worker) const {
    auto& p = awaited_hosts_[worker];
    if (p == nullptr) p = std::make_unique<Parking>();
    return *p;
  }

 private:
  mutable std::vector<std::unique_ptr<Parking>> awaited_hosts_;  // by worker; null: not used yet
};

}  // namespace outrigger::hcm
