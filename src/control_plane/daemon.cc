#include "control_plane/daemon.h"

#include <csignal>
#include "control_plane/metrics.h"
#include "proxy/base/log.h"
#include "proxy/base/random.h"
#include "proxy/hcm/worker.h"
#include "proxy/net/dialer.h"
#include "proxy/server/admin.h"
#include "xds/load/bootstrap.h"

namespace outrigger::control_plane {

/// The admin interface of the proxy with pages of its own.
class Daemon::StatusServer {
 public:
  explicit StatusServer(Daemon& d)
      : context_{d.loop_, registry_.main(), random_, net::socket_dialer(), limits(), "main_thread"},
        admin_(context_, registry_, drain_) {
    registry_.set_main_thread([&d](std::function<void()> f) { d.loop_.post(std::move(f)); });
    const auto page = [&d](const server::AdminRequest& q, server::AdminResponse& r) {
      if (q.get("format") == "json")
        r.json(status_json(d.directory_, d.readings_, d.plane_));
      else
        r.body = status_text(d.directory_, d.readings_, d.plane_);
    };
    admin_.add({"/", "the same as /status", false, page, {}});
    admin_.add({"/status", "the directory, what is served, and each proxy", false, page, {{"format", "json, or text"}}});
    admin_.add({"/stats/prometheus", "counters, in Prometheus' text format", false,
                [&d](const server::AdminRequest&, server::AdminResponse& r) {
                  r.body = metrics_text(d.directory_, d.readings_, d.plane_);
                },
                {}});
    admin_.add({"/ready",
                "200 once there is something to serve",
                false,
                [&d](const server::AdminRequest&, server::AdminResponse& r) {
                  if (d.directory_.good() == nullptr) r.status = 503;
                  r.body = d.directory_.good() == nullptr ? "NOT READY\n" : "READY\n";
                },
                {}});
  }
  ~StatusServer() { admin_.stop(); }
  server::Admin& admin() noexcept { return admin_; }

 private:
  static std::shared_ptr<const runtime::Snapshot> limits() {
    runtime::Layer layer;
    layer.emplace("envoy.resource_limits.listener.admin.connection_limit", runtime::number_value(64));
    return std::make_shared<const runtime::Snapshot>(
        std::vector<std::pair<std::string, runtime::Layer>>{{"limits", std::move(layer)}});
  }
  stats::Registry registry_;
  Random random_{1};
  hcm::Drain drain_;
  runtime::ThreadContext context_;
  server::Admin admin_;
};

Daemon::Daemon(const Options& o)
    : options_(o),
      signals_(loop_, [this](int signal) { on_signal(signal); }),
      directory_(o.directory, {o.strict}),
      plane_(loop_.timers(), loop_.clock(), o.identifier),
      watch_(loop_, [this] { read(); }) {
  readings_.started = loop_.wall();
}

Daemon::~Daemon() {
  admin_.reset();
  loop_.poll();  // deletes what was closed
}

Result<void> Daemon::open_admin() {
  if (options_.admin == "none") return {};
  auto address = net::Address::parse_ip_port(options_.admin);
  if (!address) return Error{Errc::invalid_config, "--admin: " + address.error().detail};
  server::AdminConfig c;
  c.address = std::move(*address);
  admin_ = std::make_unique<StatusServer>(*this);
  if (auto started = admin_->admin().start(c); !started) return started.error();
  LOG_INFO(logger::admin, "admin address: ", admin_->admin().address().text());
  return {};
}

/// SIGTERM and SIGINT end, SIGHUP reads the directory, SIGUSR1 opens the log again.
void Daemon::on_signal(int signal) {
  if (signal == SIGUSR1) {
    logger::reopen_file();
  } else if (signal == SIGHUP) {
    LOG_INFO(logger::main, "caught SIGHUP");
    read();
  } else {
    LOG_WARN(logger::main, "caught ", signal == SIGTERM ? "SIGTERM" : "SIGINT");
    loop_.stop();
  }
}

void Daemon::run() {
  read();
  loop_.run();
}

void Daemon::read() {
  const auto before = directory_.good();
  const bool good = directory_.read();
  watch_.set(directory_.directories());
  ++readings_.count;
  readings_.last = loop_.wall();
  readings_.last_was_good = good;
  if (!good) ++readings_.failures;
  std::string told = xds::problems_text(directory_.problems());
  if (told != told_) {
    std::string_view rest = told;
    for (std::size_t end; (end = rest.find('\n')) != rest.npos; rest.remove_prefix(end + 1)) {
      const auto line = rest.substr(0, end);
      if (line.find(": warning: ") != line.npos)
        LOG_WARN(logger::config, line);
      else
        LOG_ERROR(logger::config, line);
    }
  }
  if (!good) {
    LOG_ERROR(logger::config, "directory '", options_.directory,
              "' is wrong: ", before == nullptr ? "nothing is served until it is right" : "the last good state is served");
  } else if (before == nullptr || before->version() != directory_.good()->version() || told != told_) {
    LOG_INFO(logger::config, "directory '", options_.directory, "': version ", directory_.good()->version(), " of ",
             directory_.files(), " file(s)");
  }
  told_ = std::move(told);
  if (!good || (before != nullptr && before->version() == directory_.good()->version())) return;
  readings_.good_since = loop_.wall();
  plane_.publish([snapshot = directory_.good()](const NodeInfo& node) { return snapshot->select(node); });
}

}  // namespace outrigger::control_plane
