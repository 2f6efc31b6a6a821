// The control plane of the bench: ADS in both variants for any number of proxies. Everything is serialised before it is
// pushed, so that a push costs it no more than the writing. Prints its port, then one JSON object a line: when a push began
// and when each type of it was accepted or refused (seconds of the monotonic clock). Its standard input says what is pushed:
//   push [clusters=N] [endpoints=N] [eds=0|1] [salt=N] [route=N] [cluster=N] [listener=PORT] [upstream=PORT] [other=PORT]
//   [moved=0|1]
// What a line leaves out stays as it was. A type is sent once those before it were answered.
#include <grpcpp/generic/async_generic_service.h>
#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>

#include <chrono>
#include <cinttypes>
#include <cstdio>
#include <functional>
#include <iostream>
#include <map>
#include <mutex>
#include <set>
#include <sstream>
#include <string>
#include <unordered_map>
#include <unordered_set>

#include "envoy/service/discovery/v3/discovery.pb.h"
#include "world.h"

namespace outrigger::bench {
namespace {

namespace discovery = envoy::service::discovery::v3;

const std::string kPrefix = "type.googleapis.com/";

constexpr std::size_t kWorldsMax = 4;

double now() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

grpc::Slice slice(const std::string& s) { return grpc::Slice(s); }

struct Entry {
  std::string name, version;
  grpc::Slice state, delta;  // as it stands in the response of each variant
};

/// All resources of a type.
struct Table {
  std::string type_url;
  bool wildcard = false;  // to name none is to ask for all
  std::uint64_t version = 0;
  std::vector<Entry> entries;
  std::unordered_map<std::string, const Entry*> by_name;
  grpc::Slice all_state, all_delta;
};

void fill(Table& t, const Kind& kind) {
  std::string all_state, all_delta;
  t.entries.clear();
  t.by_name.clear();
  t.entries.reserve(kind.resources.size());
  for (const auto& r : kind.resources) {
    discovery::DiscoveryResponse state;
    state.add_resources()->set_type_url(t.type_url);
    state.mutable_resources(0)->set_value(r.bytes);
    discovery::DeltaDiscoveryResponse delta;
    auto& resource = *delta.add_resources();
    resource.set_name(r.name);
    resource.set_version(std::to_string(std::hash<std::string>()(r.bytes)));
    *resource.mutable_resource() = state.resources(0);
    const std::string a = state.SerializeAsString(), b = delta.SerializeAsString();
    t.entries.push_back({r.name, resource.version(), slice(a), slice(b)});
    all_state += a;
    all_delta += b;
  }
  for (const auto& e : t.entries) t.by_name.emplace(e.name, &e);
  t.all_state = slice(all_state);
  t.all_delta = slice(all_delta);
}

bool same(const Table& a, const Table& b) {
  if (a.entries.size() != b.entries.size()) return false;
  for (std::size_t i = 0; i < a.entries.size(); ++i)
    if (a.entries[i].name != b.entries[i].name || a.entries[i].version != b.entries[i].version) return false;
  return true;
}

class Session;

/// What is served, and to whom. One mutex for all: there are few proxies.
struct Plane {
  std::mutex mutex;
  std::vector<std::shared_ptr<Table>> tables;
  std::map<std::string, std::vector<std::shared_ptr<Table>>> made;  // by world: those that alternate are made once
  std::set<Session*> sessions;
};

struct Subscription {
  bool asked = false, all = false, waiting = false, again = false;  // waiting: for an answer; again: asked for once more
  std::unordered_set<std::string> names;
  std::unordered_map<std::string, std::string> had;  // delta: versions
  std::string nonce;
  std::uint64_t sent = 0;  // version of the table
};

/// One ADS stream.
class Session final : public grpc::ServerGenericBidiReactor {
 public:
  Session(Plane& plane, bool delta) : plane_(plane), delta_(delta), subscriptions_(plane.tables.size()) {
    const std::lock_guard lock(plane_.mutex);
    plane_.sessions.insert(this);
    StartRead(&in_);
  }
  void OnReadDone(bool ok) override {
    const std::lock_guard lock(plane_.mutex);
    if (!ok) return finish();
    delta_ ? take_delta() : take_state();
    in_.Clear();
    StartRead(&in_);
    pump();
  }
  void OnWriteDone(bool ok) override {
    const std::lock_guard lock(plane_.mutex);
    writing_ = false;
    if (!ok) return finish();
    pump();
  }
  void OnDone() override {
    {
      const std::lock_guard lock(plane_.mutex);
      plane_.sessions.erase(this);
    }
    delete this;
  }
  /// Sends what is due, one response at a time. What is asked for is sent though the types before wait for an answer:
  /// Envoy accepts clusters once they are warm.
  void pump() {
    bool waits = false;
    for (std::size_t i = 0; i < subscriptions_.size() && !writing_ && !finished_; ++i) {
      auto& s = subscriptions_[i];
      if (s.asked && !s.waiting && (s.again || (s.sent != plane_.tables[i]->version && !waits))) send(s, *plane_.tables[i]);
      waits = waits || s.waiting;
    }
  }

 private:
  void finish() {
    if (!std::exchange(finished_, true)) Finish(grpc::Status::OK);
  }

  template <class Request>
  bool parse(Request& q, Subscription*& s, const Table*& t) {
    std::vector<grpc::Slice> slices;
    std::string bytes;
    if (!in_.Dump(&slices).ok()) return false;
    for (const auto& part : slices) bytes.append(reinterpret_cast<const char*>(part.begin()), part.size());
    if (!q.ParseFromString(bytes)) return false;
    for (std::size_t i = 0; i < plane_.tables.size(); ++i)
      if (plane_.tables[i]->type_url == q.type_url()) s = &subscriptions_[i], t = plane_.tables[i].get();
    return s != nullptr;
  }

  /// Tells of an answer; false: it is one to something older.
  template <class Request>
  bool answered(const Request& q, Subscription& s, const Table& t) {
    if (q.response_nonce().empty()) return true;
    if (q.response_nonce() != s.nonce) return false;
    if (!std::exchange(s.waiting, false)) s.again = !delta_;  // the same once more: it wants to hear again
    const std::string type = t.type_url.substr(t.type_url.rfind('.') + 1);
    if (q.has_error_detail())
      std::printf("{\"refused\": \"%s\", \"at\": %.6f}\n", type.c_str(), now());
    else if (s.sent == t.version && !s.again)
      std::printf("{\"accepted\": \"%s\", \"version\": %" PRIu64 ", \"at\": %.6f}\n", type.c_str(), t.version, now());
    std::fflush(stdout);
    return true;
  }

  void take_state() {
    discovery::DiscoveryRequest q;
    Subscription* s = nullptr;
    const Table* t = nullptr;
    if (!parse(q, s, t) || !answered(q, *s, *t)) return;
    std::unordered_set<std::string> names(q.resource_names().begin(), q.resource_names().end());
    s->all = names.empty() && t->wildcard;
    s->again = s->again || !s->asked || names != s->names;
    s->names = std::move(names);
    s->asked = true;
  }

  void take_delta() {
    discovery::DeltaDiscoveryRequest q;
    Subscription* s = nullptr;
    const Table* t = nullptr;
    if (!parse(q, s, t) || !answered(q, *s, *t)) return;
    if (!s->asked) {
      s->all = q.resource_names_subscribe().empty() && t->wildcard;
      for (const auto& [name, version] : q.initial_resource_versions()) s->had[name] = version;
    }
    for (const auto& name : q.resource_names_subscribe()) s->names.insert(name), s->had.erase(name), s->again = true;
    for (const auto& name : q.resource_names_unsubscribe()) s->names.erase(name), s->had.erase(name);
    s->again = s->again || !s->asked;
    s->asked = true;
  }

  void send(Subscription& s, const Table& t) {
    const bool first = s.sent == 0;
    s.again = false;
    s.sent = t.version;
    if (!s.all && s.names.empty()) return;
    const std::string nonce = std::to_string(++nonces_);
    std::vector<grpc::Slice> parts;
    delta_ ? add_delta(s, t, nonce, first, parts) : add_state(s, t, nonce, parts);
    if (parts.empty()) return;
    s.nonce = nonce;
    out_ = grpc::ByteBuffer(parts.data(), parts.size());
    writing_ = s.waiting = true;
    StartWrite(&out_);
  }

  static void add_state(const Subscription& s, const Table& t, const std::string& nonce, std::vector<grpc::Slice>& parts) {
    discovery::DiscoveryResponse head;
    head.set_type_url(t.type_url);
    head.set_version_info(std::to_string(t.version));
    head.set_nonce(nonce);
    parts.push_back(slice(head.SerializeAsString()));
    std::size_t wanted = 0;
    for (const auto& e : t.entries) wanted += s.all || s.names.contains(e.name);
    if (wanted == t.entries.size()) return parts.push_back(t.all_state);
    for (const auto& e : t.entries)
      if (s.names.contains(e.name)) parts.push_back(e.state);
  }

  static void add_delta(Subscription& s, const Table& t, const std::string& nonce, bool first, std::vector<grpc::Slice>& parts) {
    discovery::DeltaDiscoveryResponse head;
    head.set_type_url(t.type_url);
    head.set_system_version_info(std::to_string(t.version));
    head.set_nonce(nonce);
    std::vector<grpc::Slice> changed;
    for (const auto& e : t.entries) {
      if (!s.all && !s.names.contains(e.name)) continue;
      auto& had = s.had[e.name];
      if (had == e.version) continue;
      had = e.version;
      changed.push_back(e.delta);
    }
    for (const auto& [name, version] : s.had)
      if (!t.by_name.contains(name)) head.add_removed_resources(name);
    for (const auto& name : head.removed_resources()) s.had.erase(name);
    if (changed.empty() && head.removed_resources().empty() && !first) return;
    parts.push_back(slice(head.SerializeAsString()));
    if (changed.size() == t.entries.size()) changed = {t.all_delta};  // one slice is written sooner than many
    parts.insert(parts.end(), changed.begin(), changed.end());
  }

  Plane& plane_;
  const bool delta_;
  std::vector<Subscription> subscriptions_;  // as the tables
  grpc::ByteBuffer in_, out_;
  std::uint64_t nonces_ = 0;
  bool writing_ = false, finished_ = false;
};

class Service final : public grpc::CallbackGenericService {
 public:
  explicit Service(Plane& plane) : plane_(plane) {}
  grpc::ServerGenericBidiReactor* CreateReactor(grpc::GenericCallbackServerContext* context) override {
    return new Session(plane_, context->method().ends_with("DeltaAggregatedResources"));
  }

 private:
  Plane& plane_;
};

void set(World& w, const std::string& name, unsigned value) {
  const std::map<std::string, std::function<void()>> known{{"clusters", [&] { w.clusters = value; }},
                                                           {"endpoints", [&] { w.endpoints = value; }},
                                                           {"eds", [&] { w.eds = value != 0; }},
                                                           {"salt", [&] { w.salt = value; }},
                                                           {"route", [&] { w.route = value; }},
                                                           {"cluster", [&] { w.cluster = value; }},
                                                           {"listener", [&] { w.listener = static_cast<std::uint16_t>(value); }},
                                                           {"upstream", [&] { w.upstream = static_cast<std::uint16_t>(value); }},
                                                           {"other", [&] { w.other = static_cast<std::uint16_t>(value); }},
                                                           {"moved", [&] { w.moved = value != 0; }}};
  const auto at = known.find(name);
  if (at == known.end()) {
    std::fprintf(stderr, "unknown word '%s'\n", name.c_str());
    std::exit(2);
  }
  at->second();
}

/// Of this world; versions are given when it is pushed.
const std::vector<std::shared_ptr<Table>>& tables_of(Plane& plane, const World& w) {
  auto& tables = plane.made[key_of(w)];
  if (!tables.empty()) return tables;
  for (const auto& kind : make(w)) {
    auto& t = *tables.emplace_back(std::make_shared<Table>());
    t.type_url = kPrefix + kind.type;
    t.wildcard = kind.wildcard;
    fill(t, kind);
  }
  return tables;
}

void push(Plane& plane, const World& w) {
  if (plane.made.size() >= kWorldsMax) plane.made.clear();
  const auto& next = tables_of(plane, w);
  const std::lock_guard lock(plane.mutex);
  std::string changed;
  for (std::size_t i = 0; i < next.size(); ++i) {
    auto& t = plane.tables[i];
    if (same(*t, *next[i])) continue;
    next[i]->version = t->version + 1;
    t = next[i];
    changed += (changed.empty() ? "\"" : ", \"") + t->type_url.substr(t->type_url.rfind('.') + 1) + "\"";
  }
  std::printf("{\"pushed\": [%s], \"at\": %.6f}\n", changed.c_str(), now());
  std::fflush(stdout);
  for (auto* s : plane.sessions) s->pump();
}

int run() {
  Plane plane;
  World world;
  for (const auto& t : tables_of(plane, World{.clusters = 0})) {
    plane.tables.push_back(t);
    t->version = 1;
  }
  Service service(plane);
  int port = 0;
  grpc::ServerBuilder builder;
  builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
  builder.RegisterCallbackGenericService(&service);
  const auto server = builder.BuildAndStart();
  if (server == nullptr) return 1;
  std::printf("%d\n", port);
  std::fflush(stdout);
  for (std::string line; std::getline(std::cin, line);) {
    std::istringstream words(line);
    std::string word;
    words >> word;
    while (words >> word) {
      const auto at = word.find('=');
      set(world, word.substr(0, at), static_cast<unsigned>(std::stoul(word.substr(at + 1))));
    }
    push(plane, world);
  }
  server->Shutdown(std::chrono::system_clock::now());
  return 0;
}

}  // namespace
}  // namespace outrigger::bench

int main() { return outrigger::bench::run(); }
