// One stream to a control plane: all types (ADS) or one. Keeps it open, asks for what its watches want, gives them
// what comes, and tells the control plane whether that was taken. Main thread; owned by Sources.
#pragma once
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>
#include "proxy/base/random.h"
#include "proxy/event/loop.h"
#include "proxy/stats/lease.h"
#include "xds/client/counts.h"
#include "xds/client/transport.h"
#include "xds/client/watch.h"
#include "xds/protocol/subscription.h"

namespace outrigger::xds {

struct ClientSettings {
  std::string name;    // of the control plane, for people
  std::string method;  // ":path" of the call
  Subscription::Kind kind = Subscription::Kind::state_of_the_world;
  std::string node;  // serialised
  bool node_once = false;
  bool aggregated = false;  // for all types
  std::string stat_prefix;  // of its state, ends with a dot
};

class Client final : private StreamEvents {
 public:
  Client(event::Loop& loop, stats::Registry& registry, Random& random, Transport& transport, ClientSettings settings);
  ~Client();
  /// All resources of the type (whose names begin with `space`), or those of `names` (or in `space`, an xdstp: collection).
  /// `patience`: for the first of them; 0: for ever.
  std::unique_ptr<Watch> watch(const std::string& type_url, std::set<std::string> names, bool all, const Counts& counts,
                               Duration patience, WatchEvents& events, std::string space = {});
  /// Until the guard is gone, nothing is sent of that type: what is wanted changes many times.
  class Pause {
   public:
    Pause(Client& c, const std::string& type_url);
    ~Pause();

   private:
    Client& client_;
    std::string type_url_;
  };

  /// For pages.
  struct TypeView {
    const Subscription& subscription;
    WallTime updated, refused;  // {}: never
    const std::string& refusal;
    std::size_t watches = 0, waiting = 0;  // waiting: those without a first answer
  };
  void each(const std::function<void(const TypeView&)>& f) const;
  const ClientSettings& settings() const noexcept { return settings_; }
  bool connected() const noexcept { return stream_ != nullptr; }
  const std::string& identifier() const noexcept { return identifier_; }
  const std::string& last_failure() const noexcept { return last_failure_; }

 private:
  class Interest;
  struct Type;
  bool on_message(std::string message) override;
  void on_closed(int grpc_status, std::string_view message) override;
  void connect();
  Type& type(const std::string& url);
  void enqueue_wishes(Type& t);
  void enqueue(Type& t);
  void flush();
  void send(Type& t);
  void receive(Response r);
  void take(Type& t, const Response& r);
  void answer(Type& t, const Response& r, const Result<void>& taken);
  void refuse(Type& t, const Response& r, const std::string& why);
  void refuse_whole(Type& t, const Response& r, const std::string& why);
  bool begin_work(Type& t, Response& r);
  void go_on_working();
  void end_work();
  void finish_backlog();
  Result<void> give(Type& t, const Response& r);
  bool fill_for_all(const Interest& w, const Response& r, Update& u) const;
  void count(Interest& w, const Update& u, const Result<void>& taken, TimePoint begin);
  void tell(Interest& w, const Update& u, std::string& why);
  void note_lifetimes(Type& t, const Response& r);
  void expire(Type& t);
  void give_back_memory();

  event::Loop& loop_;
  stats::Registry& registry_;
  Random& random_;
  Transport& transport_;
  ClientSettings settings_;
  stats::LeasePtr lease_;
  stats::BlockHandle stats_;
  stats::TextReadout identifier_text_;
  std::map<std::string, std::unique_ptr<Type>> types_;
  /// A large update that is being taken. What comes meanwhile waits, but for endpoints.
  struct Work;
  std::unique_ptr<Work> work_;
  std::deque<Response> backlog_;
  bool told_enough_ = false;  // the stream waits
  std::vector<Type*> queue_;  // those that have something to say, in that order
  std::unique_ptr<Stream> stream_;
  bool node_told_ = false, flushing_ = false, closing_ = false;
  unsigned failures_ = 0;  // since the last good response
  std::string identifier_, last_failure_;
  std::shared_ptr<int> alive_ = std::make_shared<int>();  // for what is posted
  event::Alarm<Client, &Client::connect> retry_;
  event::Alarm<Client, &Client::give_back_memory> trim_;  // after large messages
};

}  // namespace outrigger::xds
