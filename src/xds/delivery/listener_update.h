// One update of listeners, taken in slices: all are parsed first, since one that is none refuses the whole; then those go
// that are no longer told; then each is compiled and set. Main thread.
#pragma once
#include <string_view>
#include <unordered_set>
#include "envoy/config/listener/v3/listener.pb.h"
#include "xds/delivery/listeners.h"
#include "xds/delivery/resources.h"

namespace outrigger::xds {

class ListenerUpdate final : public UpdateWork {
 public:
  /// `u` outlives it.
  ListenerUpdate(ListenerDelivery& listeners, const Update& u);
  bool go_on() override;
  Result<void> result() override;

 private:
  using Listener = envoy::config::listener::v3::Listener;
  void add(const Parsed<Listener>& p);
  void remove_others();

  ListenerDelivery& listeners_;
  const Update& u_;
  std::unordered_set<std::string_view> same_;  // byte for byte as before
  SlicedParse<Listener> parse_;
  std::unordered_set<std::string_view> names_;  // of those added
  std::size_t added_ = 0;
  bool removed_ = false;
  Refusals refusals_{"listener"};
};

}  // namespace outrigger::xds
