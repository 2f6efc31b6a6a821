#include "control_plane/grpc/grpc_server.h"

#include <grpc/support/log.h>
#include <grpcpp/generic/async_generic_service.h>
#include <grpcpp/resource_quota.h>
#include <grpcpp/security/server_credentials.h>
#include <grpcpp/security/tls_certificate_provider.h>
#include <grpcpp/security/tls_credentials_options.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>
#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <deque>
#include <fstream>
#include <mutex>
#include <unordered_set>
#include "proxy/base/log.h"
#include "xds/grpc/bytes.h"

namespace outrigger::control_plane {

using xds::to_bytes;
using xds::to_text;

namespace {

constexpr unsigned kRereadSeconds = 2;  // of certificates
constexpr std::size_t kMemoryMax = std::size_t{512} * 1024 * 1024;

class GrpcCall;

/// The calls that the library is not done with.
class Running {
 public:
  /// False: there are enough, or it is over.
  bool begin(GrpcCall& call, std::size_t most) {
    const std::lock_guard lock(mutex_);
    if (closing_ || calls_.size() >= most) return false;
    calls_.insert(&call);
    return true;
  }
  void end(GrpcCall& call) {
    const std::lock_guard lock(mutex_);
    calls_.erase(&call);
    if (calls_.empty()) none_.notify_all();
  }
  /// No other begins from now on.
  void close(const std::function<void(GrpcCall&)>& f) {
    std::vector<std::shared_ptr<GrpcCall>> all;
    {
      const std::lock_guard lock(mutex_);
      closing_ = true;
      for (GrpcCall* c : calls_) all.push_back(keep(*c));
    }
    for (const auto& c : all) f(*c);
  }
  void wait_for_none() {
    std::unique_lock lock(mutex_);
    none_.wait(lock, [this] { return calls_.empty(); });
  }

 private:
  static std::shared_ptr<GrpcCall> keep(GrpcCall& c);
  std::mutex mutex_;
  std::condition_variable none_;
  std::unordered_set<GrpcCall*> calls_;
  bool closing_ = false;
};

/// One call. The library has it until OnDone; the control plane's part of it is on the main thread, from where everything
/// is written and where it is finished.
class GrpcCall final : public grpc::ServerGenericBidiReactor, public Call, public std::enable_shared_from_this<GrpcCall> {
 public:
  GrpcCall(event::Loop& loop, ControlPlane& plane, std::shared_ptr<Running> running)
      : loop_(loop), plane_(plane), running_(std::move(running)) {}
  void begin(const grpc::GenericCallbackServerContext& context) {
    self_ = shared_from_this();
    loop_.post([call = self_, method = context.method(), peer = peer_of(context)] {
      call->stream_ = call->plane_.open(method, peer, call);
      if (call->stream_ != 0 && !call->finished_) call->StartRead(&call->in_);
    });
  }
  void send(std::string message) override {
    unsent_.push_back(std::move(message));
    write();
  }
  void finish(int status, const std::string& why) override {
    if (!std::exchange(finished_, true)) Finish({static_cast<grpc::StatusCode>(status), why});
  }

 private:
  static std::string peer_of(const grpc::GenericCallbackServerContext& context) {
    std::string out = context.peer();
    const auto auth = context.auth_context();
    if (auth == nullptr || !auth->IsPeerAuthenticated()) return out;
    for (const auto& name : auth->GetPeerIdentity()) return out + " (" + std::string(name.data(), name.size()) + ")";
    return out;
  }
  // On a thread of the library.
  void OnReadDone(bool ok) override {
    if (ok)
      post(&GrpcCall::take);
    else
      post(&GrpcCall::close);
  }
  void OnWriteDone(bool ok) override {
    if (ok) post(&GrpcCall::next_write);
  }
  void OnCancel() override { post(&GrpcCall::close); }
  void OnDone() override {
    const auto self = std::move(self_);
    const auto running = running_;
    loop_.post([self] { self->close(); });
    running->end(*this);  // the loop may go from here on
  }
  void post(void (GrpcCall::*what)()) {
    loop_.post([call = shared_from_this(), what] { (*call.*what)(); });
  }
  // On the main thread.
  void take() {
    const std::string message = to_text(in_);
    in_.Clear();
    plane_.on_message(stream_, message);
    if (!finished_) StartRead(&in_);  // the next one is read when this one is done with
  }
  void next_write() {
    writing_ = false;
    write();
  }
  void write() {
    if (writing_ || finished_ || unsent_.empty()) return;
    writing_ = true;
    out_ = to_bytes(unsent_.front());
    unsent_.pop_front();
    StartWrite(&out_);
  }
  void close() {
    finish(0, "");
    if (const auto stream = std::exchange(stream_, 0); stream != 0) plane_.on_closed(stream);
  }

  event::Loop& loop_;
  ControlPlane& plane_;
  std::shared_ptr<Running> running_;
  std::shared_ptr<GrpcCall> self_;
  std::uint64_t stream_ = 0;
  grpc::ByteBuffer in_, out_;
  std::deque<std::string> unsent_;  // one of each type at most
  bool writing_ = false, finished_ = false;
};

std::shared_ptr<GrpcCall> Running::keep(GrpcCall& c) { return c.shared_from_this(); }

class Refused final : public grpc::ServerGenericBidiReactor {
 public:
  Refused() { Finish({grpc::StatusCode::RESOURCE_EXHAUSTED, "too many streams"}); }
  void OnDone() override { delete this; }
};

class Service final : public grpc::CallbackGenericService {
 public:
  Service(event::Loop& loop, ControlPlane& plane, std::size_t streams_max)
      : loop_(loop), plane_(plane), streams_max_(streams_max) {}
  grpc::ServerGenericBidiReactor* CreateReactor(grpc::GenericCallbackServerContext* context) override {
    auto call = std::make_shared<GrpcCall>(loop_, plane_, running_);
    if (!running_->begin(*call, streams_max_)) return new Refused;
    call->begin(*context);
    return call.get();
  }
  Running& running() noexcept { return *running_; }

 private:
  event::Loop& loop_;
  ControlPlane& plane_;
  std::size_t streams_max_;
  std::shared_ptr<Running> running_ = std::make_shared<Running>();
};

std::shared_ptr<grpc::ServerCredentials> credentials_of(const GrpcServerOptions& o) {
  if (o.certificate.empty()) return grpc::InsecureServerCredentials();
  using Provider = grpc::experimental::FileWatcherCertificateProvider;
  grpc::experimental::TlsServerCredentialsOptions options(
      o.client_authority.empty() ? std::make_shared<Provider>(o.key, o.certificate, kRereadSeconds)
                                 : std::make_shared<Provider>(o.key, o.certificate, o.client_authority, kRereadSeconds));
  options.watch_identity_key_cert_pairs();
  if (!o.client_authority.empty()) {
    options.watch_root_certs();
    options.set_cert_request_type(GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY);
  }
  return grpc::experimental::TlsServerCredentials(options);
}

/// In the library's form.
std::string library_address(const std::string& address) {
  return address.starts_with("unix:@") ? "unix-abstract:" + address.substr(6) : address;
}

class Listening final : public GrpcServer {
 public:
  Listening(event::Loop& loop, ControlPlane& plane, const GrpcServerOptions& o) : service_(loop, plane, o.streams_max) {
    grpc::ServerBuilder b;
    int port = 0;
    b.AddListeningPort(library_address(o.address), credentials_of(o), &port);
    b.SetMaxReceiveMessageSize(o.message_bytes_max);
    b.SetResourceQuota(grpc::ResourceQuota("outrigger-xds").Resize(kMemoryMax));
    b.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);  // two of them would share the proxies
    // A proxy that went without a word is noticed; proxies may ask as often as they like whether this is here.
    b.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, 60'000);
    b.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 20'000);
    b.AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
    b.AddChannelArgument(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
    b.AddChannelArgument(GRPC_ARG_HTTP2_MAX_PING_STRIKES, 0);
    b.RegisterCallbackGenericService(&service_);
    server_ = b.BuildAndStart();
    address_ = o.address;
    if (server_ != nullptr && !o.address.starts_with("unix:"))
      address_ = o.address.substr(0, o.address.rfind(':') + 1) + std::to_string(port);
  }
  ~Listening() override {
    if (server_ == nullptr) return;
    service_.running().close([](GrpcCall& c) { c.finish(kUnavailable, "the control plane ends"); });
    server_->Shutdown(std::chrono::system_clock::now() + std::chrono::milliseconds(200));
    service_.running().wait_for_none();
  }
  bool ok() const noexcept { return server_ != nullptr; }
  const std::string& address() const noexcept override { return address_; }

 private:
  Service service_;
  std::string address_;
  std::unique_ptr<grpc::Server> server_;
};

/// Why the library cannot listen is in its log only. Its threads write there as well.
class Complaint {
 public:
  void set(const char* text) {
    const std::lock_guard lock(mutex_);
    text_ = text;
  }
  std::string text() {
    const std::lock_guard lock(mutex_);
    return text_.substr(0, kTextMax);
  }

 private:
  static constexpr std::size_t kTextMax = 500;
  std::mutex mutex_;
  std::string text_;
};
Complaint last_complaint;

void log_from_library(gpr_log_func_args* args) {
  if (args->severity == GPR_LOG_SEVERITY_ERROR) last_complaint.set(args->message);
  LOG_DEBUG(logger::config, "grpc: ", args->message);
}

Result<void> check_readable(const std::string& file) {
  if (file.empty()) return {};
  std::ifstream in(file);
  char c;
  if (in.get(c)) return {};
  return Error{Errc::io, "cannot read " + file};
}

}  // namespace

Result<std::unique_ptr<GrpcServer>> GrpcServer::start(event::Loop& loop, ControlPlane& plane, const GrpcServerOptions& o) {
  for (const auto* file : {&o.certificate, &o.key, &o.client_authority})
    if (auto readable = check_readable(*file); !readable) return readable.error();
  gpr_set_log_verbosity(GPR_LOG_SEVERITY_ERROR);
  gpr_set_log_function(log_from_library);
  auto server = std::make_unique<Listening>(loop, plane, o);
  if (!server->ok()) return Error{Errc::io, "cannot listen at " + o.address + ": " + last_complaint.text()};
  return std::unique_ptr<GrpcServer>(std::move(server));
}

}  // namespace outrigger::control_plane
