#include "proxy/http/connection_facts.h"

#include <algorithm>
#include <utility>
#include "proxy/http/stream_info.h"

namespace outrigger::http {

ConnectionFacts::Owned& ConnectionFacts::owned(FilterState& state, std::string_view key) {
  for (auto& o : state_)
    if (o->key == key) return *o;
  auto& o = *state_.emplace_back(std::make_unique<Owned>());
  o.key = key;
  o.entry.key = o.key;
  state.add(o.entry);
  return o;
}

void ConnectionFacts::set_state(FilterState& state, std::string_view key, std::string_view value, const StateTraits& traits) {
  auto& o = owned(state, key);
  o.value = value;
  const auto* next = o.entry.next;
  o.entry = {o.key, o.value, traits.hashable, next, {}, {}, traits.kind, traits.sharing};
}

void ConnectionFacts::set_fields(FilterState& state, std::string_view key, std::map<std::string, std::string> fields,
                                 std::string json) {
  auto& o = owned(state, key);
  o.fields = std::move(fields);
  o.value = std::move(json);
  if (o.value.empty()) {
    MetadataValue object;
    object.kind = MetadataValue::object;
    for (const auto& [name, value] : o.fields) object.fields.emplace_back(name, MetadataValue::of(value));
    object.append_json(o.value);
  }
  o.entry.value = o.entry.typed_json = o.value;
  o.entry.fields = &o.fields;
}

void ConnectionFacts::add_metadata(std::string_view name, const MetadataValue& object) {
  auto next = copy_of(dynamic_metadata);
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

bool ConnectionInfo::is_held() const noexcept { return facts_->hold != nullptr; }

Gate ConnectionInfo::gate_of_facts(std::function<void()> go_on) {
  if (facts_->denied) return Gate::denied;
  if (facts_->hold == nullptr) return Gate::open;
  facts_->hold->go_on = std::move(go_on);
  return Gate::held;
}

void ConnectionInfo::run_late_steps(TimePoint now, WallTime wall, std::optional<std::uint64_t> bytes) {
  auto& f = *facts_;
  const auto run = [&](LateSteps& steps) {
    auto left = std::exchange(steps, {});
    std::size_t done = 0;
    while (done < left.size() && f.hold == nullptr && !f.denied) left[done++]->run(*this, now, wall, bytes.value_or(0));
    if (f.hold == nullptr) return;
    left.erase(left.begin(), left.begin() + static_cast<std::ptrdiff_t>(done));
    steps = std::move(left);
  };
  if (tls == nullptr || tls->handshake_complete()) run(f.on_handshake);
  if (bytes) run(f.on_data);
}

bool ConnectionInfo::has_upstream_source() const noexcept {
  return facts_ != nullptr && !facts_->upstream_source.address.empty();
}

const net::OriginPtr& ConnectionInfo::origin() const {
  if (facts_ == nullptr) facts_ = std::make_unique<ConnectionFacts>();
  auto& f = *facts_;
  if (f.origin == nullptr) {
    net::ProxyHeader header;
    if (f.proxy != nullptr)
      header = *f.proxy;
    else if (tells_addresses)
      header.source = remote, header.destination = local;
    f.origin = std::make_shared<const net::Origin>(f.upstream_source, std::move(header));
  }
  return f.origin;
}

void ConnectionInfo::forget_state() {
  filter_state = {};
  if (facts_ != nullptr) facts_->forget_state();
}

}  // namespace outrigger::http
