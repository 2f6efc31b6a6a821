#include "filters/side_call.h"

#include <algorithm>
#include <utility>

#include "filters/cluster_counters.h"
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

SideCall::SideCall(SideOwner owner, SideCallEvents& events)
    : owner_(owner),
      told_(events),
      head_(owner.arena.make<http::RequestHead>(owner.arena)),
      timeout_(owner.thread.loop.timers(), *this),
      again_(owner.thread.loop.timers(), *this) {}

std::string_view flat(const Buffer& b, std::size_t most, Arena& arena) {
  const auto size = std::min(b.size(), most);
  char* out = static_cast<char*>(arena.allocate(size + 1, 1));
  std::size_t n = 0;
  for (std::size_t i = 0; i < b.runs() && n < size; ++i) n += b.run(i).copy(out + n, size - n);
  return {out, n};
}

void mark_internal(const SideOwner& owner, http::HeaderMap& h, bool forwarded) {
  h.set(Name::x_envoy_internal, "true");
  const std::string_view own = owner.local_address;
  if (!forwarded || own.empty()) return;
  const auto xff = h.get(Name::x_forwarded_for);
  h.set(Name::x_forwarded_for, xff.empty() ? own : h.arena().cat(xff, ",", own));
}

void add_grpc_headers(const SideOwner& owner, const GrpcTarget& target, bool deadline, http::HeaderMap& h) {
  auto& arena = h.arena();
  h.add(Name::te, "trailers");
  if (const auto ms = target.timeout.count() / 1000; deadline && target.timeout.count() > 0)
    h.add(Name::grpc_timeout, arena.cat(decimal(static_cast<std::uint64_t>(ms), arena), "m"));
  h.add(Name::content_type, "application/grpc");
  target.metadata.apply(h, owner.context());
}

void SideCall::start(upstream::Cluster& cluster, Buffer&& body, Duration timeout, bool forwarded) {
  auto& h = head_->headers;
  mark_internal(owner_, h, forwarded);
  body_ = std::move(body);
  if (retries_.enabled()) kept_ = flat(body_, body_.size(), owner_.arena);
  running_ = true;
  cluster_ = &cluster;
  started_ = owner_.thread.loop.now();
  whole_ = timeout;
  const Duration one = std::min(timeout, one_attempt().value_or(timeout));
  if (timeout.count() > 0)
    h.set(Name::x_envoy_expected_rq_timeout_ms, decimal(static_cast<std::uint64_t>(one.count() / 1000), owner_.arena));
  peer = upstream::peer_names_of(cluster.config(), *head_);
  attempt();
}

void SideCall::attempt() {
  const auto one = one_attempt();
  if (whole_.count() > 0) {
    const Duration left = std::max(whole_ - (owner_.thread.loop.now() - started_), Duration(1));
    timeout_.arm(std::min(left, one.value_or(left)));
  } else if (one) {
    timeout_.arm(*one);
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

void SideCall::retry(const route::RetryPolicy& policy) { retries_.init(policy); }

std::optional<Duration> SideCall::one_attempt() const noexcept {
  return retries_.policy() == nullptr ? std::nullopt : retries_.policy()->per_try_timeout;
}

/// There is time for another attempt, too.
bool SideCall::allows(RetryAnswer answer) {
  if (answer == RetryAnswer::limit_exceeded)
    owner_.thread.cells.add(cluster_->stats(), ClusterStat::upstream_rq_retry_limit_exceeded);
  return answer == RetryAnswer::yes && (whole_.count() == 0 || owner_.thread.loop.now() - started_ < whole_);
}

/// `ended`: the attempt's stream has.
void SideCall::retry_later(bool ended) {
  auto& cells = owner_.thread.cells;
  cells.add(cluster_->stats(), ClusterStat::upstream_rq_retry);
  bool told = false;
  const auto wait = retries_.back_off(*owner_.thread.runtime, owner_.thread.random, answer_, owner_.thread.loop.wall(), told);
  cells.add(cluster_->stats(),
            told ? ClusterStat::upstream_rq_retry_backoff_ratelimited : ClusterStat::upstream_rq_retry_backoff_exponential);
  if (host_ != nullptr) cluster_->report(*host_, upstream::Outcome::error);
  if (ended) stream_ = nullptr;
  cancel_pending();
  timeout_.cancel();
  if (stream_ != nullptr) std::exchange(stream_, nullptr)->cancel();
  host_ = nullptr;
  answer_ = nullptr;
  received_.clear();
  body_.clear();
  body_.append(kept_);
  again_.arm(wait);
}

void write_grpc_call(const SideOwner& owner, const GrpcTarget& target, std::string_view path, std::string_view message,
                     http::RequestHead& head, Buffer& body) {
  head.method = "POST";
  head.path = path;
  head.scheme = "http";
  head.authority = target.authority;
  add_grpc_headers(owner, target, true, head.headers);
  GrpcFrameHead::append(body, 0, static_cast<std::uint32_t>(message.size()));
  body.append(message);
}

void SideCall::start_grpc(upstream::Cluster& cluster, const GrpcTarget& target, std::string_view path, std::string_view message) {
  Buffer body;
  write_grpc_call(owner_, target, path, message, *head_, body);
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

void SideCall::charge(std::uint16_t status) { charge_side(*cluster_, host_, owner_.thread.cells, status); }

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
  const bool no_pool = why == upstream::PoolFailure::no_pool;
  if (!no_pool && allows(retries_.on_reset(reset_reason_of(why), false))) return retry_later();
  charge(503);
  if (no_pool)
    failure_ = {503, "no healthy upstream", true};
  else
    note_reset(reset_reason_of(why));
  fail();
}

void SideCall::note_reset(http::ResetReason why) {
  failure_ = {503, owner_.arena.cat("upstream connect error or disconnect/reset before headers. reset reason: ", text_of(why)),
              true};
}

void SideCall::on_head(http::ResponseHead& head, bool end_stream) {
  answer_ = &head;
  cluster_->see(*host_, upstream::Sight::answer, health_code(*head_, head));
  if (allows(retries_.on_response(head))) return retry_later(end_stream);
  charge(head.status);
  if (retries_.retried() && head.status / 100 != 5)
    owner_.thread.cells.add(cluster_->stats(), ClusterStat::upstream_rq_retry_success);
  if (head.status / 100 != 5) cluster_->report(*host_, upstream::Outcome::success);
  head.headers.set(Name::x_envoy_upstream_service_time, decimal(elapsed_ms(), owner_.arena));
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
  if (answer_ == nullptr && allows(retries_.on_reset(why, true))) return retry_later(true);
  if (answer_ == nullptr) {
    charge(503);
    note_reset(why);
  }
  fail();
}

std::uint64_t SideCall::elapsed_ms() const noexcept {
  return static_cast<std::uint64_t>((owner_.thread.loop.now() - started_).count() / 1000);
}

void SideCall::on_timeout() {
  const bool whole = whole_.count() > 0 && owner_.thread.loop.now() - started_ >= whole_;
  owner_.thread.cells.add(cluster_->stats(), whole ? ClusterStat::upstream_rq_timeout : ClusterStat::upstream_rq_per_try_timeout);
  if (answer_ == nullptr && allows(retries_.on_reset(http::ResetReason::local_reset, stream_ != nullptr))) return retry_later();
  if (host_ != nullptr && answer_ == nullptr) cluster_->see(*host_, upstream::Sight::timeout);
  if (answer_ == nullptr) {
    charge(504);
    failure_ = {504, "upstream request timeout", true};
  }
  fail();
}

void SideCall::answer(const http::HeaderMap* trailers) {
  auto& cells = owner_.thread.cells;
  cells.record(cluster_->stats(), ClusterStat::upstream_rq_time, elapsed_ms());
  cells.record(cluster_->stats(), ClusterStat::internal_upstream_rq_time, elapsed_ms());
  charge_zone_time(*cluster_, host_, cells, elapsed_ms());
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
