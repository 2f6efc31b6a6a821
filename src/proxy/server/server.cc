#include "proxy/server/server.h"

#include <sys/random.h>
#include <unistd.h>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <fstream>
#include <set>
#include "proxy/base/log.h"
#include "proxy/net/dialer.h"
#include "proxy/server/admin_pages.h"
#include "proxy/server/disk_layer.h"
#include "proxy/server/memory.h"
#include "proxy/server/scheduling.h"

namespace outrigger::server {

using stats::ServerStat;

std::string_view text_of(State s) noexcept {
  switch (s) {
    case State::live: return "LIVE";
    case State::draining: return "DRAINING";
    case State::pre_initializing: return "PRE_INITIALIZING";
    case State::initializing: return "INITIALIZING";
  }
  return "";
}

namespace {
std::uint64_t seed() {
  std::uint64_t s = 0;
  if (getrandom(&s, sizeof s, 0) != sizeof s) s = static_cast<std::uint64_t>(::getpid());
  return s;
}
}  // namespace

Server::Server(Settings settings)
    : settings_(std::move(settings)),
      loop_(settings_.time != nullptr ? event::Loop(*settings_.time) : event::Loop()),
      files_(settings_.flush_interval, settings_.flush_bytes),
      random_(seed()),
      runtime_(std::make_shared<runtime::Snapshot>()),
      main_context_{loop_, registry_.main(), random_, net::socket_dialer(), runtime_, "main_thread"},
      overload_(main_context_, registry_),
      clusters_(main_context_, registry_),
      main_clusters_(main_context_),
      listeners_(loop_, registry_, workers_, drain_),
      admin_(main_context_, registry_, drain_),
      signals_(loop_, [this](int signal) { on_signal(signal); }),
      stats_(stats::make_block<stats::ServerStat>(registry_, "server.")),
      runtime_stats_(stats::make_block<stats::RuntimeStat>(registry_, "runtime.")),
      file_stats_(stats::make_block<stats::FilesystemStat>(registry_, "filesystem.")),
      flush_(loop_.timers(), *this),
      release_(loop_.timers(), *this) {
  registry_.set_main_thread([this](std::function<void()> f) { loop_.post(std::move(f)); });
  started_ = loop_.now();
  started_wall_ = loop_.wall();
  // Envoy's own HTTP client, which we have no use for: its stats are on every page.
  stats::make_block<stats::RouterStat>(registry_, "http.async-client.");
  for (const auto* prefix : {"main_thread.", "workers.", "server.main_thread."})
    stats::make_block<stats::WatchdogStat>(registry_, prefix);
  for (unsigned w = 0; w < settings_.workers; ++w)
    stats::make_block<stats::WatchdogStat>(registry_, "server.worker_" + std::to_string(w) + ".");
  stats::make_block<stats::OverloadActionStat>(registry_, "envoy.overload_actions.reset_high_memory_stream.");
}

Server::~Server() {
  admin_.stop();
  main_clusters_.close_all();
  clusters_.stop_checks();
  loop_.poll();  // deletes what was closed
  for (auto& w : workers_) w->stop();
}

Result<void> Server::start(Config config) {
  config_ = std::move(config);
  if (auto r = watch_disk_layers(); !r) return r.error();
  publish_runtime();
  add_admin_pages(admin_, *this);
  if (config_.admin) {
    if (auto r = admin_.start(*config_.admin); !r) return r.error();
    LOG_INFO(logger::admin, "admin address: ", admin_.address().text());
    if (!settings_.admin_address_path.empty()) {
      std::ofstream out(settings_.admin_address_path);
      if (!(out << admin_.address().text()))
        LOG_CRITICAL(logger::main, "cannot open admin address output file ", settings_.admin_address_path, " for writing.");
    }
  }
  registry_.set(stats_, ServerStat::concurrency, settings_.workers);
  registry_.main().add(stats_, ServerStat::static_unknown_fields, config_.unknown_fields);
  for (const auto s : {ServerStat::dynamic_unknown_fields, ServerStat::wip_protos}) registry_.main().add(stats_, s, 0);
  for (const auto s : {ServerStat::compilation_settings_fips_mode, ServerStat::stats_recent_lookups}) registry_.set(stats_, s, 0);
  registry_.set(stats_, ServerStat::version, config_.version);
  if (auto r = start_overload_manager(); !r) return r.error();
  const Worker::Parts parts{config_.internal_buffer_bytes, &overload_.state(), config_.overload.timer_minimums};
  for (unsigned w = 0; w < settings_.workers; ++w)
    workers_.push_back(std::make_unique<Worker>(w, registry_.new_cells(), runtime_, random_.next(), parts));
  for (auto& w : workers_) w->clusters().set_local(config_.local_cluster, config_.node_locality);
  if (config_.outlier_log != nullptr)
    clusters_.log_outliers([log = config_.outlier_log](std::string_view line) { log->write(line); });
  for (auto& c : config_.clusters) clusters_.add(c);
  if (config_.connections_max) listeners_.limit_connections(*config_.connections_max);
  for (auto& l : config_.listeners)
    if (auto r = listeners_.add(l); !r) return r.error();
  for (auto& w : workers_) w->start(config_.pin_workers && workers_.size() <= Worker::cpus());
  yield_to_others();
  const auto inflated = [&](const std::string& thread) {
    const auto b = stats::make_block<stats::ThreadLocalClustersStat>(registry_, "thread_local_cluster_manager." + thread + ".");
    registry_.set(b, stats::ThreadLocalClustersStat::clusters_inflated, clusters_.size());
  };
  inflated("main_thread");
  for (unsigned w = 0; w < settings_.workers; ++w) inflated("worker_" + std::to_string(w));
  state_ = State::initializing;
  std::set<std::string_view> own;  // of the bootstrap: what is here to stay
  for (const auto& c : config_.clusters) own.insert(c->name);
  clusters_.start({[this, own = std::move(own)](const upstream::ClusterSharedPtr& shared, const upstream::HostSetPtr& hosts) {
                     if (own.contains(shared->config->name)) main_clusters_.update(shared, hosts);
                     for (auto& w : workers_) w->post([&w = *w, shared, hosts] { w.update_cluster(shared, hosts); });
                   },
                   [this](const std::string& name) {
                     for (auto& w : workers_) w->post([&w = *w, name] { w.clusters().remove(name); });
                   },
                   [this](const std::function<void(std::size_t)>& f) {
                     for (auto& w : workers_) w->post([f, number = w->index() + 1] { f(number); });
                   }},
                  [this] {
                    if (config_.load_dynamic)
                      config_.load_dynamic([this] { on_ready(); });
                    else
                      on_ready();
                  });
  if (config_.stats_flush_interval) flush_.arm(*config_.stats_flush_interval);
  if (config_.memory_release) release_.arm(config_.memory_release->interval);
  if (!config_.drain_file.empty() && ::access(config_.drain_file.c_str(), F_OK) == 0) {
    LOG_INFO(logger::main, "starting server in drain mode");
    fail_health_check(true);
  }
  return {};
}

Result<void> Server::start_overload_manager() {
  return overload_.start(config_.overload,
                         {[this](bool on) { post_to_workers([on](Worker& w) { w.hold_connections(on); }); },
                          [this](event::ScaledKind kind, double scale) {
                            post_to_workers([kind, scale](Worker& w) { w.scaled_timers().set_scale(kind, scale); });
                          }});
}

/// SIGTERM and SIGINT end, SIGUSR1 reopens logs, SIGHUP does nothing.
void Server::on_signal(int signal) {
  if (signal == SIGUSR1) {
    LOG_INFO(logger::main, "caught SIGUSR1");
    reopen_logs();
  } else if (signal != SIGHUP) {
    LOG_WARN(logger::main, "caught ", signal == SIGTERM ? "SIGTERM" : "SIGINT");
    quit();
  }
}

void Server::on_ready() {
  LOG_INFO(logger::config, "all dependencies initialized. starting workers");
  listeners_.start();
  state_ = State::live;
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(loop_.clock().wall() - started_wall_).count();
  registry_.main().record(stats_, ServerStat::initialization_time_ms, static_cast<std::uint64_t>(std::max<std::int64_t>(ms, 0)));
  update_gauges();
  if (settings_.exit_when_ready) loop_.post([this] { quit(); });
  loop_.post(return_memory_of_loading);  // after the workers have their listeners
}

void Server::post_to_workers(const std::function<void(Worker&)>& f) {
  for (auto& w : workers_) w->post([&w = *w, f] { f(w); });
}

void Server::run() {
  running_ = true;
  LOG_INFO(logger::main, "starting main dispatch loop");
  loop_.run();
  running_ = false;
  LOG_INFO(logger::main, "main dispatch loop exited");
}

void Server::quit() {
  LOG_INFO(logger::main, "shutting down server instance");
  // What the admin interface still has to send goes out at the end of this turn.
  loop_.post([this] { loop_.stop(); });
}

State Server::state() const noexcept {
  return state_ == State::live && drain_.health_failed.load(std::memory_order_relaxed) ? State::draining : state_;
}

std::int64_t Server::uptime_s() noexcept {
  return std::chrono::duration_cast<std::chrono::seconds>(loop_.now() - started_).count();
}

void Server::fail_health_check(bool fail) {
  drain_.health_failed.store(fail, std::memory_order_relaxed);
  update_gauges();
}

void Server::drain_listeners(bool graceful, bool skip_exit, bool inbound_only) {
  const Duration time = settings_.drain_immediate ? Duration(0) : settings_.drain_time;
  if (graceful || skip_exit) listeners_.drain(inbound_only, loop_.now(), time);
  if (skip_exit) return;
  if (!graceful) return listeners_.stop(inbound_only);
  drain_end_ = std::make_unique<event::Callback>(loop_.timers(), [this, inbound_only] { listeners_.stop(inbound_only); });
  drain_end_->arm(settings_.drain_time);
}

void Server::reopen_logs() {
  files_.reopen();
  logger::reopen_file();
}

Result<void> Server::watch_disk_layers() {
  for (const auto& d : config_.disk_layers) {
    if (watcher_ == nullptr) watcher_ = std::make_unique<event::DirectoryWatcher>(loop_);
    auto watch = watcher_->watch_file(d.link, [this] { publish_runtime(); });
    if (watch == nullptr)
      return Error{Errc::io, "unable to add filesystem watch for file " + d.link + ": " + std::strerror(errno)};
    disk_watches_.push_back(std::move(watch));
  }
  return {};
}

/// The layer as its files have it now; false: it can't be read, or there is no such directory.
bool Server::read_disk_layer_of(std::size_t index, runtime::Layer& layer, LayerCounts& counts) {
  for (const auto& d : config_.disk_layers) {
    if (d.index != index) continue;
    auto read = read_disk_layer(d.directory, config_.parse_runtime_value);
    if (!read) LOG_WARN(logger::runtime, "error loading a runtime layer from disk: ", read.error().detail);
    counts.failed = counts.failed || !read;
    if (!read || !*read) return false;
    layer = std::move(**read);
    ++counts.on_disk;
  }
  return true;
}

void Server::publish_runtime() {
  std::vector<std::pair<std::string, runtime::Layer>> layers;
  LayerCounts counts;
  for (std::size_t i = 0; i < config_.runtime_layers.size(); ++i) {
    auto layer = config_.runtime_layers[i];
    if (read_disk_layer_of(i, layer.second, counts)) layers.push_back(std::move(layer));
  }
  std::set<std::string_view> keys;
  const std::size_t count = layers.size();
  runtime_ = std::make_shared<const runtime::Snapshot>(std::move(layers));
  main_context_.runtime = runtime_;
  clusters_.set_runtime(runtime_);
  for (auto& w : workers_) w->post([&w = *w, snapshot = runtime_] { w.set_runtime(snapshot); });
  for (const auto& [name, layer] : runtime_->layers())
    for (const auto& [key, value] : layer) keys.insert(key);
  using stats::RuntimeStat;
  registry_.set(runtime_stats_, RuntimeStat::num_keys, keys.size());
  registry_.set(runtime_stats_, RuntimeStat::num_layers, count);
  const bool first = state_ == State::pre_initializing;  // counted once more when the layers are set up
  registry_.main().add(runtime_stats_, counts.failed ? RuntimeStat::load_error : RuntimeStat::load_success, first ? 2 : 1);
  registry_.main().add(runtime_stats_,
                       counts.on_disk > 1 ? RuntimeStat::override_dir_exists : RuntimeStat::override_dir_not_exists,
                       first ? 2 : 1);
  const bool overrides = config_.admin_layer && !config_.runtime_layers[*config_.admin_layer].second.empty();
  if (!first) registry_.set(runtime_stats_, RuntimeStat::admin_overrides_active, overrides ? 1 : 0);
}

Result<void> Server::modify_runtime(const std::vector<std::pair<std::string, std::string>>& values) {
  if (!config_.admin_layer) return Error{Errc::unsupported, "No admin layer specified"};
  runtime::Layer layer = config_.runtime_layers[*config_.admin_layer].second;
  for (const auto& [key, text] : values) {
    layer.erase(key);
    if (text.empty()) continue;
    auto value = config_.parse_runtime_value(text);
    if (!value) return value.error();
    layer.emplace(key, std::move(*value));
  }
  config_.runtime_layers[*config_.admin_layer].second = std::move(layer);
  publish_runtime();
  return {};
}

void Server::set_runtime_layer(std::size_t index, runtime::Layer values) {
  config_.runtime_layers.at(index).second = std::move(values);
  publish_runtime();
}

void Server::flush_stats() {
  update_gauges();
  registry_.merge_histograms();
  if (config_.stats_flush_interval) flush_.arm(*config_.stats_flush_interval);
}

/// As in Envoy: what the flush brings is shown the next time.
void Server::on_stats_read() {
  if (!config_.stats_flush_interval) flush_stats();
}

void Server::release_memory() {
  return_free_memory();
  release_.arm(config_.memory_release->interval);
}

void Server::update_gauges() {
  registry_.set(stats_, ServerStat::uptime, static_cast<std::uint64_t>(uptime_s()));
  registry_.set(stats_, ServerStat::live, state_ == State::live && !drain_.health_failed.load() ? 1 : 0);
  registry_.set(stats_, ServerStat::state, static_cast<std::uint64_t>(state()));
  registry_.set(stats_, ServerStat::total_connections, listeners_.connections());
  registry_.set(stats_, ServerStat::days_until_first_cert_expiring,
                days_until_first_cert_expiring ? days_until_first_cert_expiring() : UINT32_MAX);
  if (seconds_until_first_ocsp_response_expiring)
    if (const auto seconds = seconds_until_first_ocsp_response_expiring())
      registry_.set(stats_, ServerStat::seconds_until_first_ocsp_response_expiring, *seconds);
  const Memory m = read_memory();
  registry_.set(stats_, ServerStat::memory_allocated, m.allocated);
  registry_.set(stats_, ServerStat::memory_heap_size, m.heap);
  registry_.set(stats_, ServerStat::memory_physical_size, m.physical);
  using stats::FilesystemStat;
  const auto& f = files_.stats();
  const std::uint64_t now[] = {f.write_buffered, f.write_completed, f.write_failed, f.flushed_by_timer, f.reopen_failed};
  constexpr FilesystemStat kNames[] = {FilesystemStat::write_buffered, FilesystemStat::write_completed,
                                       FilesystemStat::write_failed, FilesystemStat::flushed_by_timer,
                                       FilesystemStat::reopen_failed};
  for (int i = 0; i < 5; ++i) {
    if (now[i] != file_counts_[i]) registry_.main().add(file_stats_, kNames[i], now[i] - file_counts_[i]);
    file_counts_[i] = now[i];
  }
  if (f.write_buffered > 0) registry_.set(file_stats_, FilesystemStat::write_total_buffered, f.total_buffered);
}

}  // namespace outrigger::server
