#include "xds/delivery/listener_update.h"

namespace outrigger::xds {

namespace {
constexpr std::size_t kSlice = 50;  // listeners: some milliseconds
}

ListenerUpdate::ListenerUpdate(ListenerDelivery& listeners, const Update& u)
    : listeners_(listeners),
      u_(u),
      parse_(news_of<Listener>(u, same_,
                               [&](const std::string& name) -> std::uint64_t {
                                 const auto at = listeners.known().find(name);
                                 if (at == listeners.known().end() || !at->second.refusal.empty()) return 0;
                                 const auto& k = at->second;
                                 const auto* last = k.warming != nullptr ? k.warming.get() : k.active.get();
                                 return last == nullptr ? 0 : last->came;
                               }),
             listeners.c_) {}

bool ListenerUpdate::go_on() {
  if (!parse_.go_on(kSlice)) return false;
  if (!parse_.refusal()) return true;
  const auto& all = parse_.parsed();
  if (!std::exchange(removed_, true)) remove_others();
  for (std::size_t end = std::min(added_ + kSlice, all.size()); added_ < end; ++added_) add(all[added_]);
  return added_ == all.size();
}

void ListenerUpdate::remove_others() {
  std::vector<std::string> gone = u_.removed;
  std::unordered_set<std::string_view> told = same_;
  for (const auto& p : parse_.parsed()) told.insert(p.message.name());
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
  if (parse_.refusal()) {
    const auto& c = listeners_.c_;
    parse_.count_unknown_fields();
    if (refusals_.none()) listeners_.version_ = u_.version;
    if (c.base->secrets != nullptr) c.base->secrets->sweep();
  }
  listeners_.settle_warming();
  listeners_.tell_answered();
  return parse_.refusal() ? refusals_.result() : parse_.refusal();
}

}  // namespace outrigger::xds
