#include "xds/protocol/subscription.h"

#include <utility>

namespace outrigger::xds {

namespace {
/// Stands for all resources, where names are asked for as well.
constexpr const char* kAll = "*";
}  // namespace

void Subscription::add(const std::string& name) {
  Wish& w = names_[name];
  if (w.watches++ > 0) return;
  names_due_ = true;
  if (kind_ == Kind::state_of_the_world) return;
  w.told = dropped_.erase(name) > 0;
  fresh_.insert(name);  // also if it was told: whoever wants it now has nothing of it
}

void Subscription::drop(const std::string& name) {
  const auto at = names_.find(name);
  if (at == names_.end() || --at->second.watches > 0) return;
  if (kind_ == Kind::delta) {
    fresh_.erase(name);
    if (at->second.told) dropped_.insert(name);
    versions_.erase(name);
  }
  names_.erase(at);  // `name` may be its key
  names_due_ = true;
}

void Subscription::add_all() noexcept { names_due_ = all_++ == 0 || names_due_; }

void Subscription::drop_all() noexcept { names_due_ = --all_ == 0 || names_due_; }

void Subscription::open() {
  open_ = first_ = true;
  nonce_.clear();
  error_.reset();
  answer_due_ = false;
  dropped_.clear();
  fresh_.clear();
  if (kind_ == Kind::delta)
    for (auto& [name, wish] : names_) {
      wish.told = false;
      fresh_.insert(fresh_.end(), name);
    }
  told_all_ = false;
  names_due_ = wants_something();
}

void Subscription::accept(const Response& r) {
  nonce_ = r.nonce;
  version_ = r.version;
  error_.reset();
  answer_due_ = true;
  if (kind_ == Kind::state_of_the_world) return;
  for (const auto& resource : r.resources)
    if (!resource.heartbeat && wants(resource.name)) versions_[resource.name] = resource.version;
  for (const auto& name : r.removed) versions_.erase(name);
}

void Subscription::refuse(const Response& r, std::string why) {
  nonce_ = r.nonce;
  error_ = std::move(why);
  answer_due_ = true;
}

void Subscription::add_names(Request& q) {
  q.version = version_;
  q.names.reserve(names_.size() + 1);
  if (wants_all() && !names_.empty()) q.names.emplace_back(kAll);
  for (const auto& [name, wish] : names_) q.names.push_back(name);
}

void Subscription::add_changes(Request& q) {
  q.subscribe.assign(fresh_.begin(), fresh_.end());
  q.unsubscribe.assign(dropped_.begin(), dropped_.end());
  // Naming none asks for all, but only in the stream's first request.
  const bool by_naming_none = first_ && names_.empty();
  if (wants_all() && !told_all_ && !by_naming_none) q.subscribe.emplace_back(kAll);
  if (!wants_all() && told_all_) q.unsubscribe.emplace_back(kAll);
  for (const auto& name : fresh_) names_[name].told = true;
  fresh_.clear();
  dropped_.clear();
  told_all_ = wants_all();
  if (first_) q.initial_versions = versions_;
}

std::optional<Request> Subscription::next() {
  if (!due()) return std::nullopt;
  Request q;
  q.type_url = type_url_;
  if (kind_ == Kind::state_of_the_world) {
    q.nonce = nonce_;
    add_names(q);
  } else {
    if (answer_due_) q.nonce = nonce_;
    if (names_due_) add_changes(q);
  }
  if (answer_due_) q.error = std::exchange(error_, std::nullopt);
  first_ = names_due_ = answer_due_ = false;
  return q;
}

}  // namespace outrigger::xds
