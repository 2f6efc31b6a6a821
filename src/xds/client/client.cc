#include "xds/client/client.h"

#include <malloc.h>
#include <algorithm>
#include <unordered_set>
#include <utility>
#include "proxy/base/log.h"
#include "proxy/event/give_way.h"
#include "xds/client/client_state.h"
#include "xds/client/codec.h"

namespace outrigger::xds {

using stats::ControlPlaneStat;

namespace {

/// What a larger message leaves behind goes back to the system, once no other followed for so long.
constexpr std::size_t kLargeBytes = 64 * 1024;
constexpr Duration kTrimAfter = std::chrono::milliseconds(200);
constexpr std::size_t kBacklogMax = 8;  // messages that wait while one is taken
constexpr std::string_view kEndpoints = "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment";
constexpr Duration kRetryBase = std::chrono::milliseconds(500), kRetryMax = std::chrono::seconds(30);
constexpr Duration kHeldMax = std::chrono::seconds(1);  // what is good again comes only after the refusal of what was not

/// Grows by two with each step.
Duration grown(unsigned steps) { return std::min<Duration>(kRetryMax, kRetryBase * (1LL << std::min(steps, 16U))); }

/// A delta says what becomes of each name once. Empty: it does; else as Envoy says it.
std::string repeated_name(const Response& r) {
  std::unordered_set<std::string_view> names;
  names.reserve(r.resources.size() + r.removed.size());
  for (const auto& resource : r.resources)
    if (!names.insert(resource.name).second) return "duplicate name " + resource.name + " found among added/updated resources";
  for (const auto& name : r.removed)
    if (!names.insert(name).second) return "duplicate name " + name + " found in the union of added+removed resources";
  return {};
}

}  // namespace

namespace {
/// What its owner has: the client keeps the watch itself while it tells it something.
template <class Interest>
class Handle final : public Watch {
 public:
  Handle(std::shared_ptr<Interest> i, std::function<void(Interest&)> end) : interest_(std::move(i)), end_(std::move(end)) {}
  ~Handle() override { end_(*interest_); }
  void want(const std::set<std::string>& names) override { interest_->want(names); }

 private:
  std::shared_ptr<Interest> interest_;
  std::function<void(Interest&)> end_;
};
}  // namespace

Client::Client(event::Loop& loop, stats::Registry& registry, Random& random, Transport& transport, ClientSettings settings)
    : loop_(loop),
      registry_(registry),
      random_(random),
      transport_(transport),
      settings_(std::move(settings)),
      retry_(loop.timers(), *this),
      trim_(loop.timers(), *this) {
  stats::Recording recording(registry_);
  stats_ = stats::make_block<ControlPlaneStat>(registry_, settings_.stat_prefix);
  identifier_text_ = registry_.text_readout(settings_.stat_prefix + "identifier");
  registry_.set(identifier_text_, "");
  registry_.set(stats_, ControlPlaneStat::connected_state, 0);
  lease_ = recording.take();
  retry_.arm(Duration(0));  // once everybody has said what is wanted
}

Client::~Client() = default;

Client::Type& Client::type(const std::string& url) {
  auto& t = types_[url];
  if (t == nullptr) {
    t = std::make_unique<Type>(*this, url);
    if (stream_ != nullptr) t->subscription.open();
  }
  return *t;
}

std::unique_ptr<Watch> Client::watch(const std::string& type_url, std::set<std::string> names, bool all, const Counts& counts,
                                     Duration patience, WatchEvents& events, std::string space) {
  Type& t = type(type_url);
  auto interest = std::make_shared<Interest>(*this, t, std::move(names), all, std::move(space), counts, events, t.watches_made++);
  counts.attempt();
  interest->wait(patience);
  t.watches.push_back(interest);
  if (all) t.subscription.add_all();
  for (const auto& name : interest->names) t.enlist(name, *interest);
  enqueue_wishes(t);
  return std::make_unique<Handle<Interest>>(interest, [this, &t](Interest& gone) {
    gone.end_wait();
    gone.ended = true;
    if (work_ != nullptr && work_->watch.get() == &gone) work_ = nullptr;
    for (const auto& name : gone.names) t.strike(name, gone);
    if (gone.all) t.subscription.drop_all();
    std::erase_if(t.watches, [&](const auto& w) { return w.get() == &gone; });
    enqueue_wishes(t);
  });
}

void Client::Interest::want(const std::set<std::string>& next) {
  if (next == names) return;
  for (auto at = names.begin(); at != names.end();) {
    if (next.contains(*at)) {
      ++at;
      continue;
    }
    type_.strike(*at, *this);
    at = names.erase(at);
  }
  for (const auto& name : next)
    if (const auto [at, fresh] = names.insert(name); fresh) type_.enlist(*at, *this);
  counts.attempt();
  client_.enqueue_wishes(type_);
}

/// Says what watches want, once whoever changes that is done.
void Client::enqueue_wishes(Type& t) {
  if (t.paused > 0) return;
  enqueue(t);
  if (!flushing_)
    loop_.post([this, alive = std::weak_ptr<int>(alive_)] {
      if (!alive.expired()) flush();
    });
}

Client::Pause::Pause(Client& c, const std::string& type_url) : client_(c), type_url_(type_url) {
  ++client_.type(type_url).paused;
}
Client::Pause::~Pause() {
  Type& t = client_.type(type_url_);
  if (--t.paused == 0) client_.enqueue_wishes(t);
}

// ---- the stream

void Client::connect() {
  if (stream_ != nullptr) return;
  StreamEvents& self = *this;
  node_told_ = told_enough_ = false;
  stream_ = transport_.open(settings_.method, self);
  registry_.set(stats_, ControlPlaneStat::connected_state, 1);
  queue_.clear();
  for (auto& [url, t] : types_) {
    t->is_held = false;
    t->held.cancel();
    t->subscription.open();
    enqueue(*t);
  }
  flush();
}

void Client::on_closed(int grpc_status, std::string_view message) {
  finish_backlog();
  last_failure_ = "gRPC status " + std::to_string(grpc_status) + (message.empty() ? "" : ": " + std::string(message));
  LOG_WARN(logger::config, "xds: stream to '", settings_.name, "' closed: ", last_failure_);
  loop_.dispose(std::move(stream_));
  registry_.set(stats_, ControlPlaneStat::connected_state, 0);
  for (auto& [url, t] : types_) {
    t->subscription.close();
    for (const auto& w : t->watches) {
      w->counts.failure();
      w->counts.attempt();
    }
  }
  const auto limit = static_cast<std::uint64_t>(grown(failures_++).count());
  retry_.arm(Duration(static_cast<std::int64_t>(random_.below(limit))));
}

void Client::enqueue(Type& t) {
  if (!t.subscription.due() || t.is_held || t.paused > 0) return;
  if (std::find(queue_.begin(), queue_.end(), &t) == queue_.end()) queue_.push_back(&t);
}

void Client::flush() {
  if (stream_ == nullptr || closing_) return;
  const auto queue = std::exchange(queue_, {});
  for (Type* t : queue) send(*t);
}

void Client::send(Type& t) {
  if (auto request = t.subscription.next()) {
    const bool with_node = !settings_.node_once || !node_told_;
    node_told_ = true;
    stream_->send(encode_request(*request, settings_.kind, with_node ? std::string_view(settings_.node) : std::string_view()));
  }
}

bool Client::on_message(std::string message) {
  Response r;
  if (message.size() > kLargeBytes) trim_.arm(kTrimAfter);
  if (!decode_response(std::move(message), settings_.kind, r)) {
    on_closed(13, "a message that is no discovery response");
    return true;
  }
  failures_ = 0;
  if (r.control_plane != identifier_) registry_.set(identifier_text_, r.control_plane);
  identifier_ = r.control_plane;
  if (work_ == nullptr || r.type_url == kEndpoints) {
    receive(std::move(r));
    return true;
  }
  backlog_.push_back(std::move(r));
  told_enough_ = backlog_.size() >= kBacklogMax;
  return !told_enough_;
}

void Client::receive(Response r) {
  const auto at = types_.find(r.type_url);
  if (at == types_.end()) {
    LOG_WARN(logger::config, "xds: '", settings_.name, "' sends '", r.type_url, "', which nobody asked for");
    return;
  }
  if (settings_.kind == Subscription::Kind::state_of_the_world)
    for (auto& resource : r.resources)
      if (resource.name.empty()) resource.name = name_of_resource(resource.body);
  flushing_ = true;
  const bool is_delta = settings_.kind == Subscription::Kind::delta;
  if (const auto wrong = is_delta ? repeated_name(r) : std::string(); !wrong.empty())
    refuse_whole(*at->second, r, wrong);
  else if (!begin_work(*at->second, r))
    take(*at->second, r);
  flushing_ = false;
  flush();
}

/// Nothing of it is told to anybody.
void Client::refuse_whole(Type& t, const Response& r, const std::string& why) {
  const auto watches = t.watches;
  for (const auto& w : watches) {
    if (w->ended) continue;
    const bool first = !w->answered;
    w->end_wait();
    w->counts.rejected();
    w->counts.attempt();
    if (first) w->events.on_failure();
  }
  refuse(t, r, why);
}

void Client::take(Type& t, const Response& r) {
  const auto taken = [&] {
    const event::PostBatch batch;
    return give(t, r);
  }();
  answer(t, r, taken);
}

void Client::answer(Type& t, const Response& r, const Result<void>& taken) {
  note_lifetimes(t, r);
  if (taken) {
    t.refusals = 0;
    t.updated = loop_.wall();
    t.subscription.accept(r);
    return enqueue(t);
  }
  refuse(t, r, taken.error().detail);
}

void Client::refuse(Type& t, const Response& r, const std::string& why) {
  t.refused = loop_.wall();
  t.refusal = why;
  t.subscription.refuse(r, t.refusal);
  LOG_WARN(logger::config, "xds: ", t.subscription.type_url(), " of '", settings_.name, "' refused: ", t.refusal);
  if (t.refusals++ == 0) return enqueue(t);
  if (std::exchange(t.is_held, true)) return;  // it did not even wait for the answer
  t.held.arm(std::min(kHeldMax, grown(t.refusals - 2)));
}

std::vector<Client::Type::Part> Client::Type::parts(const Response& r) const {
  std::vector<Part> out;
  const auto add = [&](const std::string& name, const Resource* resource, const std::string* removed) {
    for (auto [at, end] = by_name.equal_range(name); at != end; ++at)
      out.push_back({at->second->shared_from_this(), resource, removed});
  };
  if (by_name.empty()) return out;
  for (const auto& resource : r.resources) add(resource.name, &resource, nullptr);
  for (const auto& name : r.removed) add(name, nullptr, &name);
  const auto earlier = [](const Part& a, const Part& b) { return a.watch->number < b.watch->number; };
  if (!std::is_sorted(out.begin(), out.end(), earlier)) std::stable_sort(out.begin(), out.end(), earlier);
  return out;
}

/// To every watch that it concerns. An error: what any of them said.
Result<void> Client::give(Type& t, const Response& r) {
  std::string why;
  const auto parts = t.parts(r);
  std::vector<std::shared_ptr<Interest>> wide;  // watches come and go meanwhile
  for (const auto& w : t.watches)
    if (w->all || !w->space.empty()) wide.push_back(w);
  auto next_wide = wide.begin();
  const auto give_all = [&](Interest& w) {
    Update u;
    if (fill_for_all(w, r, u)) tell(w, u, why);
  };
  const auto give_wide = [&](std::uint64_t before) {
    for (; next_wide != wide.end() && (*next_wide)->number < before; ++next_wide) give_all(**next_wide);
  };
  for (auto at = parts.begin(); at != parts.end();) {
    Interest& w = *at->watch;
    give_wide(w.number);
    Update u{r.version, settings_.kind == Subscription::Kind::state_of_the_world, {}, {}};
    for (; at != parts.end() && at->watch.get() == &w; ++at) {
      if (at->removed != nullptr) u.removed.push_back(*at->removed);
      if (at->resource != nullptr && !at->resource->heartbeat) u.resources.push_back(at->resource);
    }
    if (w.space.empty()) tell(w, u, why);  // otherwise it is one of the others
  }
  give_wide(UINT64_MAX);
  if (!why.empty()) return Error{Errc::invalid_config, why};
  return {};
}

/// Of a watch of all, or of all in a collection. False: it is not concerned.
bool Client::fill_for_all(const Interest& w, const Response& r, Update& u) const {
  u.version = r.version;
  u.whole = settings_.kind == Subscription::Kind::state_of_the_world;
  const bool nothing = r.resources.empty() && r.removed.empty();
  bool concerned = w.all && (w.space.empty() || nothing);
  u.resources.reserve(r.resources.size());
  for (const auto& resource : r.resources) {
    if (!w.wants(resource.name)) continue;
    concerned = true;
    if (!resource.heartbeat || (w.all && !w.space.empty())) u.resources.push_back(&resource);
  }
  for (const auto& name : r.removed) {
    if (!w.wants(name)) continue;
    concerned = true;
    u.removed.push_back(name);
  }
  return concerned;
}

void Client::tell(Interest& w, const Update& u, std::string& why) {
  if (w.ended) return;
  event::give_way();
  w.end_wait();
  const auto begin = loop_.read_clock();
  const auto taken = w.events.on_update(u);
  count(w, u, taken, begin);
  if (!taken) why += (why.empty() ? "" : "; ") + taken.error().detail;
}

void Client::count(Interest& w, const Update& u, const Result<void>& taken, TimePoint begin) {
  if (taken)
    w.counts.success(u.version, loop_.wall(), loop_.read_clock() - begin);
  else
    w.counts.rejected();
  w.counts.attempt();
}

void Client::give_back_memory() { malloc_trim(0); }

// ---- resources that end by themselves

void Client::note_lifetimes(Type& t, const Response& r) {
  for (const auto& resource : r.resources) {
    if (resource.ttl && t.subscription.wants(resource.name))
      t.lifetimes[resource.name] = loop_.now() + *resource.ttl;
    else
      t.lifetimes.erase(resource.name);
  }
  for (const auto& name : r.removed) t.lifetimes.erase(name);
  if (t.lifetimes.empty()) return t.expiry.cancel();
  const auto first =
      std::min_element(t.lifetimes.begin(), t.lifetimes.end(), [](auto& a, auto& b) { return a.second < b.second; });
  t.expiry.arm(std::max(Duration(0), first->second - loop_.now()));
}

void Client::expire(Type& t) {
  Response r;
  r.version = t.subscription.version();
  for (const auto& [name, end] : t.lifetimes)
    if (end <= loop_.now()) r.removed.push_back(name);
  for (const auto& name : r.removed) {
    LOG_WARN(logger::config, "xds: the time to live of '", name, "' (", t.subscription.type_url(), ") ended");
    t.subscription.forget(name);
  }
  const auto watches = t.watches;
  for (const auto& w : watches) {
    Update u{r.version, false, {}, {}};
    for (const auto& name : r.removed)
      if (w->wants(name)) u.removed.push_back(name);
    if (!u.removed.empty() && !w->ended) (void)w->events.on_update(u);
  }
  note_lifetimes(t, r);
}

void Client::each(const std::function<void(const TypeView&)>& f) const {
  for (const auto& [url, t] : types_) {
    const auto waiting = std::count_if(t->watches.begin(), t->watches.end(), [](const auto& w) { return !w->answered; });
    f({t->subscription, t->updated, t->refused, t->refusal, t->watches.size(), static_cast<std::size_t>(waiting)});
  }
}

}  // namespace outrigger::xds
