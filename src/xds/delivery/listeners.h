// LDS: listeners as a config source tells them. One that is new or changed warms until its route configurations came;
// what is the same as before is left alone. Main thread; owned by Delivery.
#pragma once
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>
#include "envoy/config/listener/v3/listener.pb.h"
#include "xds/compile/secrets.h"
#include "xds/delivery/filters.h"
#include "xds/delivery/scopes.h"
#include "xds/delivery/subscriptions.h"

namespace outrigger::xds {

class ListenerDelivery final : private WatchEvents {
 public:
  ListenerDelivery(const DeliveryContext& c, Subscriptions& subscriptions);
  ~ListenerDelivery();
  /// `answered` is called once: after the first update, good or bad, or when it was waited for long enough.
  void start(const ConfigSource& source, std::function<void()> answered);
  /// Calls `f` once nothing is warming, now or later.
  void when_warm(std::function<void()> f);

  struct Version {
    std::uint64_t content = 0;
    std::uint64_t came = 0;      // bytes_hash() of what came last, or 0
    std::string version, bytes;  // as it came
    WallTime updated{};
    Uses uses;
    std::vector<SecretPtr> secrets;
    std::uint64_t frame = 0;
    server::ListenerManager::Prepared prepared;  // while it warms
    std::unique_ptr<event::Timer> end;           // while it drains
    bool in_place = false;                       // only some of its filter chains do
  };
  struct Known {
    std::unique_ptr<Version> active, warming;             // null: none
    std::vector<std::unique_ptr<Version>> draining;       // replaced or removed: their connections go on for a while
    std::string refusal, refused_version, refused_bytes;  // of the last update, when that was refused
    WallTime refused{};
  };
  /// What was accepted or refused last, by name; for pages.
  const std::map<std::string, Known>& known() const noexcept { return known_; }
  const std::string& version() const noexcept { return version_; }

 private:
  friend class ListenerUpdate;
  Result<void> on_update(const Update& u) override;
  std::unique_ptr<UpdateWork> begin_update(const Update& u) override;
  void on_fetch_timeout() override { tell_answered(); }
  std::string add(const envoy::config::listener::v3::Listener& message, const std::string& version, std::uint64_t bytes);
  void note_refusal(const envoy::config::listener::v3::Listener& message, const std::string& version, std::string why);
  std::string compile(const envoy::config::listener::v3::Listener& message, Version& into);
  std::string check_addresses(const server::ListenerConfig& config) const;
  void remove(const std::string& name);
  void drain(const std::string& name, std::unique_ptr<Version> old);
  void end_drain(const std::string& name, const Version* old);
  void settle(const std::string& name);
  void count_warming(int change);
  void settle_warming();
  void tell_answered();
  const DeliveryContext& c_;
  Subscriptions& subscriptions_;
  std::map<std::string, Known> known_;
  std::size_t warming_ = 0;
  std::string version_;
  std::function<void()> answered_, warm_;
  std::shared_ptr<int> alive_ = std::make_shared<int>();  // for what is posted
  std::unique_ptr<Watch> watch_;
};

}  // namespace outrigger::xds
