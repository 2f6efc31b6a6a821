#include "control_plane/subscription.h"

#include <algorithm>
#include <array>
#include <utility>

namespace outrigger::control_plane {

namespace {

constexpr std::string_view kAll = "*";
constexpr std::size_t kRefusalMax = 4096;  // of its text
constexpr std::size_t kNameBytes = 96;     // of a name in a set, besides its text

/// Types that are asked for by name only. Of all others a first request that names none asks for everything.
bool by_name_only(std::string_view type_url) {
  constexpr std::array kTypes{kEndpoints, kRoutes, kSecrets, kVirtualHosts, kExtensions, kRuntimes};
  return std::find(kTypes.begin(), kTypes.end(), type_url) != kTypes.end();
}

}  // namespace

bool Subscription::told(std::string_view name) const {
  const auto at = told_.find(name);
  return at != told_.end() && !at->second.version.empty();
}

std::size_t Subscription::told_count() const noexcept {
  return static_cast<std::size_t>(
      std::count_if(told_.begin(), told_.end(), [](const auto& t) { return !t.second.version.empty(); }));
}

void Subscription::each_told(const std::function<void(const std::string& name)>& f) const {
  for (const auto& [name, t] : told_)
    if (!t.version.empty()) f(name);
}

Subscription::Verdict Subscription::on_request(const xds::Request& q, const TypeItemsPtr& have, WallTime now) {
  const Verdict verdict = take_answer(q, now);
  if (delta_)
    take_changes(q);
  else if (first_ || q.nonce.empty() || q.nonce == nonce_)  // another one says what was wanted before the last response
    take_names(q, have, verdict == Verdict::accepted || verdict == Verdict::refused);
  first_ = false;
  settled_ = nullptr;
  return verdict;
}

Subscription::Verdict Subscription::take_answer(const xds::Request& q, WallTime now) {
  if (first_ || q.nonce.empty()) return Verdict::none;
  if (q.nonce != nonce_) {
    ++stale_;
    return Verdict::stale;
  }
  if (!under_way_) return Verdict::none;
  under_way_ = false;
  last_refused_ = q.error.has_value();
  if (q.error) {
    refused_ = {sent_.version, now};
    refusal_ = q.error->substr(0, kRefusalMax);
  } else {
    accepted_ = {sent_.version, now};
  }
  return last_refused_ ? Verdict::refused : Verdict::accepted;
}

/// State of the world: every request has all names.
void Subscription::take_names(const xds::Request& q, const TypeItemsPtr& have, bool answered) {
  std::set<std::string, std::less<>> names(q.names.begin(), q.names.end());
  bool all = names.erase(std::string(kAll)) > 0;
  if (names.empty() && !all && (first_ ? !by_name_only(type_url_) : by_silence_))
    all = by_silence_ = true;
  else
    by_silence_ = false;
  const bool more = (all && !all_) || !std::includes(names_.begin(), names_.end(), names.begin(), names.end());
  const bool same = all == all_ && names == names_;
  all_ = all;
  names_ = std::move(names);
  names_bytes_ = 0;
  for (const auto& name : names_) names_bytes_ += name.size() + kNameBytes;
  forget_unwanted();
  if (std::exchange(answer_next_, false)) answer_ = true;
  if (first_) {
    // After a new connection it says what it has. Those who ask by name may wait for an answer, as a cluster for its
    // endpoints does, and get one in any case.
    answer_ = !all_ || q.version != have->version;
    if (!answer_)
      for (const auto& [name, item] : have->items) told_[name] = {item->version, item};
  } else if (more || (same && !answered && !q.nonce.empty() && !q.error)) {
    answer_ = true;
  }
}

/// Delta: a request has what changes.
void Subscription::take_changes(const xds::Request& q) {
  if (first_) {
    for (const auto& [name, version] : q.initial_versions) told_[name] = {version, nullptr};
    answer_ = q.initial_versions.empty();
    all_ = q.subscribe.empty() && q.unsubscribe.empty() && !by_name_only(type_url_);
  }
  for (const auto& name : q.subscribe) {
    if (name == kAll) {
      all_ = true;
      continue;
    }
    add_name(name);
    if (!first_ || !q.initial_versions.contains(name)) told_.erase(name);  // who asks gets it, even if it was told before
  }
  for (const auto& name : q.unsubscribe) {
    if (name == kAll)
      all_ = false;
    else
      drop_name(name);
  }
  forget_unwanted();
}

void Subscription::add_name(const std::string& name) {
  if (names_.insert(name).second) names_bytes_ += name.size() + kNameBytes;
}

void Subscription::drop_name(const std::string& name) {
  if (names_.erase(name) > 0) names_bytes_ -= name.size() + kNameBytes;
}

void Subscription::forget_unwanted() {
  std::erase_if(told_, [this](const auto& t) { return !wants(t.first); });
}

Subscription::Changes Subscription::changes(const TypeItems& have) const {
  Changes c;
  const auto look = [&](const std::string& name, const ItemPtr& item) {
    const auto at = told_.find(name);
    if (at == told_.end() || at->second.version != item->version) c.changed.push_back(item);
  };
  if (all_) {
    for (const auto& [name, item] : have.items) look(name, item);
  }
  for (const auto& name : names_) {
    const auto at = have.items.find(name);
    if (at == have.items.end()) {
      if (!told_.contains(name)) c.missing.push_back(name);
    } else if (!all_) {
      look(name, at->second);
    }
  }
  for (const auto& [name, t] : told_)
    if (!t.version.empty() && !have.items.contains(name)) c.gone.push_back(name);
  return c;
}

bool Subscription::due(const TypeItemsPtr& have, bool keep_removed) {
  if (first_ || under_way_) return false;
  if (answer_) return true;
  if (settled_ == have && settled_keeps_ == keep_removed) return false;
  const auto c = changes(*have);
  // In the state of the world only types that are told whole can tell that something is gone.
  const bool tells_gone = !keep_removed && !c.gone.empty() && (delta_ || all_);
  if (!c.changed.empty() || tells_gone || (delta_ && !c.missing.empty())) return true;
  settled_ = have;
  settled_keeps_ = keep_removed;
  return false;
}

std::map<std::string, ItemPtr, std::less<>> Subscription::wanted(const TypeItems& have) const {
  if (all_) return have.items;
  std::map<std::string, ItemPtr, std::less<>> out;
  for (const auto& name : names_)
    if (const auto at = have.items.find(name); at != have.items.end()) out.emplace(name, at->second);
  return out;
}

Answer Subscription::next(const TypeItemsPtr& have, WallTime now, bool keep_removed) {
  Answer a;
  a.type_url = type_url_;
  a.version = have->version;
  if (delta_) {
    auto c = changes(*have);
    a.items = std::move(c.changed);
    if (!keep_removed) a.removed = std::move(c.gone);
    a.removed.insert(a.removed.end(), c.missing.begin(), c.missing.end());
    for (const auto& item : a.items) told_[item->name] = {item->version, item};
    for (const auto& name : a.removed) {
      if (names_.contains(name))
        told_[name] = {};
      else
        told_.erase(name);
    }
  } else {
    auto items = wanted(*have);
    if (keep_removed)
      for (const auto& [name, t] : told_)
        if (t.item != nullptr) items.emplace(name, t.item);
    if (!all_ || items.size() != have->items.size()) a.version = version_of(items);
    told_.clear();
    for (const auto& [name, item] : items) {
      a.items.push_back(item);
      told_[name] = {item->version, item};
    }
  }
  answer_ = false;
  settled_ = nullptr;
  under_way_ = true;
  a.nonce = nonce_ = std::to_string(++responses_);
  sent_ = {a.version, now};
  return a;
}

}  // namespace outrigger::control_plane
