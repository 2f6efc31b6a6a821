#include "proxy/server/admin.h"

#include <algorithm>
#include "proxy/base/log.h"
#include "proxy/base/percent.h"
#include "proxy/hcm/network_filter.h"
#include "proxy/hcm/stream.h"

namespace outrigger::server {

namespace {

constexpr std::size_t kBodyMax = 1024 * 1024;

/// Answers a request of the admin interface once its body is there.
class AdminFilter final : public hcm::HttpFilter {
 public:
  AdminFilter(hcm::Stream& stream, const Admin& admin) : HttpFilter(stream), admin_(admin) {}
  hcm::FilterStatus on_request_head(http::RequestHead& head, bool end_stream) override {
    head_ = &head;
    if (end_stream) answer();
    return hcm::FilterStatus::stop;
  }
  hcm::FilterStatus on_request_body(Buffer& body, bool end_stream) override {
    if (body_.size() + body.size() <= kBodyMax) body_ += body.to_string();
    body.clear();
    if (end_stream) answer();
    return hcm::FilterStatus::stop;
  }
  hcm::FilterStatus on_request_trailers(http::HeaderMap&) override {
    answer();
    return hcm::FilterStatus::stop;
  }

 private:
  void answer() {
    AdminRequest request;
    request.method = head_->method;
    std::string_view path = head_->path;
    while (path.starts_with("//")) path.remove_prefix(1);
    const auto question = path.find('?');
    request.path = path.substr(0, question);
    if (question != std::string_view::npos) request.query = parse_query(path.substr(question + 1));
    request.content_type = head_->headers.get(http::Name::content_type);
    request.body = std::move(body_);
    AdminResponse response;
    if (admin_.allows(path)) {
      admin_.handle(request, response);
    } else {
      response.status = 403;
      response.body = "request to path " + std::string(path) + " not allowed";
    }
    Arena& arena = stream_.arena();
    auto* head = arena.make<http::ResponseHead>(arena);
    head->status = response.status;
    head->headers.add(http::Name::content_type, arena.copy(response.content_type));
    head->headers.add("cache-control", "no-cache, max-age=0");
    head->headers.add("x-content-type-options", "nosniff");
    stream_.info().details = "";
    stream_.respond_head(*head, false);
    Buffer out;
    out.append(response.body);
    stream_.respond_body(out, true);
  }
  const Admin& admin_;
  http::RequestHead* head_ = nullptr;
  std::string body_;
};

class AdminFactory final : public hcm::FilterFactory {
 public:
  explicit AdminFactory(const Admin& admin) : admin_(admin) { name = "admin"; }
  hcm::HttpFilter* make(hcm::Stream& stream, Arena& arena) const override { return arena.make<AdminFilter>(stream, admin_); }

 private:
  const Admin& admin_;
};

}  // namespace

std::string escape_html(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '<')
      out += "&lt;";
    else if (c == '>')
      out += "&gt;";
    else if (c == '&')
      out += "&amp;";
    else
      out += c;
  }
  return out;
}

std::vector<std::pair<std::string, std::string>> parse_query(std::string_view text) {
  std::vector<std::pair<std::string, std::string>> all;
  while (!text.empty()) {
    const auto end = text.find('&');
    const auto part = text.substr(0, end);
    text = end == std::string_view::npos ? std::string_view{} : text.substr(end + 1);
    const auto eq = part.find('=');
    all.emplace_back(percent_decode(part.substr(0, eq)),
                     eq == std::string_view::npos ? std::string() : percent_decode(part.substr(eq + 1)));
  }
  return all;
}

const std::string* AdminRequest::find(std::string_view name) const noexcept {
  for (const auto& [key, value] : query)
    if (key == name) return &value;
  return nullptr;
}

class Admin::NoClusters final : public upstream::ClusterSource {
 public:
  upstream::Cluster* find(std::string_view) noexcept override { return nullptr; }
};

Admin::Admin(runtime::ThreadContext& main, stats::Registry& registry, const hcm::Drain& drain)
    : main_(main), registry_(registry), drain_(drain), clusters_(std::make_unique<NoClusters>()), hcm_(main, *clusters_) {}
Admin::~Admin() = default;

void Admin::add(Entry e) {
  const auto at =
      std::lower_bound(pages_.begin(), pages_.end(), e, [](const Entry& a, const Entry& b) { return a.path < b.path; });
  pages_.insert(at, std::move(e));
}

void Admin::handle(AdminRequest& request, AdminResponse& response) const {
  const auto at = std::find_if(pages_.begin(), pages_.end(), [&](const Entry& e) { return e.path == request.path; });
  if (at == pages_.end()) {
    response.status = 404;
    response.body = "invalid path. " + help();
    return;
  }
  if (at->mutates && request.method != "POST") {
    LOG_ERROR(logger::admin, "admin path \"", request.path, "\" mutates state, method=", request.method, " rather than POST");
    response.status = 405;
    response.body = "Method " + std::string(request.method) + " not allowed, POST required.";
    return;
  }
  at->page(request, response);
}

std::string Admin::help() const {
  std::string out = "admin commands are:\n";
  for (const auto& p : pages_) {
    out += "  " + p.path + (p.mutates ? " (POST)" : "") + ": " + p.help + "\n";
    for (const auto& [name, help] : p.params) out += "      " + name + ": " + help + "\n";
  }
  return out;
}

namespace {
std::shared_ptr<hcm::Config> admin_http_config(stats::Registry& registry, const Admin& admin, const AdminConfig& c) {
  auto o = std::make_shared<hcm::Config>();
  o->stat_prefix = "admin";
  o->stats = stats::make_block<stats::HttpStat>(registry, "http.admin.");
  o->listener_stats = stats::make_block<stats::ListenerHttpStat>(registry, "listener.admin.http.admin.");
  o->codec_stats = stats::make_block<stats::Http1Stat>(registry, "http1.");
  o->use_remote_address = true;
  o->generate_request_id = false;
  o->stream_idle_timeout = std::chrono::minutes(5);
  o->access_logs = c.access_logs;
  auto routes = std::make_shared<route::RouteConfig>();
  (void)routes->index();
  o->routes = std::move(routes);
  o->filters.push_back(std::make_shared<AdminFactory>(admin));
  return o;
}
}  // namespace

Result<void> Admin::start(const AdminConfig& c) {
  net::ListenOptions options;
  options.reuse_port = false;
  options.options = c.socket_options;
  allowed_ = c.allowed;
  auto socket = net::ListenSocket::open(c.address, options);
  if (!socket) return Error{Errc::io, "cannot open the admin interface at " + c.address.text() + ": " + socket.error().detail};
  std::shared_ptr<net::ListenSocket> opened = std::move(*socket);
  address_ = opened->local();
  auto config = std::make_shared<ListenerConfig>();
  config->name = "admin";
  config->stat_name = "admin";
  config->addresses = {address_};
  config->connection_limit_key = "envoy.resource_limits.listener.admin.connection_limit";
  config->stats = stats::make_admin_listener_block(registry_);
  FilterChain chain;
  chain.filter = std::make_shared<hcm::SessionFactory>(admin_http_config(registry_, *this, c));
  config->default_chain = std::move(chain);
  auto shared = std::make_shared<ListenerShared>();
  shared->config = config;
  const auto mine = stats::make_block<stats::ListenerWorkerStat>(registry_, "listener.admin.main_thread.");
  listener_ = std::make_unique<WorkerListener>(hcm_, std::move(shared), std::vector{opened}, mine, drain_);
  return {};
}

void Admin::stop() { listener_.reset(); }

}  // namespace outrigger::server
