#include "proxy/base/parking.h"

#include <utility>

namespace outrigger {

void Parked::leave() noexcept {
  if (parking_ == nullptr) return;
  unlink();
  Parking& p = *std::exchange(parking_, nullptr);
  Lot* lot = std::exchange(lot_, nullptr);
  --p.size_;
  if (--lot->size == 0 && !lot->gone) p.lots_.erase(lot->name);
}

Parking::Place Parking::park(std::string_view name, Parked& p) {
  p.leave();
  if (size_ >= most_) return Place::full;
  auto at = lots_.find(name);
  const bool first = at == lots_.end();
  if (first) {
    auto lot = std::make_unique<Parked::Lot>();
    lot->name = name;
    const std::string_view key = lot->name;
    at = lots_.emplace(key, std::move(lot)).first;
  }
  Parked::Lot& lot = *at->second;
  lot.all.push_back(p);
  ++lot.size;
  ++size_;
  p.parking_ = this;
  p.lot_ = &lot;
  return first ? Place::first : Place::one_more;
}

/// Those that are told may end others, or be parked again, for the same name too.
void Parking::wake(std::string_view name, Arrival a) {
  const auto at = lots_.find(name);
  if (at == lots_.end()) return;
  const auto lot = std::move(at->second);
  lots_.erase(at);
  lot->gone = true;
  while (Parked* p = lot->all.front()) {
    p->leave();
    p->on_arrival(a);
  }
}

}  // namespace outrigger
