#include "proxy/http/connection_facts.h"

#include <utility>
#include "proxy/http/stream_info.h"

namespace outrigger::http {

void ConnectionFacts::set_state(FilterState& state, std::string_view key, std::string_view value, bool hashable) {
  for (auto& o : state_) {
    if (o->key != key) continue;
    o->value = value;
    o->entry.value = o->value;
    o->entry.hashable = hashable;
    return;
  }
  auto& o = *state_.emplace_back(std::make_unique<Owned>());
  o.key = key;
  o.value = value;
  o.entry = {o.key, o.value, hashable};
  state.add(o.entry);
}

void ConnectionFacts::add_metadata(std::string_view name, const MetadataValue& object) {
  auto next = dynamic_metadata == nullptr ? std::make_shared<Metadata>() : std::make_shared<Metadata>(*dynamic_metadata);
  next->merge(name, object);
  dynamic_metadata = std::move(next);
}

ConnectionInfo::ConnectionInfo() = default;
ConnectionInfo::ConnectionInfo(ConnectionInfo&&) noexcept = default;
ConnectionInfo& ConnectionInfo::operator=(ConnectionInfo&&) noexcept = default;
ConnectionInfo::~ConnectionInfo() = default;

ConnectionFacts& ConnectionInfo::facts() {
  if (facts_ == nullptr) facts_ = std::make_unique<ConnectionFacts>();
  return *facts_;
}

void ConnectionInfo::run_late_steps(TimePoint now, WallTime wall, std::optional<std::uint64_t> bytes) {
  auto& f = *facts_;
  const auto run = [&](LateSteps& steps) {
    for (const auto& step : std::exchange(steps, {})) step->run(*this, now, wall, bytes.value_or(0));
  };
  if (tls == nullptr || tls->handshake_complete()) run(f.on_handshake);
  if (bytes) run(f.on_data);
}

void ConnectionInfo::forget_state() {
  filter_state = {};
  if (facts_ != nullptr) facts_->forget_state();
}

}  // namespace outrigger::http
