#include "filters/shadow.h"

#include <memory>

#include "filters/grpc.h"
#include "proxy/base/numbers.h"
#include "proxy/event/timers.h"
#include "proxy/upstream/peer_names.h"

namespace outrigger::filters {

using http::Name;

class Shadow final : private upstream::PoolWaiter, private upstream::ClientStreamEvents {
 public:
  /// `set`: null when it is nobody's.
  Shadow(ShadowSet* set, runtime::ThreadContext& thread, const http::RequestHead& from)
      : set_(set), thread_(thread), limit_(thread.loop.timers(), *this) {
    head_ = arena_.make<http::RequestHead>(arena_);
    head_->method = arena_.copy(from.method);
    head_->path = arena_.copy(from.path);
    head_->scheme = arena_.copy(from.scheme);
    head_->authority = arena_.copy(from.authority);
    head_->headers.copy_from(from.headers);
  }
  ~Shadow() {
    if (stream_ != nullptr) stream_->cancel();
  }
  http::RequestHead& head() { return *head_; }
  void begin(upstream::Cluster& cluster, bool end_stream, Duration timeout, const std::shared_ptr<const UpstreamLogConfig>& log) {
    if (log != nullptr) {
      log_ = std::make_unique<UpstreamLog>(log, thread_, *head_, nullptr);
      const auto& c = cluster.config();
      log_->info().set_cluster(c.name, c.stat_name, c.metadata);
    }
    end_ = end_stream;
    head_only_ = end_stream;
    limit_.arm(timeout.count() > 0 ? timeout : Duration(std::chrono::seconds(15)));
    upstream::PickContext pick;
    pick.request = head_;
    upstream::Host* host = cluster.pick(pick);
    if (host == nullptr) return finish();
    cluster_ = &cluster;
    peer = upstream::peer_names_of(cluster.config(), *head_);
    cluster.request_stream(*host, *this);
  }
  void body(const Buffer& b, bool end_stream) {
    if (done_) return;
    if (log_ != nullptr) log_->info().bytes_sent += b.size();
    if (unsent_.size() + b.size() > kBufferMax) return finish();
    b.share_to(unsent_);
    end_ = end_stream;
    send();
  }
  /// The mirrored request is gone: without its end the copy makes no sense.
  void detach() {
    set_ = nullptr;
    if (!end_ && !done_) finish();
  }

 private:
  static constexpr std::size_t kBufferMax = 1024 * 1024;
  void send() {
    if (stream_ == nullptr) return;
    if (!unsent_.empty() || (end_ && !head_only_)) stream_->send_body(unsent_, end_);
  }
  void on_pool_ready(upstream::ClientStream& s, upstream::Host& host) override {
    stream_ = &s;
    host_ = &host;
    cluster_->see(host, upstream::Sight::connected);
    if (log_ != nullptr) log_->on_connected(s.info());
    s.send_head(*head_, head_only_);
    if (!head_only_) send();
    if (log_ != nullptr) log_->on_started();
  }
  void on_pool_failure(upstream::PoolFailure why, std::string_view, upstream::Host* host) override {
    if (host != nullptr && why != upstream::PoolFailure::overflow) cluster_->see(*host, upstream::Sight::failed);
    finish();
  }
  upstream::ClientStreamEvents& events() override { return *this; }
  Arena& arena() override { return arena_; }
  void on_informational(http::ResponseHead&) override {}
  void on_head(http::ResponseHead& head, bool end_stream) override {
    answered_ = true;
    cluster_->see(*host_, upstream::Sight::answer, health_code(*head_, head));
    if (log_ != nullptr) log_->on_head(head);
    if (end_stream) gone();
  }
  void on_body(Buffer& b, bool end_stream) override {
    if (log_ != nullptr) log_->info().bytes_received += b.size();
    b.clear();
    if (end_stream) gone();
  }
  void on_trailers(http::HeaderMap& trailers) override {
    if (log_ != nullptr) log_->on_trailers(trailers);
    gone();
  }
  void on_reset(http::ResetReason, std::string_view) override {
    cluster_->see(*host_, upstream::Sight::failed);
    gone();
  }
  void on_above_high_watermark() override {}
  void on_below_low_watermark() override {}
  void gone() {
    settle();
    stream_ = nullptr;
    finish();
  }
  void settle() {
    if (log_ == nullptr || stream_ == nullptr) return;
    auto& info = log_->info();
    info.upstream = stream_->info();
    info.upstream_bytes = stream_->info().bytes;
  }
  void on_limit() {
    if (host_ != nullptr && !answered_) cluster_->see(*host_, upstream::Sight::timeout);
    finish();
  }
  void finish() {
    if (done_) return;
    done_ = true;
    cancel_pending();
    limit_.cancel();
    settle();
    if (log_ != nullptr) log_->write_end();
    if (stream_ != nullptr) std::exchange(stream_, nullptr)->cancel();
    if (set_ != nullptr)
      for (auto& s : set_->shadows_)
        if (s == this) s = nullptr;
    cluster_ = nullptr;  // it may be what ends this, and gone before this is: a worker that stops drops its clusters
    thread_.loop.dispose(std::unique_ptr<Shadow>(this));
  }

  ShadowSet* set_;
  runtime::ThreadContext& thread_;
  std::unique_ptr<UpstreamLog> log_;  // null: not wanted
  Arena arena_;
  http::RequestHead* head_ = nullptr;
  upstream::ClusterRef cluster_;  // null: no host was picked
  upstream::Host* host_ = nullptr;
  upstream::ClientStream* stream_ = nullptr;
  Buffer unsent_;
  bool end_ = false, head_only_ = false, done_ = false, answered_ = false;
  event::Alarm<Shadow, &Shadow::on_limit> limit_;
};

namespace {

/// As Envoy marks requests of its own.
void mark_internal(http::RequestHead& head, hcm::Stream& stream, bool forwarded) {
  Arena& arena = head.headers.arena();
  head.headers.set(Name::x_envoy_internal, "true");
  const std::string_view own = stream.config().local_address_text;
  if (!forwarded || own.empty()) return;
  const auto xff = head.headers.get(Name::x_forwarded_for);
  head.headers.set(Name::x_forwarded_for, xff.empty() ? arena.copy(own) : arena.cat(xff, ",", own));
}

}  // namespace

void ShadowSet::start(hcm::Stream& stream, const route::Route& route, bool end_stream, Duration timeout,
                      const std::shared_ptr<const UpstreamLogConfig>& log) {
  auto& thread = stream.thread();
  for (const auto& m : *route.mirrors) {
    if (count_ == kMax) return;
    if (!m.fraction.enabled(*thread.runtime, thread.random.next())) continue;
    const auto name = m.cluster.empty() ? stream.request().get(m.cluster_header) : std::string_view(m.cluster);
    upstream::Cluster* cluster = stream.worker().clusters.find(name);
    if (cluster == nullptr) continue;
    auto shadow = std::make_unique<Shadow>(this, thread, stream.request());
    auto& head = shadow->head();
    Arena& arena = head.headers.arena();
    route::apply(m.mutations, head.headers, stream.format_context());
    if (m.append_shadow_suffix) {
      const auto colon = head.authority.rfind(':');
      const bool port = colon != std::string_view::npos && head.authority.find(']', colon) == std::string_view::npos;
      head.authority = port ? arena.cat(head.authority.substr(0, colon), "-shadow", head.authority.substr(colon))
                            : arena.cat(head.authority, "-shadow");
    }
    if (!m.host_rewrite.empty()) head.authority = m.host_rewrite;
    mark_internal(head, stream, true);
    Shadow* s = shadow.release();  // owns itself from here
    shadows_[count_++] = s;
    s->begin(*cluster, end_stream, timeout, log);
  }
}

void ShadowSet::body(const Buffer& body, bool end_stream) {
  for (std::size_t i = 0; i < count_; ++i)
    if (shadows_[i] != nullptr) shadows_[i]->body(body, end_stream);
}

void ShadowSet::abandon() {
  for (std::size_t i = 0; i < count_; ++i)
    if (shadows_[i] != nullptr) std::exchange(shadows_[i], nullptr)->detach();
  count_ = 0;
}

void send_and_forget(hcm::Stream& stream, upstream::Cluster& cluster, const http::RequestHead& head, const Buffer& body,
                     Duration timeout, bool forwarded) {
  auto* s = std::make_unique<Shadow>(nullptr, stream.thread(), head).release();  // owns itself from here
  auto& h = s->head();
  mark_internal(h, stream, forwarded);
  if (const auto ms = timeout.count() / 1000; ms > 0)
    h.headers.set(Name::x_envoy_expected_rq_timeout_ms, decimal(static_cast<std::uint64_t>(ms), h.headers.arena()));
  s->begin(cluster, body.empty(), timeout, nullptr);
  if (!body.empty()) s->body(body, true);
}

}  // namespace outrigger::filters
