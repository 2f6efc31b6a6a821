// A connection that waits for its listener filters: they want bytes that have not come. Owned by its listener
// on one worker; holds no buffer, the bytes wait in the kernel.
#pragma once
#include "proxy/base/list.h"
#include "proxy/listener/filter.h"

namespace outrigger::listener {

/// Runs filters from `at` on, until one does not say `next`; `at` is then its place.
Verdict run_filters(const Filters& filters, std::size_t& at, const Candidate& c);

/// Puts what has come in the place of what comes later. False: something has not come.
bool fill_in(Filters& filters, std::size_t worker);

enum class InspectionEnd : std::uint8_t {
  passed,
  refused,  // by a filter
  timeout,
  remote_close,
  error,
};

/// A connection that came in and is not served yet.
struct Arrival {
  std::unique_ptr<net::Transport> transport;
  http::ConnectionInfo info;
  bool handed_over = false;                      // by another listener
  std::unique_ptr<const Filters> filters = {};  // its own, where those of the listener may change; null: those
};

class Inspection;

class InspectionOwner {
 public:
  /// The inspection is over; its arrival may be taken. It is deleted after the loop's turn.
  virtual void on_inspection_end(Inspection& i, InspectionEnd end) = 0;

 protected:
  ~InspectionOwner() = default;
};

class Inspection final : public Link, private net::TransportEvents {
 public:
  /// `at`: the filter that waits. `timeout` 0: none.
  Inspection(runtime::ThreadContext& thread, const Filters& filters, std::size_t at, Arrival a, InspectionOwner& owner);
  void start(Duration timeout);

  Arrival arrival;

 private:
  void on_readable() override;
  void on_writable() override {}
  /// False: the inspection is over, or waits for more than has come.
  bool look();
  bool judge(Verdict v);
  void on_timeout() { finish(InspectionEnd::timeout); }
  void finish(InspectionEnd end);
  Candidate candidate() noexcept { return {thread_, *arrival.transport, arrival.info}; }
  runtime::ThreadContext& thread_;
  const Filters& filters_;
  std::size_t at_;
  std::size_t seen_ = 0;
  std::unique_ptr<Inspector> inspector_;
  InspectionOwner& owner_;
  bool done_ = false;
  event::Alarm<Inspection, &Inspection::on_timeout> timeout_;
};

}  // namespace outrigger::listener
