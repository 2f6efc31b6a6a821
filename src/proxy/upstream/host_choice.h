// One list of hosts and the turn in it: round robin, least request or random. Hosts of different weight,
// or that start slowly, take turns by earliest deadline. Part of a LoadBalancer; worker's thread.
#pragma once
#include <cstdint>
#include <vector>
#include "proxy/runtime/thread_context.h"
#include "proxy/upstream/cluster_config.h"
#include "proxy/upstream/worker_host.h"

namespace outrigger::upstream {

/// Earliest deadline first: an item's turn comes as often as its weight says.
template <class T>
class Turns {
 public:
  void add(T item, double weight) { push({1.0 / weight, order_++, item}); }
  bool empty() const noexcept { return heap_.empty(); }
  void clear() noexcept { heap_.clear(); }
  /// `weight_of` says what the item weighs now: when its next turn is.
  template <class Weight>
  T next(Weight&& weight_of) noexcept {
    std::pop_heap(heap_.begin(), heap_.end(), later);
    Entry& e = heap_.back();
    T item = e.item;
    e.deadline += 1.0 / weight_of(item);
    e.order = order_++;
    std::push_heap(heap_.begin(), heap_.end(), later);
    return item;
  }

 private:
  struct Entry {
    double deadline;
    std::uint64_t order;
    T item;
  };
  static bool later(const Entry& a, const Entry& b) noexcept {
    return a.deadline != b.deadline ? a.deadline > b.deadline : a.order > b.order;
  }
  void push(Entry e) {
    heap_.push_back(e);
    std::push_heap(heap_.begin(), heap_.end(), later);
  }
  std::vector<Entry> heap_;
  std::uint64_t order_ = 0;
};

class HostChoice {
 public:
  void assign(std::vector<Host*> hosts, const ClusterConfig& config, runtime::ThreadContext& thread);
  bool empty() const noexcept { return hosts_.empty(); }
  /// Null: it is empty.
  Host* pick(const ClusterConfig& config, runtime::ThreadContext& thread) noexcept;

 private:
  Host* least_loaded(const ClusterConfig& config, Random& random) const noexcept;
  std::vector<Host*> hosts_;
  Turns<Host*> turns_;  // none: all weigh the same
  std::size_t next_ = 0;
};

}  // namespace outrigger::upstream
