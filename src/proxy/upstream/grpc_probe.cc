// Checks by grpc.health.v1.Health.Check, whose two messages have one field each.
#include "proxy/base/wire.h"
#include "proxy/upstream/request_probe.h"

namespace outrigger::upstream {

namespace {
constexpr std::size_t kFrameHead = 5;
constexpr std::size_t kMessageMax = 64 * 1024;  // an answer has a few bytes
}  // namespace

std::string grpc_health_request(std::string_view service) {
  std::string message;
  if (!service.empty()) put_wire_bytes(1, service, message);
  std::string frame(1, '\0');
  for (int shift = 24; shift >= 0; shift -= 8) frame += static_cast<char>(message.size() >> shift & 255U);
  return frame + message;
}

std::optional<bool> grpc_is_serving(std::string_view message) noexcept {
  constexpr std::uint64_t kServing = 1;
  std::uint64_t status = 0;
  WireReader r(message);
  while (r.next())
    if (r.field() == 1 && r.has_number()) status = r.number();
  if (!r.ok()) return {};
  return static_cast<std::uint32_t>(status) == kServing;
}

namespace {

class GrpcProbe final : public RequestProbe {
 public:
  GrpcProbe(const HealthConfig& config, ProbeTargetPtr target, ProbeOwner& owner)
      : RequestProbe(config, std::move(target), owner, PoolKind::http2), request_(grpc_health_request(config.service)) {}

 private:
  void reset() override {
    body_.clear();
    serving_.reset();
  }
  void send(ClientStream& stream) override {
    http::RequestHead head(arena_);
    head.method = "POST";
    head.path = "/grpc.health.v1.Health/Check";
    head.headers.add(http::Name::te, "trailers");
    head.headers.add(http::Name::content_type, "application/grpc");
    add_common(head);
    if (config_.add_headers) config_.add_headers(head, stream.info());
    head.headers.add("grpc-timeout", arena_.cat(std::to_string(config_.timeout.count() / 1000), "m"));
    stream.send_head(head, false);
    Buffer body;
    body.append(request_);
    if (in_flight()) stream.send_body(body, true);
  }
  void end(bool good) { finish({good && serving_.value_or(false) ? ProbeResult::passed : ProbeResult::failed}); }
  void take_head(http::ResponseHead& head, bool end_stream) override {
    if (end_stream) return end(false);  // perhaps with a good status, but without a message
    if (head.status != 200 || !http::is_grpc_type(head.headers.get(http::Name::content_type))) end(false);
  }
  void take_body(std::string_view part, bool end_stream) override {
    if (end_stream || body_.size() + part.size() > kMessageMax) return end(false);
    body_ += part;
    while (in_flight() && body_.size() >= kFrameHead) {
      std::uint32_t length = 0;
      for (std::size_t i = 1; i < kFrameHead; ++i) length = length << 8 | static_cast<unsigned char>(body_[i]);
      if (length > kMessageMax || body_[0] != 0) return end(false);
      if (body_.size() - kFrameHead < length) return;
      if (length > 0 && !take_message(std::string_view(body_).substr(kFrameHead, length))) return end(false);
      body_.erase(0, kFrameHead + length);
    }
  }
  /// The only one.
  bool take_message(std::string_view message) {
    if (serving_) return false;
    serving_ = grpc_is_serving(message);
    return serving_.has_value();
  }
  void take_trailers(http::HeaderMap& trailers) override { end(trailers.get(http::Name::grpc_status) == "0"); }

  const std::string request_;
  std::string body_;
  std::optional<bool> serving_;  // what the message says; none: it has not come
};

}  // namespace

std::unique_ptr<Probe> make_grpc_probe(const HealthConfig& config, ProbeTargetPtr target, ProbeOwner& owner) {
  return std::make_unique<GrpcProbe>(config, std::move(target), owner);
}

}  // namespace outrigger::upstream
