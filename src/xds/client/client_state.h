// What a Client keeps: its watches, types, and the large update that is being taken. For the client's own files.
#pragma once
#include <memory>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>
#include "xds/client/client.h"

namespace outrigger::xds {

/// A watch as the client has it: told of updates as long as it is there.
class Client::Interest final : public Watch, public std::enable_shared_from_this<Interest> {
 public:
  Interest(Client& client, Type& type, std::set<std::string> names, bool all, std::string space, const Counts& counts,
           WatchEvents& events, std::uint64_t number)
      : names(std::move(names)),
        space(std::move(space)),
        number(number),
        all(all),
        counts(counts),
        events(events),
        client_(client),
        type_(type),
        fetch_(client.loop_.timers(), *this) {}
  void want(const std::set<std::string>& next) override;
  void wait(Duration patience) {
    if (patience.count() > 0) fetch_.arm(patience);
  }
  void end_wait() {
    fetch_.cancel();
    answered = true;
  }
  bool wants(const std::string& name) const {
    return all ? name.starts_with(space) : names.contains(name) || (!space.empty() && name.starts_with(space));
  }

  std::set<std::string> names;
  std::string space;     // that of the names
  std::uint64_t number;  // in the order in which they came
  bool all, answered = false, ended = false;
  Counts counts;
  WatchEvents& events;

 private:
  void on_fetch_timeout() {
    counts.timed_out();
    counts.attempt();
    events.on_fetch_timeout();
  }
  Client& client_;
  Type& type_;
  event::Alarm<Interest, &Interest::on_fetch_timeout> fetch_;
};

struct Client::Type {
  Type(Client& c, const std::string& url)
      : subscription(c.settings_.kind, url), client(c), held(c.loop_.timers(), *this), expiry(c.loop_.timers(), *this) {}
  void on_held_end() {
    is_held = false;
    client.enqueue(*this);
    client.flush();
  }
  void on_expiry() { client.expire(*this); }
  Subscription subscription;
  Client& client;
  /// What a response has for one of the watches; null: a name that was removed.
  struct Part {
    std::shared_ptr<Interest> watch;
    const Resource* resource;
    const std::string* removed;
  };
  /// Of those that ask by names, in the order in which the watches came.
  std::vector<Part> parts(const Response& r) const;
  /// `name` is one of the watch's names, and stays where it is until it is struck.
  void enlist(const std::string& name, Interest& i) {
    by_name.emplace(name, &i);
    subscription.add(name);
  }
  void strike(const std::string& name, const Interest& i) {
    for (auto [at, end] = by_name.equal_range(name); at != end;) at = at->second == &i ? by_name.erase(at) : std::next(at);
    subscription.drop(name);
  }
  std::vector<std::shared_ptr<Interest>> watches;
  std::unordered_multimap<std::string_view, Interest*> by_name;  // keys are the watches'
  std::uint64_t watches_made = 0;
  unsigned paused = 0;
  // Refusals that follow each other: a control plane that sends the same again at once is slowed down.
  unsigned refusals = 0;
  bool is_held = false;
  event::Alarm<Type, &Type::on_held_end> held;
  std::map<std::string, TimePoint> lifetimes;  // of resources that end by themselves
  event::Alarm<Type, &Type::on_expiry> expiry;
  WallTime updated{}, refused{};
  std::string refusal;
};

/// Told in slices: what one watch of all resources of a type does with a large response.
struct Client::Work {
  Type& type;
  Response response;
  Update update;
  std::shared_ptr<Interest> watch;
  TimePoint begin;
  std::unique_ptr<UpdateWork> work = nullptr;
};

}  // namespace outrigger::xds
