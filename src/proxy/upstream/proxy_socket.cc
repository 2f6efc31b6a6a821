#include "proxy/upstream/proxy_socket.h"

#include <optional>
#include <utility>
#include "proxy/net/origin.h"
#include "proxy/runtime/thread_context.h"

namespace outrigger::upstream {

using net::IoResult;
using net::IoStatus;

namespace {

/// Says nothing of its connection before the header is written.
class ProxyTransport final : public net::Transport, private net::TransportEvents {
 public:
  ProxyTransport(std::unique_ptr<net::Transport> inner, runtime::ThreadContext& thread, const ProxySocket& socket, EndpointPtr to,
                 const net::ProxyHeader* known)
      : inner_(std::move(inner)), thread_(thread), socket_(socket), to_(std::move(to)) {
    if (known != nullptr) known_ = *known;
  }
  void start(net::TransportEvents& events) override {
    events_ = &events;
    inner_->start(*this);
  }
  IoResult read(Buffer& into, std::size_t bytes_max) noexcept override { return inner_->read(into, bytes_max); }
  IoResult write(Buffer& from) noexcept override { return inner_->write(from); }
  void shutdown_write() noexcept override { inner_->shutdown_write(); }
  void rearm() noexcept override { inner_->rearm(); }
  bool peer_closed() const noexcept override { return inner_->peer_closed(); }
  void close() noexcept override { inner_->close(); }
  void close_reset() noexcept override { inner_->close_reset(); }
  const net::Address& local() const noexcept override { return inner_->local(); }
  const net::Address& remote() const noexcept override { return inner_->remote(); }
  int fd() const noexcept override { return inner_->fd(); }
  std::string_view failure_reason() const noexcept override { return inner_->failure_reason(); }
  std::string_view termination_details() const noexcept override { return inner_->termination_details(); }

 private:
  void on_connected() override {
    header_.append(make_header());
    known_.reset();
    connected_ = true;
    flush();
  }
  void on_connect_failed(int error) override { events_->on_connect_failed(error); }
  void on_readable() override {
    if (written_) return events_->on_readable();
    readable_ = true;
  }
  void on_writable() override {
    if (written_) return events_->on_writable();
    if (connected_) flush();
  }
  std::string make_header() const {
    http::ConnectionInfo here;
    here.local = inner_->local();
    here.remote = here.direct_remote = inner_->remote();
    here.start = thread_.loop.now();
    auto info = http::StreamInfo::of_connection(here, thread_.loop.now(), thread_.loop.wall());
    auto& up = info.upstream.emplace();
    up.host = to_->address;
    up.hostname = to_->hostname();
    up.metadata = to_->metadata;
    bool left_out = false;
    auto header = socket_.header(known_ ? &*known_ : nullptr, *to_, info, left_out);
    if (left_out) thread_.cells.add(socket_.stats(), stats::UpstreamProxyStat::v2_tlvs_exceed_max_length);
    return header;
  }
  void flush() {
    const auto r = inner_->write(header_);
    if (r.status == IoStatus::would_block || (r.status == IoStatus::ok && !header_.empty())) return;
    header_.clear();  // of a reset connection: whoever reads or writes next finds out
    written_ = true;
    if (readable_) inner_->rearm();
    events_->on_connected();
  }
  std::unique_ptr<net::Transport> inner_;
  runtime::ThreadContext& thread_;
  const ProxySocket& socket_;  // of the cluster, which outlives its connections
  EndpointPtr to_;             // as it was when it was asked for
  std::optional<net::ProxyHeader> known_;
  net::TransportEvents* events_ = nullptr;
  Buffer header_;
  bool connected_ = false, written_ = false, readable_ = false;
};

}  // namespace

/// The endpoint's TLVs come first and in the place of the config's, these in the place of the client's.
std::string ProxySocket::header(const net::ProxyHeader* known, const Endpoint& to, const http::StreamInfo& connection,
                                bool& left_out) const {
  if (settings_.version == 1) {
    if (known == nullptr) return net::write_proxy_v1(connection.connection->local, connection.connection->remote);
    return net::write_proxy_v1(known->source, known->destination);
  }
  if (known == nullptr) return net::write_proxy_v2(nullptr, nullptr, {});
  std::vector<net::ProxyTlv> tlvs = to.more->proxy_tlvs;
  for (const auto& a : settings_.added) {
    if (has_type(to.more->proxy_tlvs, a.type)) continue;
    net::ProxyTlv t{a.type, a.value};
    if (a.make) a.make(connection, t.value);
    if (!t.value.empty()) tlvs.push_back(std::move(t));
  }
  std::vector<net::ProxyTlv> passed;
  for (const auto& t : known->tlvs)
    if (settings_.passed_through[t.type] && !has_type(tlvs, t.type)) passed.push_back(t);
  tlvs.insert(tlvs.end(), passed.begin(), passed.end());
  return net::write_proxy_v2(&known->source, &known->destination, tlvs, &left_out);
}

std::unique_ptr<net::Transport> ProxySocket::wrap(runtime::ThreadContext& thread, std::unique_ptr<net::Transport> connecting,
                                                  const net::ConnectDemands& demands,
                                                  std::shared_ptr<net::TransportMemory>& memory) const {
  const bool told = demands.origin != nullptr && !demands.origin->header.source.empty();
  const net::ProxyHeader* known = told ? &demands.origin->header : nullptr;
  auto t = std::make_unique<ProxyTransport>(std::move(connecting), thread, *this, demands.endpoint, known);
  if (inside_ == nullptr) return t;
  return inside_->wrap(thread, std::move(t), demands, memory);
}

}  // namespace outrigger::upstream
