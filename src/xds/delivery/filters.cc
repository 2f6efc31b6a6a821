#include "xds/delivery/filters.h"

#include <algorithm>
#include "envoy/config/core/v3/extension.pb.h"
#include "proxy/base/log.h"
#include "xds/delivery/resources.h"
#include "xds/load/any_type.h"

namespace outrigger::xds {

using envoy::config::core::v3::TypedExtensionConfig;
using stats::EcdsStat;

namespace {
/// As Envoy names it in stats.
std::string_view word_of(LateFilter::Kind kind) {
  switch (kind) {
    case LateFilter::Kind::http: return "http_filter";
    case LateFilter::Kind::network: return "network_filter";
    case LateFilter::Kind::listener: return "tcp_listener_filter";
  }
  return "";
}
}  // namespace

FilterDelivery::FilterDelivery(const DeliveryContext& c, Subscriptions& subscriptions, const LateFilter& entry)
    : c_(c), subscriptions_(subscriptions), kind_(entry.kind), name_(entry.name) {
  auto& registry = c_.server.registry();
  stats::Recording recording(registry);
  const std::string prefix = "extension_config_discovery." + std::string(word_of(kind_)) + "." + stats::sanitize(name_) + ".";
  const auto counts = Counts::of_source(registry, prefix);
  stats_ = stats::make_block<EcdsStat>(registry, prefix);
  lease_ = recording.take();
  WatchEvents& self = *this;
  watch_ = c_.sources.watch(entry.source, canonical_type_url(*TypedExtensionConfig::descriptor()), {name_}, false, counts, self);
}

FilterDelivery::~FilterDelivery() = default;

void FilterDelivery::settle() {
  if (std::exchange(settled_, true)) return;
  for (const auto& f : std::exchange(told_, {})) f();
}

void FilterDelivery::fail() {
  c_.server.registry().main().add(stats_, EcdsStat::config_fail);
  settle();
}

Result<void> FilterDelivery::on_update(const Update& u) {
  const auto taken = take(u);
  if (!taken)
    fail();
  else
    settle();
  return taken;
}

Result<void> FilterDelivery::take(const Update& u) {
  if (u.resources.empty() && !u.removed.empty()) {
    forget();
    return {};
  }
  auto parsed = parse_resources<TypedExtensionConfig>(u, c_);
  if (!parsed) return parsed.error();
  if (parsed->size() != 1)
    return Error{Errc::invalid_config,
                 "Unexpected number of resources in ExtensionConfigDS response: " + std::to_string(parsed->size())};
  auto& p = parsed->front();
  if (!p.wrong.empty()) return Error{Errc::invalid_config, name_ + ": " + p.wrong};
  if (p.message.name() != name_)
    return Error{Errc::invalid_config, "Unexpected resource name in ExtensionConfigDS response: " + p.message.name()};
  const auto hash = content_hash(p.message.typed_config());
  if (config_ != nullptr && hash == content_) return {};
  std::vector<Made> made;
  for (const auto* use : uses_) {
    auto compiled = compile(p.message.typed_config(), use->entry());
    if (!compiled) return Error{Errc::invalid_config, name_ + ": " + compiled.error().detail};
    made.push_back(std::move(*compiled));
  }
  for (std::size_t i = 0; i < made.size(); ++i) uses_[i]->set(std::move(made[i]));
  content_ = hash;
  shown_ = redacted_bytes(p.message);
  config_ = std::make_unique<google::protobuf::Any>(std::move(*p.message.mutable_typed_config()));
  version_ = u.whole ? u.version : p.from->version;
  updated_ = c_.server.loop().wall();
  c_.server.registry().main().add(stats_, EcdsStat::config_reload);
  return {};
}

/// The control plane has removed it.
void FilterDelivery::forget() {
  for (auto* use : uses_) use->set({use->entry().fallback(), {}});
  config_ = nullptr;
  content_ = 0;
  version_.clear(), shown_.clear();
  c_.server.registry().main().add(stats_, EcdsStat::config_reload);
}

Result<FilterDelivery::Made> FilterDelivery::compile(const google::protobuf::Any& config, const LateFilter& f) const {
  Problems problems;
  auto context = c_.compile(problems);
  Made made;
  subscriptions_.collect(context, made.uses);
  made.step = f.step(config, Path(), context);
  if (made.step == nullptr) return Error{Errc::invalid_config, errors_text(problems)};
  return made;
}

FilterDelivery::Made FilterDelivery::known(const LateFilter& f) {
  if (config_ == nullptr) return {f.fallback(), {}};
  if (auto made = compile(*config_, f)) return std::move(*made);
  c_.server.registry().main().add(stats_, EcdsStat::config_conflict);
  return {f.fallback(), {}};
}

FilterUse::FilterUse(const DeliveryContext& c, std::shared_ptr<FilterDelivery> from, std::shared_ptr<const LateFilter> entry)
    : c_(c), from_(std::move(from)), entry_(std::move(entry)) {
  // No worker knows it yet.
  auto first = from_->known(*entry_);
  for (unsigned w = 0; w < c.server.settings().workers; ++w) first.step(w);
  uses_ = std::move(first.uses);
  from_->uses_.push_back(this);
}

FilterUse::~FilterUse() { std::erase(from_->uses_, this); }

void FilterUse::set(FilterDelivery::Made next) {
  c_.server.post_to_workers([step = std::move(next.step)](server::Worker& w) { step(w.index()); });
  uses_ = std::move(next.uses);
}

FilterUsePtr FilterDeliveries::use(std::shared_ptr<const LateFilter> entry) {
  const auto kind = static_cast<std::size_t>(entry->kind);
  any_[kind] = true;
  auto from = all_.get(std::to_string(kind) + entry->name + '\0' + entry->source.SerializeAsString(),
                       [&] { return std::make_shared<FilterDelivery>(c_, *subscriptions_, *entry); });
  return std::make_shared<FilterUse>(c_, std::move(from), std::move(entry));
}

}  // namespace outrigger::xds
