#include "filters/network_authz.h"

#include "filters/ext_authz.h"
#include "proxy/http/connection_facts.h"

namespace outrigger::filters {

namespace {

using Config = NetworkAuthz::Config;
using Stat = NetworkAuthzStat;

/// One connection's question. It has an arena of its own, for the call and what comes of it.
class Check final : public http::DataHold, private SideCallEvents {
 public:
  Check(hcm::Worker& worker, std::shared_ptr<const Config> config, http::ConnectionInfo& info, const http::StreamInfo& stream)
      : worker_(worker),
        config_(std::move(config)),
        info_(info),
        stream_(stream),
        call_({worker.thread, arena_, config_->local_address, stream_}, *this) {}
  ~Check() override {
    if (state_ == State::asking || state_ == State::waiting) worker_.thread.cells.dec(config_->stats, Stat::active);
  }
  Check(const Check&) = delete;
  Check& operator=(const Check&) = delete;

  /// True: it waits for the answer.
  bool ask() {
    count(Stat::total);
    worker_.thread.cells.inc(config_->stats, Stat::active);
    state_ = State::asking;
    started_ = worker_.thread.loop.now();
    auto* service = worker_.clusters.find(config_->service.cluster);
    if (service == nullptr)
      decide({});
    else
      start(*service);
    if (state_ != State::asking) return false;
    state_ = State::waiting;
    return true;
  }

 private:
  enum class State : std::uint8_t { idle, asking, waiting, over };

  void start(upstream::Cluster& service) {
    CheckRequest request;
    request.of_connection = true;
    describe_peers(info_, info_.remote, {config_->peer_certificate, config_->tls_session}, request);
    request.destination.service = info_.requested_server_name;
    if (!config_->labels.empty()) request.destination.labels = &config_->labels;
    describe_metadata(config_->metadata_spaces, stream_.dynamic_metadata.get(), request.metadata);
    thread_local std::string message;
    message.clear();
    config_->messages->encode(request, message);
    call_.start_grpc(service, config_->service, kCheckPath, message);
  }

  void on_side_answer(http::ResponseHead& head, Buffer& body, const http::HeaderMap* trailers) override {
    CheckAnswer answer;
    const auto message = grpc_message(head, body, trailers, config_->service.message_max);
    if (!message || !config_->messages->decode(*message, arena_, answer)) answer = {};
    decide(answer);
  }
  void on_side_failure() override { decide({}); }

  void decide(const CheckAnswer& answer) {
    const bool waited = state_ == State::waiting;
    state_ = State::over;
    worker_.thread.cells.dec(config_->stats, Stat::active);
    count(answer.verdict == CheckAnswer::ok ? Stat::ok : answer.verdict == CheckAnswer::denied ? Stat::denied : Stat::error);
    note_metadata(answer);
    const bool failed = answer.verdict == CheckAnswer::error;
    if (config_->shadow)
      note_verdict(answer);
    else if (answer.verdict == CheckAnswer::denied || (failed && !config_->allow_failure))
      deny(failed);
    else if (failed)
      count(Stat::failure_mode_allowed);
    if (waited) leave();
  }

  void deny(bool failed) {
    count(Stat::cx_closed);
    auto& facts = info_.facts();
    facts.denied = true;
    facts.flag = http::Flag::unauthorized_external_service;
    facts.details = failed ? "ext_authz_error" : "ext_authz_denied";
    info_.local_close_reason = "ext_authz_close";
  }

  void note_verdict(const CheckAnswer& answer) {
    const char* const result = answer.verdict == CheckAnswer::ok       ? "OK"
                               : answer.verdict == CheckAnswer::denied ? "DENIED"
                                                                       : "ERROR";
    std::map<std::string, std::string> fields{{"check_result", result}};
    std::string json = std::string("{\"check_result\":\"") + result + "\"";
    if (answer.status != 0) {
      const auto code = std::to_string(answer.status);
      json += ",\"status_code\":" + code;
      fields.emplace("status_code", code);
    }
    info_.facts().set_fields(info_.filter_state, kNetworkAuthzSpace, std::move(fields), json + "}");
  }

  void note_metadata(const CheckAnswer& answer) {
    if (answer.verdict == CheckAnswer::ok)
      info_.facts().add_metadata(kNetworkAuthzSpace, duration_metadata(worker_.thread.loop.now() - started_));
    if (!answer.metadata.fields.empty()) info_.facts().add_metadata(kNetworkAuthzSpace, answer.metadata);
  }

  /// This is in use until the turn is over.
  void leave() {
    auto self = std::move(info_.facts().hold);
    const auto go_on = std::move(self->go_on);
    worker_.thread.loop.dispose(std::move(self));
    go_on();
  }

  void count(Stat stat) { worker_.thread.cells.add(config_->stats, stat); }

  hcm::Worker& worker_;
  std::shared_ptr<const Config> config_;
  http::ConnectionInfo& info_;
  http::StreamInfo stream_;
  Arena arena_;
  SideCall call_;
  TimePoint started_{};
  State state_ = State::idle;
};

class Ask final : public http::LateStep {
 public:
  Ask(hcm::Worker& worker, std::shared_ptr<const Config> config) : worker_(worker), config_(std::move(config)) {}

  void run(http::ConnectionInfo& info, TimePoint now, WallTime wall, std::uint64_t bytes) const override {
    auto stream = http::StreamInfo::of_connection(info, now, wall);
    stream.bytes_received = bytes;
    stream.filter_state.parent = &info.filter_state;
    stream.dynamic_metadata = info.facts().dynamic_metadata;
    if (config_->enabled_metadata && !config_->enabled_metadata->match(stream.dynamic_metadata.get()))
      return worker_.thread.cells.add(config_->stats, Stat::disabled);
    auto check = std::make_unique<Check>(worker_, config_, info, stream);
    if (check->ask()) info.facts().hold = std::move(check);
  }

 private:
  hcm::Worker& worker_;
  std::shared_ptr<const Config> config_;
};

}  // namespace

stats::BlockDef block_def(NetworkAuthzStat) {
  using stats::Kind;
  static constexpr stats::StatDef kStats[] = {{Kind::counter, "cx_closed"}, {Kind::counter, "denied"},
                                              {Kind::counter, "error"},     {Kind::counter, "failure_mode_allowed"},
                                              {Kind::counter, "ok"},        {Kind::counter, "total"},
                                              {Kind::counter, "disabled"},  {Kind::gauge, "active"}};
  return {kStats, {}};
}

Verdict NetworkAuthz::on_connection(hcm::Worker& worker, http::ConnectionInfo& info) const {
  info.facts().on_data.push_back(std::make_shared<const Ask>(worker, config_));
  return {};
}

}  // namespace outrigger::filters
