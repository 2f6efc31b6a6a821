#include "filters/tcp_tunnel.h"

#include <utility>

namespace outrigger::filters {

using stats::ClusterStat;

namespace {
constexpr unsigned kReadsPerTurn = 16;  // then other connections get their turn
}

void TcpTunnel::connect(upstream::Host& host, std::string first) {
  downstream = waiter_.downstream;
  first_ = std::move(first);
  state = waiter_.state;
  auto attempt = cluster_->connect(host, *this);
  if (attempt != nullptr) attempt_ = std::move(attempt);
}

void TcpTunnel::on_tcp_ready(std::unique_ptr<upstream::TcpLease> lease) {
  lease_ = std::move(lease);
  auto& host = lease_->host();
  owner_ = &cluster_->owner_of(host);
  host.describe(info_);
  host.describe_connection(info_, lease_->transport());
  info_.connection_id = lease_->connection_id();
  info_.pool_ready = thread_.loop.now();
  lease_->transport().start(*this);
  waiter_.on_pool_ready(*this, host);
}

void TcpTunnel::on_tcp_failure(upstream::PoolFailure why, std::string_view detail, upstream::Host* host) {
  waiter_.on_pool_failure(why, detail, host);
}

void TcpTunnel::on_tcp_host_failed() {
  cancel();
  waiter_.events().on_reset(http::ResetReason::connection_termination, "");
}

void TcpTunnel::send_head(const http::RequestHead&, bool end_stream) {
  shut_ = end_stream;
  out_.append(std::exchange(first_, {}));
  flush();
  answered_ = true;
  auto* head = waiter_.arena().make<http::ResponseHead>(waiter_.arena());
  head->status = 200;
  waiter_.events().on_head(*head, false);
  if (lease_ != nullptr && readable_) read_loop();
}

void TcpTunnel::send_body(Buffer& body, bool end_stream) {
  if (lease_ == nullptr) return body.clear();
  out_.append(std::move(body));
  shut_ = shut_ || end_stream;
  flush();
}

void TcpTunnel::flush() {
  if (!out_.empty()) {
    const auto r = lease_->transport().write(out_);
    info_.bytes.wire_sent += r.bytes;
    thread_.cells.add(owner_->stats, ClusterStat::upstream_cx_tx_bytes_total, r.bytes);
    if (r.status == net::IoStatus::reset) {
      out_.clear();
      readable_ = true;  // what came before the reset is read first
      return read_loop();
    }
  }
  if (shut_ && out_.empty()) lease_->transport().shutdown_write();
  check_watermarks();
}

void TcpTunnel::check_watermarks() {
  const std::size_t high = owner_->config->buffer_bytes_max;
  if (!above_ && high != 0 && out_.size() > high) {
    above_ = true;
    waiter_.events().on_above_high_watermark();
  } else if (above_ && out_.size() <= high / 2) {
    above_ = false;
    waiter_.events().on_below_low_watermark();
  }
}

void TcpTunnel::on_writable() {
  if (lease_ != nullptr && !out_.empty()) flush();
}

void TcpTunnel::on_readable() {
  readable_ = true;
  read_loop();
}

void TcpTunnel::read_loop() {
  if (reading_ || !answered_) return;
  reading_ = true;
  for (unsigned reads = 0; lease_ != nullptr && readable_ && pauses_ == 0; ++reads) {
    if (reads == kReadsPerTurn) {
      readable_ = false;
      lease_->transport().rearm();
      break;
    }
    Buffer body;
    const auto r = lease_->transport().read(body, Buffer::kBlockBytes);
    if (r.status == net::IoStatus::ok) {
      if (r.drained) readable_ = false;
      info_.bytes.wire_received += r.bytes;
      thread_.cells.add(owner_->stats, ClusterStat::upstream_cx_rx_bytes_total, r.bytes);
      waiter_.events().on_body(body, false);
      continue;
    }
    readable_ = false;
    if (r.status == net::IoStatus::reset) {
      lease_->closed_by_remote();
      cancel();
      waiter_.events().on_reset(http::ResetReason::connection_termination, "");
    } else if (r.status == net::IoStatus::eof) {
      cancel();
      waiter_.events().on_body(body, true);
    }
  }
  reading_ = false;
}

void TcpTunnel::read_disable(bool disable) {
  if (disable) {
    ++pauses_;
  } else if (pauses_ > 0 && --pauses_ == 0 && lease_ != nullptr && readable_) {
    readable_ = false;
    lease_->transport().rearm();
  }
}

void TcpTunnel::cancel() {
  attempt_.reset();
  lease_.reset();
}

}  // namespace outrigger::filters
