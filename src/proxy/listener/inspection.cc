#include "proxy/listener/inspection.h"

#include <algorithm>
#include <utility>

namespace outrigger::listener {

using net::IoStatus;

bool Predicate::holds(const net::Address& destination) const noexcept {
  const auto part = [&](const Predicate& p) { return p.holds(destination); };
  switch (kind) {
    case any: return true;
    case all_of: return std::all_of(parts.begin(), parts.end(), part);
    case any_of: return std::any_of(parts.begin(), parts.end(), part);
    case negated: return !parts.front().holds(destination);
    case port_range: return destination.is_ip() && destination.port() >= port_begin && destination.port() < port_end;
  }
  return false;
}

Verdict run_filters(const Filters& filters, std::size_t& at, const Candidate& c) {
  for (; at < filters.size(); ++at) {
    const auto& f = filters[at];
    if (f.disabled != nullptr && f.disabled->holds(c.info.local)) continue;
    if (const Verdict v = f.filter->on_accept(c); v != Verdict::next) return v;
  }
  return Verdict::next;
}

bool fill_in(Filters& filters, std::size_t worker) {
  for (auto& f : filters) {
    if (f.late) f.filter = f.late(worker);
    if (f.filter == nullptr) return false;
  }
  return true;
}

Inspection::Inspection(runtime::ThreadContext& thread, const Filters& filters, std::size_t at, Arrival a, InspectionOwner& owner)
    : arrival(std::move(a)),
      thread_(thread),
      filters_(filters),
      at_(at),
      inspector_(filters[at].filter->inspector()),
      owner_(owner),
      timeout_(thread.loop.timers(), *this) {}

void Inspection::start(Duration timeout) {
  if (timeout > Duration::zero()) timeout_.arm(timeout);
  arrival.transport->start(*this);
}

namespace {
/// Where the bytes are looked at: one for all inspections of a thread, as large as the largest look so far.
std::span<char> scratch(std::size_t bytes) {
  thread_local std::vector<char> room;
  if (room.size() < bytes) room.resize(bytes);
  return {room.data(), bytes};
}
}  // namespace

void Inspection::on_readable() {
  while (!done_ && look()) {}
}

bool Inspection::look() {
  const auto room = scratch(inspector_->bytes_max());
  const auto r = arrival.transport->peek(room);
  if (r.status == IoStatus::would_block) return false;
  if (r.status != IoStatus::ok) {
    finish(r.status == IoStatus::eof ? InspectionEnd::remote_close : InspectionEnd::error);
    return false;
  }
  if (r.bytes > seen_) {
    seen_ = r.bytes;
    const Verdict v = inspector_->on_bytes(candidate(), {room.data(), r.bytes});
    if (v != Verdict::wait) return judge(v);
    if (r.bytes == room.size()) {
      if (inspector_->bytes_max() > r.bytes) return true;
      finish(InspectionEnd::refused);  // it has all that it asked for
      return false;
    }
  }
  if (arrival.transport->peer_closed()) finish(InspectionEnd::remote_close);
  return false;
}

bool Inspection::judge(Verdict v) {
  if (v == Verdict::next) v = run_filters(filters_, ++at_, candidate());
  if (v == Verdict::wait) {
    inspector_ = filters_[at_].filter->inspector();
    seen_ = 0;
    return true;
  }
  finish(v == Verdict::next ? InspectionEnd::passed : InspectionEnd::refused);
  return false;
}

void Inspection::finish(InspectionEnd end) {
  if (std::exchange(done_, true)) return;
  timeout_.cancel();
  owner_.on_inspection_end(*this, end);
}

}  // namespace outrigger::listener
