// One request and its response: runs the filters, holds the stream's timers, sends local replies,
// writes the access log. Lent by the Worker to a Session, recycled when done; worker's thread.
#pragma once
#include <array>
#include <initializer_list>
#include <optional>
#include <utility>
#include <vector>
#include "proxy/base/arena.h"
#include "proxy/event/loop.h"
#include "proxy/event/scaled_timers.h"
#include "proxy/hcm/config.h"
#include "proxy/hcm/worker.h"
#include "proxy/http/h1_parser.h"
#include "proxy/http/stream_info.h"

namespace outrigger::hcm {

class Downstream;
class Session;

using ExtraHeader = std::pair<std::string_view, std::string_view>;

/// A response made here. Strings live until local_reply() returns; `details` is static or in the
/// stream's arena.
struct LocalReply {
  std::uint16_t status = 503;
  std::string_view body{};
  std::string_view details{};
  std::optional<http::Flag> flag{};
  std::optional<std::uint32_t> grpc_status{};
  std::string_view content_type = "text/plain";
  const ExtraHeader* headers = nullptr;
  std::size_t headers_count = 0;
  /// The mutations of the route (and of the weighted cluster) apply.
  bool finalize = true;
  const route::ClusterWeight* weight = nullptr;
  std::string_view attempt_count{};  // x-envoy-attempt-count: added after those mutations
  bool overloaded = false;           // x-envoy-overloaded: too
  /// Those of `map`, listed in its arena.
  void set_headers(const http::HeaderMap& map);
};

class Stream final : private event::Deferred {
 public:
  explicit Stream(Worker& worker);
  ~Stream();

  // For the session.
  void start(Session& session, Downstream& down, http::Protocol protocol);
  http::RequestHead& request() noexcept { return *request_; }
  void on_request_head(const http::Framing& framing, bool end_stream);
  void on_request_body(Buffer& body, bool end_stream);
  void on_request_trailers(http::HeaderMap& trailers);
  void on_codec_error(const http::H1Error& error);
  void on_headers_timeout();
  /// The client is gone, or has reset the stream.
  void on_downstream_gone(std::string_view details = "downstream_remote_disconnect",
                          std::optional<http::Flag> flag = http::Flag::downstream_connection_termination);
  void on_response_sent();
  /// What was read of the head is not known for sure: logs show none of it.
  void forget_request() noexcept;
  void on_output_above();
  void on_output_below();
  /// A filter holds back the response's head: something else can still be said.
  bool response_held() const noexcept { return held_head_ != nullptr; }

  // For filters.
  Worker& worker() noexcept { return worker_; }
  runtime::ThreadContext& thread() noexcept { return worker_.thread; }
  const Config& config() const noexcept { return *config_; }
  Arena& arena() noexcept { return arena_; }
  http::StreamInfo& info() noexcept { return info_; }
  /// What lives as long as the connection.
  http::ConnectionFacts& connection_facts();
  std::uint32_t buffer_bytes_max() const noexcept;
  /// The server was told to fail health checks (/healthcheck/fail).
  bool server_failing() const noexcept;
  /// Null: no route matches.
  const route::Route* route();
  /// The cluster that route() chose, of a route that forwards.
  const route::Chosen& chosen() {
    route();
    return chosen_;
  }
  /// Null: none has come yet.
  const route::RouteConfig* route_config() const noexcept {
    const auto* changing = routes_.get();
    return changing == nullptr ? config_->routes.get() : changing;
  }
  /// What route_config() comes from; null: it never changes, or no scope is chosen.
  const RouteSource* route_source() const noexcept {
    return config_->scopes == nullptr ? config_->route_source.get() : scope_routes_.get();
  }
  /// The one whose key the request has; null: there is none. Valid for now.
  const Scope* scope();
  route::MatchContext match_context() noexcept;
  void clear_route_cache() noexcept { route_known_ = false; }
  /// typed_per_filter_config of the route, its virtual host or the route config, the nearest first.
  const route::FilterOverride* override_for(std::string_view filter) noexcept;
  /// All of them, the nearest last.
  using Overrides = std::array<const route::FilterOverride*, 4>;  // null: none there
  Overrides overrides_for(std::string_view filter) noexcept;
  format::Context format_context() noexcept;
  bool request_complete() const noexcept { return request_complete_; }
  bool is_upgrade() const noexcept { return upgrade_; }
  /// From this response on both directions are raw bytes.
  bool opens_tunnel(const http::ResponseHead& head) const noexcept;
  http::HeaderMap* request_trailers() noexcept { return request_trailers_; }

  void continue_request(HttpFilter& from);
  /// As that, with `body` instead of what is kept of it; unless that is its end, `from` gives on what follows, by
  /// inject_request_body() and end_request().
  void continue_request(HttpFilter& from, Buffer& body, bool end_stream);
  /// The filters run again from the first, with the routes that are now: `from` waited for them. Once for a request.
  void rerun_request(HttpFilter& from);
  bool reran() const noexcept { return reran_; }
  /// Came it as HEAD? Then its response has no body.
  bool is_head_request() const noexcept { return head_request_; }
  void local_reply(const LocalReply& reply);
  /// The connection is not used again after this response.
  void close_connection();
  void respond_informational(http::ResponseHead& head);
  void respond_head(http::ResponseHead& head, bool end_stream);
  void respond_body(Buffer& body, bool end_stream);
  void respond_trailers(http::HeaderMap& trailers);
  /// Gives on what `from` held back (see FilterStatus::stop).
  void inject_request_body(HttpFilter& from, Buffer& body, bool end_stream = false);
  void inject_response_body(HttpFilter& from, Buffer& body, bool end_stream);
  /// The head that `from` holds goes on, with what follows it or without, as it came.
  void continue_response(HttpFilter& from);
  /// What `from` held back ends: `body`, and trailers (of the arena), which may be those it held or new ones.
  void end_request(HttpFilter& from, Buffer& body, http::HeaderMap& trailers);
  void end_response(HttpFilter& from, Buffer& body, http::HeaderMap& trailers);
  /// What a filter keeps of the body is over buffer_bytes_max(): another response takes its place.
  void request_too_large();
  void response_too_large();
  /// Ends a response that can't be completed: the connection closes.
  void abort();
  void pause_request(bool pause);
  /// Internal redirect: logs this hop and runs the filters again with the changed head and this body.
  void restart(Buffer& body);
  void set_idle_timeout(std::optional<Duration> d);
  bool ended() const noexcept { return ended_; }
  /// Filters end, and the line of the stream is written before theirs.
  bool logs_first() const noexcept { return logs_first_; }
  std::uint32_t internal_redirects = 0;  // followed so far for this request
  struct RedirectHop {                   // followed for a route that looks at them; in the arena
    std::string_view from, to;           // names of routes
    const RedirectHop* next;
  };
  const RedirectHop* redirect_hops = nullptr;
  /// The upstream host that a session has; the address is in the arena.
  struct WantedHost {
    std::string_view address;            // empty: any
    bool only = false;                   // no other will do ...
    std::uint16_t status_if_gone = 503;  // ... and this is answered when it is no member any more
  };
  WantedHost wanted_host;

 private:
  void run_deferred() override;
  void apply_route_limits();
  void trace_request();
  void trace_response(http::ResponseHead& head);
  bool check_request(const http::Framing& framing);
  void reject_without_host();
  bool reject_for_overload(const http::Framing& framing);
  bool accept_upgrade(bool known, bool enabled);
  void find_upgrade(std::string_view type, bool& known, bool& enabled);
  void make_filters();
  void end_filters();
  void tell_logged();
  void destroy_ended_filters() noexcept;
  void run_head(std::size_t from);
  void run_body(std::size_t from, Buffer& body, bool end_stream);
  void hold_body(Buffer& body, bool end_stream);
  void run_trailers(std::size_t from);
  void go_on_from(std::size_t next);
  void encode_head(std::size_t below, http::ResponseHead& head, bool end_stream);
  void release_head(std::size_t from, bool end_stream = false);
  void encode_body(std::size_t below, Buffer& body, bool end_stream);
  void encode_trailers(std::size_t below, http::HeaderMap& trailers);
  void write_head(http::ResponseHead& head, bool end_stream);
  void end_multiplexed_connection();
  void end_overloaded_connection();
  std::string_view connection_header(const http::ResponseHead& head);
  void count_response(std::uint16_t status);
  void finish();
  void end(bool abort);
  void log(accesslog::LogType type);
  void log_end();
  void on_periodic_log();
  void find_route();
  void choose_scope();
  void record_route_stats() noexcept;
  void touch() noexcept;
  void on_idle();
  void on_max_duration();
  void on_request_timeout();
  void recycle();

  Worker& worker_;
  Session* session_ = nullptr;
  Downstream* down_ = nullptr;
  ConfigPtr config_;
  // When routes may change: those of the request's beginning.
  std::shared_ptr<const RouteSource> scope_routes_;  // of its scope, when there are scopes
  RouteSource::Pin routes_;
  struct OldRoutes {
    std::shared_ptr<const RouteSource> of;
    RouteSource::Pin routes;
  };
  std::vector<OldRoutes> old_routes_;  // something may still point into them
  Arena arena_;
  http::RequestHead* request_ = nullptr;
  http::ResponseHead* response_ = nullptr;
  http::HeaderMap* request_trailers_ = nullptr;
  http::HeaderMap* response_trailers_ = nullptr;
  http::StreamInfo info_;
  const route::Route* route_ = nullptr;
  const route::Route* decorated_ = nullptr;  // tells the client what it does, as its request did not
  route::Chosen chosen_;
  static constexpr std::size_t kFiltersMax = 64;
  struct EndedFilters {
    EndedFilters(HttpFilter** f, std::size_t n, EndedFilters* after) noexcept : filters(f), count(n), next(after) {}
    HttpFilter** filters;
    std::size_t count;
    EndedFilters* next;
  };
  EndedFilters* ended_filters_ = nullptr;  // stopped, not destroyed yet
  HttpFilter** filters_ = nullptr;
  const std::vector<std::shared_ptr<const FilterFactory>>* upgrade_filters_ = nullptr;  // null: the manager's
  std::size_t filter_count_ = 0;
  std::size_t stopped_at_ = 0;               // the filter that holds the request back, when stopped_
  Buffer held_;                              // request body that waits for continue_request()
  std::size_t trailers_offered_ = 0;         // to how many filters, those of the request
  http::ResponseHead* held_head_ = nullptr;  // of the response, held back by the filter at
  std::size_t head_held_at_ = 0;
  Duration idle_after_{};
  std::uint64_t random_ = 0;
  bool head_received_ = false, request_complete_ = false, end_on_head_ = false;
  bool stopped_ = false, held_end_ = false, held_pause_ = false;
  bool route_known_ = false, route_counted_ = false, logs_first_ = false;
  bool response_started_ = false, response_complete_ = false, ended_ = false, upgrade_ = false;
  bool in_filters_ = false, saw_close_ = false, local_ = false, bodiless_ = false, aborted_ = false;
  bool head_held_ends_ = false;               // nothing follows that head
  bool informed_ = false;                     // a 1xx went to the client
  bool grpc_ = false, head_request_ = false;  // as the request came, whatever filters make of it
  bool reran_ = false;
  event::ScaledAlarm<Stream, &Stream::on_idle> idle_;
  event::Alarm<Stream, &Stream::on_max_duration> max_duration_;
  event::Alarm<Stream, &Stream::on_request_timeout> request_timeout_;
  event::Alarm<Stream, &Stream::on_periodic_log> periodic_log_;
};

}  // namespace outrigger::hcm
