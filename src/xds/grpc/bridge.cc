#include "xds/grpc/bridge.h"

#include <fcntl.h>
#include <sys/socket.h>
#include "proxy/net/tcp_transport.h"

namespace outrigger::xds {

using net::IoStatus;

namespace {

constexpr std::size_t kBytesMax = 256 * 1024;  // that wait, each way
constexpr unsigned kReadsPerTurn = 16;         // the main thread has other work
// A cluster whose names are being resolved has no endpoint yet when its first stream is opened.
constexpr Duration kPatience = std::chrono::seconds(1), kLook = std::chrono::milliseconds(10);

std::string text_of(upstream::PoolFailure why, std::string_view detail, const upstream::Host* host) {
  using upstream::PoolFailure;
  std::string out;
  switch (why) {
    case PoolFailure::overflow: return "the cluster has as many connections as its circuit breakers allow";
    case PoolFailure::connect_timeout: out = "connection timeout"; break;
    case PoolFailure::local_failure: out = "local connection failure"; break;
    default: out = "connection failure"; break;
  }
  if (host != nullptr) out += " to " + std::string(host->endpoint().address.text());
  if (!detail.empty()) out += ": " + std::string(detail);
  return out;
}

}  // namespace

void Bridge::Side::on_readable() {
  readable = true;
  bridge->pump(*this, this == &bridge->library_ ? bridge->endpoint_ : bridge->library_);
}

void Bridge::Side::on_writable() { bridge->pump(this == &bridge->library_ ? bridge->endpoint_ : bridge->library_, *this); }

Bridge::Bridge(const Upstreams& upstreams, std::string cluster)
    : upstreams_(upstreams), name_(std::move(cluster)), look_(upstreams.thread.loop.timers(), *this) {
  alpn = {"\x02h2", 3};
  library_.bridge = endpoint_.bridge = this;
}

Bridge::~Bridge() { end({}); }

int Bridge::open() {
  int fds[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) != 0) return -1;
  local_ = std::make_unique<net::TcpTransport>(upstreams_.thread.loop, fds[0], net::Address(), net::Address());
  library_.transport = local_.get();
  local_->start(library_);
  patient_until_ = upstreams_.thread.loop.now() + kPatience;
  look_.arm(Duration(0));  // nobody is told anything before this returns
  return fds[1];
}

void Bridge::connect() {
  if (!upstreams_.clusters.has_hosts(name_) && upstreams_.thread.loop.now() < patient_until_) return look_.arm(kLook);
  cluster_ = upstreams_.clusters.find(name_);
  upstream::Host* host = cluster_ == nullptr ? nullptr : cluster_->pick({});
  if (host == nullptr) return end("no healthy upstream in cluster '" + name_ + "'");
  auto attempt = cluster_->connect(*host, *this);
  if (!over_ && lease_ == nullptr) attempt_ = std::move(attempt);
}

void Bridge::on_tcp_ready(std::unique_ptr<upstream::TcpLease> lease) {
  lease_ = std::move(lease);
  endpoint_.transport = &lease_->transport();
  endpoint_.transport->start(endpoint_);
  pump(library_, endpoint_);
}

void Bridge::on_tcp_failure(upstream::PoolFailure why, std::string_view detail, upstream::Host* host) {
  end(text_of(why, detail, host));
}

/// False: no more for now.
bool Bridge::read_some(Side& from) {
  const auto r = from.transport->read(from.in, Buffer::kBlockBytes);
  if (r.status == IoStatus::ok) {
    from.readable = !r.drained;
    using S = stats::ClusterStat;
    const auto stat = &from == &library_ ? S::upstream_cx_tx_bytes_total : S::upstream_cx_rx_bytes_total;
    upstreams_.thread.cells.add(cluster_->stats(), stat, r.bytes);
    return true;
  }
  from.readable = false;
  from.ended = r.status != IoStatus::would_block;
  return false;
}

void Bridge::pump(Side& from, Side& to) {
  if (over_ || from.transport == nullptr || to.transport == nullptr) return;
  for (unsigned reads = 0;; ++reads) {
    if (!from.in.empty() && to.transport->write(from.in).status == IoStatus::reset) {
      from.ended = true;  // nobody is there to take it
      from.in.clear();
      break;
    }
    if (!from.readable || from.in.size() >= kBytesMax) break;
    if (reads == kReadsPerTurn) {
      from.readable = false;
      from.transport->rearm();
      break;
    }
    if (!read_some(from)) break;
  }
  if (!from.ended || !from.in.empty()) return;
  if (lease_ != nullptr && &from == &endpoint_) lease_->closed_by_remote();
  end(std::string(endpoint_.transport->termination_details()));
}

void Bridge::end(std::string why) {
  if (std::exchange(over_, true)) return;
  failure_ = std::move(why);
  look_.cancel();
  library_.transport = endpoint_.transport = nullptr;
  auto& loop = upstreams_.thread.loop;
  if (local_ != nullptr) {
    local_->close();
    loop.dispose(std::move(local_));  // it may be on the stack
  }
  attempt_.reset();
  lease_.reset();
  cluster_ = nullptr;
  library_.in.clear();
  endpoint_.in.clear();
}

}  // namespace outrigger::xds
