// Requests that are held until what they need is here (a cluster, a virtual host, an address), by its name: places of
// one worker each, in hcm::Worker, RouteSource and DnsCache. Bounded; how long they are held is for whoever is asked.
// Worker's thread.
#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include "proxy/base/list.h"

namespace outrigger {

enum class Arrival : std::uint8_t { came, missing, late };

class Parking;

/// One request that is held. It leaves when it is destroyed.
class Parked : private Link {
 public:
  virtual void on_arrival(Arrival a) = 0;
  void leave() noexcept;

 protected:
  Parked() = default;
  ~Parked() { leave(); }

 private:
  friend class Parking;
  friend class List<Parked>;
  struct Lot {
    std::string name;
    List<Parked> all;
    std::size_t size = 0;
    bool gone = false;  // taken out of the parking, being told
  };
  Parking* parking_ = nullptr;
  Lot* lot_ = nullptr;
};

class Parking {
 public:
  explicit Parking(std::size_t most = 4096) noexcept : most_(most) {}
  enum class Place : std::uint8_t { first, one_more, full };  // first: somebody has to be asked
  Place park(std::string_view name, Parked& p);
  /// All that wait for the name go on.
  void wake(std::string_view name, Arrival a);
  std::size_t size() const noexcept { return size_; }
  std::size_t names() const noexcept { return lots_.size(); }

 private:
  friend class Parked;
  std::size_t most_, size_ = 0;
  std::unordered_map<std::string_view, std::unique_ptr<Parked::Lot>> lots_;  // keys are the lots' names
};

}  // namespace outrigger
