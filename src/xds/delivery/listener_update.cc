#include "xds/delivery/listener_update.h"

#include "xds/load/any_type.h"

namespace outrigger::xds {

namespace {
constexpr std::size_t kSlice = 50;  // listeners: some milliseconds
}

ListenerUpdate::ListenerUpdate(ListenerDelivery& listeners, const Update& u)
    : listeners_(listeners), u_(u), news_(listeners.news(u, same_)) {
  parsed_.reserve(news_.resources.size());
}

bool ListenerUpdate::go_on() {
  if (parsed_.size() < news_.resources.size()) {
    if (!parse_slice()) return true;
    if (parsed_.size() < news_.resources.size()) return false;
  }
  if (!std::exchange(removed_, true)) remove_others();
  for (std::size_t end = std::min(added_ + kSlice, parsed_.size()); added_ < end; ++added_) add(parsed_[added_]);
  return added_ == parsed_.size();
}

/// False: one of them refuses the whole.
bool ListenerUpdate::parse_slice() {
  const auto& all = news_.resources;
  for (const auto end = std::min(parsed_.size() + kSlice, all.size()); parsed_.size() < end;) {
    auto& p = parsed_.emplace_back();
    refusal_ = parse_into(*all[parsed_.size() - 1], listeners_.c_, p, unknown_);
    if (!refusal_) return false;
  }
  return true;
}

void ListenerUpdate::remove_others() {
  std::vector<std::string> gone = u_.removed;
  std::unordered_set<std::string_view> told = same_;
  for (const auto& p : parsed_) told.insert(p.message.name());
  if (u_.whole)
    for (const auto& [name, k] : listeners_.known())
      if (!told.contains(name) && (k.active != nullptr || k.warming != nullptr || !k.refusal.empty())) gone.push_back(name);
  for (const auto& name : gone) listeners_.remove(name);
}

void ListenerUpdate::add(const Parsed<Listener>& p) {
  const std::string& name = p.message.name();
  const std::string& version = u_.whole ? u_.version : p.from->version;
  const bool twice = same_.contains(name) || !names_.insert(name).second;
  std::string why = twice              ? "duplicate listener " + name + " found"
                    : !p.wrong.empty() ? p.wrong
                                       : listeners_.add(p.message, version, p.bytes);
  if (why.empty()) return;
  refusals_.add(name, why);
  listeners_.note_refusal(p.message, version, std::move(why));
}

Result<void> ListenerUpdate::result() {
  if (refusal_) {
    const auto& c = listeners_.c_;
    c.server.count_unknown_fields(unknown_);
    if (refusals_.none()) listeners_.version_ = u_.version;
    if (c.base->secrets != nullptr) c.base->secrets->sweep();
  }
  listeners_.settle_warming();
  listeners_.tell_answered();
  return refusal_ ? refusals_.result() : refusal_;
}

}  // namespace outrigger::xds
