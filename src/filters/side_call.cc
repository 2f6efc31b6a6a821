#include "filters/side_call.h"

#include <algorithm>
#include <utility>

#include "filters/grpc.h"
#include "filters/upstream_failure.h"
#include "proxy/base/numbers.h"
#include "proxy/event/timers.h"
#include "proxy/upstream/peer_names.h"

namespace outrigger::filters {

using http::Name;
using stats::ClusterStat;

namespace {
constexpr std::size_t kAnswerMax = 1024 * 1024;
}

SideCall::SideCall(hcm::Stream& stream, SideCallEvents& events)
    : owner_(stream),
      told_(events),
      head_(stream.arena().make<http::RequestHead>(stream.arena())),
      timeout_(stream.thread().loop.timers(), *this),
      again_(stream.thread().loop.timers(), *this) {}

void SideCall::retry(unsigned most, Duration base, Duration max) {
  retries_ = most;
  backoff_base_ = base;
  backoff_max_ = max;
}

void mark_internal(hcm::Stream& stream, http::HeaderMap& h, bool forwarded) {
  h.set(Name::x_envoy_internal, "true");
  const std::string_view own = stream.config().local_address_text;
  if (!forwarded || own.empty()) return;
  const auto xff = h.get(Name::x_forwarded_for);
  h.set(Name::x_forwarded_for, xff.empty() ? own : h.arena().cat(xff, ",", own));
}

void add_grpc_headers(hcm::Stream& stream, const GrpcTarget& target, bool deadline, http::HeaderMap& h) {
  auto& arena = h.arena();
  h.add(Name::te, "trailers");
  if (const auto ms = target.timeout.count() / 1000; deadline && target.timeout.count() > 0)
    h.add(Name::grpc_timeout, arena.cat(decimal(static_cast<std::uint64_t>(ms), arena), "m"));
  h.add(Name::content_type, "application/grpc");
  target.metadata.apply(h, stream.format_context());
}

void SideCall::start(upstream::Cluster& cluster, Buffer&& body, Duration timeout, bool forwarded) {
  auto& h = head_->headers;
  mark_internal(owner_, h, forwarded);
  body_ = std::move(body);
  running_ = true;
  cluster_ = &cluster;
  started_ = owner_.thread().loop.now();
  whole_ = timeout;
  const Duration one = retries_ > 0 ? std::min(timeout, backoff_max_) : timeout;
  if (timeout.count() > 0)
    h.set(Name::x_envoy_expected_rq_timeout_ms, decimal(static_cast<std::uint64_t>(one.count() / 1000), owner_.arena()));
  peer = upstream::peer_names_of(cluster.config(), *head_);
  attempt();
}

void SideCall::attempt() {
  if (whole_.count() > 0) {
    const Duration left = std::max(whole_ - (owner_.thread().loop.now() - started_), Duration(1));
    timeout_.arm(backoff_max_.count() > 0 ? std::min(left, backoff_max_) : left);
  }
  upstream::PickContext pick;
  pick.request = head_;
  upstream::Host* host = cluster_->pick(pick);
  if (host == nullptr) {
    charge(503);
    failure_ = {503, "no healthy upstream", true};
    return fail();
  }
  cluster_->request_stream(*host, *this);
}

/// True: it will be. `ended`: the attempt's stream has.
bool SideCall::try_again(bool ended) {
  const auto now = owner_.thread().loop.now();
  if (retries_ == 0 || (whole_.count() > 0 && now - started_ >= whole_)) return false;
  --retries_;
  auto& cells = owner_.thread().cells;
  cells.add(cluster_->stats(), ClusterStat::upstream_rq_retry);
  cells.add(cluster_->stats(), ClusterStat::upstream_rq_retry_backoff_exponential);
  if (host_ != nullptr) cluster_->report(*host_, upstream::Outcome::error);
  if (ended) stream_ = nullptr;
  cancel_pending();
  timeout_.cancel();
  if (stream_ != nullptr) std::exchange(stream_, nullptr)->cancel();
  host_ = nullptr;
  answer_ = nullptr;
  received_.clear();
  const auto most = std::min(backoff_base_.count() << std::min(retried_++, 16U), backoff_max_.count());
  again_.arm(Duration(owner_.thread().random.below(static_cast<std::uint64_t>(std::max<Duration::rep>(most, 1)))));
  return true;
}

void SideCall::start_grpc(upstream::Cluster& cluster, const GrpcTarget& target, std::string_view path, std::string_view message) {
  head_->method = "POST";
  head_->path = path;
  head_->scheme = "http";
  head_->authority = target.authority;
  add_grpc_headers(owner_, target, true, head_->headers);
  Buffer body;
  GrpcFrameHead::append(body, 0, static_cast<std::uint32_t>(message.size()));
  body.append(message);
  start(cluster, std::move(body), target.timeout, true);
}

void SideCall::cancel() {
  if (running_) stop();
}

/// Nothing of it is left upstream.
void SideCall::stop() {
  running_ = false;
  cancel_pending();
  timeout_.cancel();
  again_.cancel();
  if (stream_ != nullptr) std::exchange(stream_, nullptr)->cancel();
  cluster_ = nullptr;
  body_.clear();
}

void SideCall::charge(std::uint16_t status) { charge_side(*cluster_, host_, owner_.thread().cells, status); }

void SideCall::on_pool_ready(upstream::ClientStream& s, upstream::Host& host) {
  stream_ = &s;
  host_ = &host;
  cluster_->see(host, upstream::Sight::connected);
  const bool head_only = body_.empty();
  s.send_head(*head_, head_only);
  if (!head_only && stream_ != nullptr) stream_->send_body(body_, true);
}

void SideCall::on_pool_failure(upstream::PoolFailure why, std::string_view, upstream::Host* host) {
  if (host != nullptr && why != upstream::PoolFailure::overflow) cluster_->see(*host, upstream::Sight::failed);
  if (try_again()) return;
  charge(503);
  if (why == upstream::PoolFailure::no_pool)
    failure_ = {503, "no healthy upstream", true};
  else
    note_reset(reset_reason_of(why));
  fail();
}

void SideCall::note_reset(http::ResetReason why) {
  failure_ = {503, owner_.arena().cat("upstream connect error or disconnect/reset before headers. reset reason: ", text_of(why)),
              true};
}

void SideCall::on_head(http::ResponseHead& head, bool end_stream) {
  answer_ = &head;
  cluster_->see(*host_, upstream::Sight::answer, health_code(*head_, head));
  if (head.status / 100 == 5 && try_again(end_stream)) return;
  charge(head.status);
  if (retried_ > 0 && head.status / 100 != 5)
    owner_.thread().cells.add(cluster_->stats(), ClusterStat::upstream_rq_retry_success);
  if (head.status / 100 != 5) cluster_->report(*host_, upstream::Outcome::success);
  head.headers.set(Name::x_envoy_upstream_service_time, decimal(elapsed_ms(), owner_.arena()));
  if (end_stream) answer(nullptr);
}

void SideCall::on_body(Buffer& b, bool end_stream) {
  if (received_.size() + b.size() > kAnswerMax) {
    b.clear();
    if (end_stream) stream_ = nullptr;
    return fail();
  }
  received_.append(std::move(b));
  if (end_stream) answer(nullptr);
}

void SideCall::on_trailers(http::HeaderMap& trailers) { answer(&trailers); }

void SideCall::on_reset(http::ResetReason why, std::string_view) {
  cluster_->see(*host_, upstream::Sight::failed);
  stream_ = nullptr;
  if (answer_ == nullptr && try_again()) return;
  if (answer_ == nullptr) {
    charge(503);
    note_reset(why);
  }
  fail();
}

std::uint64_t SideCall::elapsed_ms() const noexcept {
  return static_cast<std::uint64_t>((owner_.thread().loop.now() - started_).count() / 1000);
}

void SideCall::on_timeout() {
  auto& cells = owner_.thread().cells;
  if (answer_ == nullptr && try_again()) return cells.add(cluster_->stats(), ClusterStat::upstream_rq_per_try_timeout);
  cells.add(cluster_->stats(), ClusterStat::upstream_rq_timeout);
  if (host_ != nullptr && answer_ == nullptr) cluster_->see(*host_, upstream::Sight::timeout);
  if (answer_ == nullptr) {
    charge(504);
    failure_ = {504, "upstream request timeout", true};
  }
  fail();
}

void SideCall::answer(const http::HeaderMap* trailers) {
  auto& cells = owner_.thread().cells;
  cells.record(cluster_->stats(), ClusterStat::upstream_rq_time, elapsed_ms());
  cells.record(cluster_->stats(), ClusterStat::internal_upstream_rq_time, elapsed_ms());
  stream_ = nullptr;
  stop();
  told_.on_side_answer(*answer_, received_, trailers);
}

void SideCall::fail() {
  stop();
  told_.on_side_failure();
}

namespace {

/// Takes a body that is one message, or the last of several.
struct LastMessage {
  bool begin(std::uint8_t flags) {
    compressed = compressed || flags != 0;
    text.clear();
    whole = false;
    return true;
  }
  void head(std::string_view) noexcept {}
  void content(std::string_view part) {
    text += part;
    too_long = too_long || (most > 0 && text.size() > most);
  }
  void end() noexcept { whole = true; }
  std::string& text;
  std::size_t most;
  bool compressed = false, whole = false, too_long = false;
};

}  // namespace

std::optional<std::string_view> grpc_message(const http::ResponseHead& head, Buffer& body, const http::HeaderMap* trailers,
                                             std::size_t message_max) {
  if (head.status != 200 || trailers == nullptr || trailers->get(Name::grpc_status) != "0") return {};
  thread_local std::string text;
  GrpcFrames frames;
  LastMessage last{text, message_max};
  for (std::size_t i = 0; i < body.runs(); ++i) frames.take(body.run(i), last);
  if (!last.whole || last.compressed || last.too_long) return {};
  return std::string_view(text);
}

}  // namespace outrigger::filters
