#include "filters/side_stream.h"

#include <utility>

#include "filters/upstream_failure.h"
#include "proxy/base/numbers.h"
#include "proxy/upstream/peer_names.h"

namespace outrigger::filters {

using http::Name;

namespace {

enum : std::uint32_t { kUnknown = 2, kResourceExhausted = 8, kInternal = 13, kUnavailable = 14 };
constexpr std::string_view kAnswered = "via_upstream";

}  // namespace

SideStream::SideStream(hcm::Stream& stream, SideStreamEvents& events, std::size_t message_max)
    : owner_(stream), told_(events), message_max_(message_max), head_(stream.arena().make<http::RequestHead>(stream.arena())) {}

void SideStream::open(upstream::Cluster* cluster, const GrpcTarget& target, std::string_view path) {
  head_->method = "POST";
  head_->path = path;
  head_->scheme = "http";
  head_->authority = target.authority;
  mark_internal(owner_, head_->headers, true);
  if (cluster == nullptr) return fail_later(kUnavailable, "Cluster not available");
  cluster_ = cluster;
  peer = upstream::peer_names_of(cluster->config(), *head_);
  upstream::PickContext pick;
  pick.request = head_;
  if (upstream::Host* host = cluster->pick(pick)) return cluster->request_stream(*host, *this);
  charge(503);
  fail_later(kUnavailable, "no healthy upstream{no_healthy_upstream}");
}

void SideStream::send(std::string_view message) {
  if (over_) return;
  GrpcFrameHead::append(unsent_, 0, static_cast<std::uint32_t>(message.size()));
  unsent_.append(message);
  if (stream_ != nullptr) stream_->send_body(unsent_, false);
}

void SideStream::on_below_low_watermark() {
  if (std::exchange(full_, false) && !over_) told_.on_side_room();
}

void SideStream::cancel() {
  if (std::exchange(over_, true)) return;
  cancel_pending();
  Deferred::unlink();
  if (stream_ != nullptr) std::exchange(stream_, nullptr)->cancel();
  cluster_ = nullptr;
  unsent_.clear();
}

void SideStream::fail_later(std::uint32_t status, std::string_view message) {
  failure_ = status;
  failure_text_ = message;
  owner_.thread().loop.defer(*this);
}

void SideStream::run_deferred() { end_with(failure_, failure_text_); }

void SideStream::end_with(std::uint32_t status, std::string_view message) {
  if (over_) return;
  cancel();
  told_.on_side_end(status, message);
}

void SideStream::end_with(const http::HeaderMap& map) {
  stream_ = nullptr;
  const auto status = to_number<std::uint32_t>(map.get(Name::grpc_status));
  const auto message = map.get(Name::grpc_message);
  end_with(status ? *status : kUnknown, message.empty() ? kAnswered : owner_.arena().cat(message, "{", kAnswered, "}"));
}

void SideStream::charge(std::uint16_t status) { charge_side(*cluster_, host_, owner_.thread().cells, status); }

void SideStream::on_pool_ready(upstream::ClientStream& s, upstream::Host& host) {
  stream_ = &s;
  host_ = &host;
  cluster_->see(host, upstream::Sight::connected);
  s.send_head(*head_, false);
  if (!unsent_.empty() && stream_ != nullptr) stream_->send_body(unsent_, false);
}

void SideStream::on_pool_failure(upstream::PoolFailure why, std::string_view detail, upstream::Host* host) {
  if (host != nullptr && why != upstream::PoolFailure::overflow) cluster_->see(*host, upstream::Sight::failed);
  if (why != upstream::PoolFailure::no_pool) return fail_before_answer(reset_reason_of(why), detail);
  charge(503);
  fail_later(kUnavailable, "no healthy upstream{no_healthy_upstream}");
}

void SideStream::fail_before_answer(http::ResetReason why, std::string_view detail) {
  charge(503);
  fail_later(kUnavailable, owner_.arena().cat("upstream connect error or disconnect/reset before headers. reset reason: ",
                                              text_of(why), "{", reset_details(false, why, detail, owner_.arena()), "}"));
}

void SideStream::on_head(http::ResponseHead& head, bool end_stream) {
  answered_ = true;
  cluster_->see(*host_, upstream::Sight::answer, health_code(*head_, head));
  charge(head.status);
  if (head.status / 100 != 5) cluster_->report(*host_, upstream::Outcome::success);
  if (head.status != 200 && !(end_stream && head.headers.has(Name::grpc_status))) {
    if (end_stream) stream_ = nullptr;
    return end_with(http::grpc_status_of(head.status), kAnswered);
  }
  if (end_stream) end_with(head.headers);
}

void SideStream::on_body(Buffer& b, bool end_stream) {
  const Buffer body(std::move(b));
  if (end_stream) stream_ = nullptr;
  for (std::size_t i = 0; i < body.runs() && !over_ && !wrong_ && !too_long_; ++i) frames_.take(body.run(i), *this);
  if (over_) return;
  if (too_long_ || wrong_) return end_with(too_long_ ? kResourceExhausted : kInternal, kAnswered);
  if (end_stream) end_with(kUnknown, kAnswered);
}

bool SideStream::begin(std::uint8_t flags) {
  wrong_ = wrong_ || flags != 0;
  message_.clear();
  return !over_ && !wrong_ && !too_long_;
}

void SideStream::content(std::string_view part) {
  too_long_ = too_long_ || message_.size() + part.size() > message_max_;
  if (!too_long_) message_ += part;
}

void SideStream::end() {
  if (!over_ && !too_long_) told_.on_side_message(message_);
}

void SideStream::on_trailers(http::HeaderMap& trailers) { end_with(trailers); }

void SideStream::on_reset(http::ResetReason why, std::string_view detail) {
  cluster_->see(*host_, upstream::Sight::failed);
  stream_ = nullptr;
  if (!answered_) return fail_before_answer(why, detail);
  fail_later(kInternal, reset_details(true, why, detail, owner_.arena()));
}

}  // namespace outrigger::filters
