#include "xds/protocol/subscription.h"

#include <utility>

namespace outrigger::xds {

namespace {
/// Stands for all resources, where names are asked for as well.
constexpr const char* kAll = "*";
}  // namespace

void Subscription::want(std::set<std::string> names, bool all) {
  if (names == names_ && all == all_) return;
  names_ = std::move(names);
  all_ = all;
  names_due_ = true;
}

void Subscription::open() {
  open_ = first_ = true;
  nonce_.clear();
  error_.reset();
  answer_due_ = false;
  told_.clear();
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
  if (all_ && !names_.empty()) q.names.emplace_back(kAll);
  q.names.insert(q.names.end(), names_.begin(), names_.end());
}

void Subscription::add_changes(Request& q) {
  for (const auto& name : names_)
    if (!told_.contains(name)) q.subscribe.push_back(name);
  for (const auto& name : told_)
    if (!names_.contains(name)) {
      q.unsubscribe.push_back(name);
      versions_.erase(name);
    }
  // Naming none asks for all, but only in the stream's first request.
  const bool by_naming_none = first_ && names_.empty();
  if (all_ && !told_all_ && !by_naming_none) q.subscribe.emplace_back(kAll);
  if (!all_ && told_all_) q.unsubscribe.emplace_back(kAll);
  told_ = names_;
  told_all_ = all_;
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
