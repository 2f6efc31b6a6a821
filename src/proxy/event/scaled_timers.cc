#include "proxy/event/scaled_timers.h"

#include <algorithm>

namespace outrigger::event {

namespace {
/// `share` of 0 to 1; a whole one is exact, however long.
Duration part_of(Duration whole, double share) noexcept {
  if (share >= 1) return whole;
  return share > 0 ? Duration(static_cast<Duration::rep>(static_cast<double>(whole.count()) * share)) : Duration{0};
}
}  // namespace

Duration TimerMinimum::of(Duration whole) const noexcept { return share ? part_of(whole, *share) : std::min(time, whole); }

Duration ScaledTimers::Running::length() const noexcept {
  const auto at = index(kind);
  const Duration least = scaling.minimums_[at]->of(whole);
  return least + part_of(whole - least, scaling.scales_[at]);
}

void ScaledTimers::set_scale(ScaledKind kind, double scale) noexcept {
  double& now = scales_[index(kind)];
  if (now == scale) return;
  now = scale;
  running_[index(kind)].each([](Running& r) { r.timer.rescale(); });
}

void ScaledTimer::arm_scaled(Duration whole) noexcept {
  auto& r = *running_;
  r.since = r.scaling.time_.now();
  r.whole = whole;
  if (!r.linked()) r.scaling.running_[ScaledTimers::index(r.kind)].push_back(r);
  Timer::arm(r.length());
}

/// What is over already ends with the next turn.
void ScaledTimer::rescale() noexcept {
  const auto& r = *running_;
  Timer::arm(std::max(r.length() - (r.scaling.time_.now() - r.since), Duration{0}));
}

}  // namespace outrigger::event
