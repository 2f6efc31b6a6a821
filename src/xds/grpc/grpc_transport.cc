#include "xds/grpc/grpc_transport.h"

#include <grpc/support/log.h>
#include <grpcpp/channel.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/create_channel_posix.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/support/client_callback.h>
#include <condition_variable>
#include <deque>
#include <mutex>
#include "proxy/base/log.h"
#include "xds/grpc/bytes.h"
#include "xds/grpc/library_parts.h"

namespace outrigger::xds {

namespace {

/// The calls that the library is not done with: its threads must be out of them before the loop goes.
class Running {
 public:
  void begin() {
    const std::lock_guard lock(mutex_);
    ++count_;
  }
  void end() {
    const std::lock_guard lock(mutex_);
    if (--count_ == 0) none_.notify_all();
  }
  void wait_for_none() {
    std::unique_lock lock(mutex_);
    none_.wait(lock, [this] { return count_ == 0; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable none_;
  std::size_t count_ = 0;
};

/// One call. Keeps itself until the library is done with it; whoever opened it may have gone by then.
class Call final : public grpc::ClientBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>, public std::enable_shared_from_this<Call> {
 public:
  /// `via` outlives the call or shows that it does not.
  Call(event::Loop& loop, StreamEvents& events, std::shared_ptr<Running> running, std::weak_ptr<const Bridge> via,
       std::function<void()> lost)
      : loop_(loop), events_(&events), running_(std::move(running)), via_(std::move(via)), lost_(std::move(lost)) {}
  void start(grpc::GenericStub& stub, const std::string& method, const GrpcTarget& target) {
    self_ = shared_from_this();
    running_->begin();
    for (const auto& [key, value] : target.metadata) context_.AddMetadata(key, value);
    if (!target.authority.empty()) context_.set_authority(target.authority);
    stub.PrepareBidiStreamingCall(&context_, method, {}, this);
    AddHold();  // writes begin outside of the library's callbacks
    StartRead(&in_);
    StartCall();
  }
  void send(std::string message) {
    unsent_.push_back(std::move(message));
    write();
  }
  void go_on() {
    if (std::exchange(waits_, false)) StartRead(&in_);
  }
  void abandon() {
    events_ = nullptr;
    context_.TryCancel();
    release();
  }

 private:
  // On a thread of the library.
  void OnReadDone(bool ok) override {
    if (ok) return post(&Call::take);
    post(&Call::release);
  }
  void OnWriteDone(bool ok) override {
    if (ok) post(&Call::next_write);
  }
  void OnDone(const grpc::Status& status) override {
    status_ = status;
    const auto running = running_;
    loop_.post([call = std::move(self_)] { call->end(); });
    running->end();  // the loop may go from here on
  }
  void post(void (Call::*what)()) {
    loop_.post([call = self_, what] { (*call.*what)(); });
  }
  // On the main thread.
  void take() {
    std::string message = to_text(in_);
    in_.Clear();
    if (events_ == nullptr) return release();
    waits_ = !events_->on_message(std::move(message));
    if (events_ == nullptr) return release();
    if (!waits_) StartRead(&in_);  // the next one is read when this one is done with
  }
  void next_write() {
    writing_ = false;
    write();
  }
  void write() {
    if (writing_ || released_ || unsent_.empty()) return;
    writing_ = true;
    out_ = to_bytes(unsent_.front());
    unsent_.pop_front();
    StartWrite(&out_);
  }
  void release() {
    if (!std::exchange(released_, true)) RemoveHold();
  }
  void end() {
    auto* events = std::exchange(events_, nullptr);
    std::string why = status_.error_message();
    if (status_.error_code() == grpc::StatusCode::UNAVAILABLE) {
      if (const auto via = via_.lock(); via != nullptr && !via->failure().empty()) why = via->failure();
      lost_();
    }
    if (events != nullptr) events->on_closed(status_.error_code(), why);
  }

  event::Loop& loop_;
  StreamEvents* events_;  // null: nobody listens any more
  std::shared_ptr<Running> running_;
  std::weak_ptr<const Bridge> via_;
  std::function<void()> lost_;
  std::shared_ptr<Call> self_;
  grpc::ClientContext context_;
  grpc::ByteBuffer in_, out_;
  grpc::Status status_;
  std::deque<std::string> unsent_;
  bool writing_ = false, released_ = false, waits_ = false;
};

class GrpcStream final : public Stream {
 public:
  explicit GrpcStream(std::shared_ptr<Call> call) : call_(std::move(call)) {}
  ~GrpcStream() override { call_->abandon(); }
  void send(std::string message) override { call_->send(std::move(message)); }
  void go_on() override { call_->go_on(); }

 private:
  std::shared_ptr<Call> call_;
};

std::shared_ptr<grpc::ChannelCredentials> credentials_of(const GrpcTarget& t) {
  if (!t.tls) return grpc::InsecureChannelCredentials();
  grpc::SslCredentialsOptions o;
  o.pem_root_certs = t.tls->roots;
  o.pem_cert_chain = t.tls->certificate;
  o.pem_private_key = t.tls->key;
  return grpc::SslCredentials(o);
}

/// There was no socket to call with.
class NoStream final : public Stream {
 public:
  NoStream(event::Loop& loop, StreamEvents& events) {
    loop.post([&events, alive = std::weak_ptr<int>(alive_)] {
      if (!alive.expired()) events.on_closed(grpc::StatusCode::UNAVAILABLE, "no socket can be opened");
    });
  }
  void send(std::string) override {}
  void go_on() override {}

 private:
  std::shared_ptr<int> alive_ = std::make_shared<int>();
};

class GrpcTransport final : public Transport {
 public:
  GrpcTransport(const Upstreams& upstreams, GrpcTarget target)
      : upstreams_(upstreams), loop_(upstreams.thread.loop), target_(std::move(target)) {}
  ~GrpcTransport() override { running_->wait_for_none(); }
  std::unique_ptr<Stream> open(const std::string& method, StreamEvents& events) override {
    if (bridge_ != nullptr && bridge_->over()) leave();
    if (stub_ == nullptr && !connect()) return std::make_unique<NoStream>(loop_, events);
    const auto lost = [this, of = stub_, alive = std::weak_ptr<int>(alive_)] {
      if (!alive.expired() && stub_ == of && bridge_ != nullptr) leave();
    };
    const auto call = std::make_shared<Call>(loop_, events, running_, bridge_, lost);
    call->start(*stub_, method, target_);
    return std::make_unique<GrpcStream>(call);
  }

 private:
  bool connect() {
    grpc::ChannelArguments args;
    args.SetMaxReceiveMessageSize(target_.message_bytes_max);
    for (const auto& [key, value] : target_.number_args) args.SetInt(key, value);
    for (const auto& [key, value] : target_.text_args) args.SetString(key, value);
    const auto channel = target_.cluster.empty() ? channel_to_uri(args) : channel_to_cluster(args);
    if (channel != nullptr) stub_ = std::make_shared<grpc::GenericStub>(channel);
    return channel != nullptr;
  }
  std::shared_ptr<grpc::Channel> channel_to_uri(grpc::ChannelArguments& args) const {
    // The client above waits between its attempts; the channel's own wait must not come on top of it.
    args.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 100);
    args.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, 100);
    args.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 1000);
    args.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    return grpc::CreateCustomChannel(target_.uri, credentials_of(target_), args);
  }
  std::shared_ptr<grpc::Channel> channel_to_cluster(const grpc::ChannelArguments& args) {
    auto bridge = std::make_shared<Bridge>(upstreams_, target_.cluster);
    const int fd = bridge->open();
    if (fd < 0) return nullptr;
    bridge_ = std::move(bridge);
    return grpc::CreateCustomInsecureChannelFromFd(target_.cluster, fd, args);
  }
  /// The next stream gets a connection of its own, to the cluster's next endpoint; streams that this one has go on.
  void leave() {
    stub_.reset();
    left_.push_back(std::move(bridge_));
    std::erase_if(left_, [](const auto& b) { return b->over(); });
  }

  Upstreams upstreams_;
  event::Loop& loop_;
  GrpcTarget target_;
  std::shared_ptr<grpc::GenericStub> stub_;  // null: the next stream connects
  std::shared_ptr<Bridge> bridge_;           // null: the library's own connection
  std::vector<std::shared_ptr<Bridge>> left_;
  std::shared_ptr<Running> running_ = std::make_shared<Running>();
  std::shared_ptr<int> alive_ = std::make_shared<int>();
};

void log_from_library(gpr_log_func_args* args) { LOG_DEBUG(logger::config, "grpc: ", args->message); }

}  // namespace

std::unique_ptr<Transport> make_grpc_transport(const Upstreams& upstreams, GrpcTarget target) {
  static const bool once = [] {
    gpr_set_log_verbosity(GPR_LOG_SEVERITY_ERROR);
    gpr_set_log_function(log_from_library);
    leave_parts_out();
    return true;
  }();
  (void)once;
  return std::make_unique<GrpcTransport>(upstreams, std::move(target));
}

}  // namespace outrigger::xds
