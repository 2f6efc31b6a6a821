// The admin interface: an HTTP listener on the main thread whose pages are functions. Made of the
// same session and stream as any listener, so that its traffic is counted under http.admin.
#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>
#include "proxy/hcm/worker.h"
#include "proxy/server/config.h"
#include "proxy/server/worker_listener.h"

namespace outrigger::server {

struct AdminRequest {
  std::string_view method;
  std::string path;  // without the query
  std::vector<std::pair<std::string, std::string>> query;
  std::string_view content_type;
  std::string body;
  const std::string* find(std::string_view name) const noexcept;
  bool has(std::string_view name) const noexcept { return find(name) != nullptr; }
  std::string get(std::string_view name) const { return has(name) ? *find(name) : std::string(); }
};

struct AdminResponse {
  std::uint16_t status = 200;
  std::string content_type = "text/plain; charset=UTF-8";
  std::string body;
  void json(std::string text) {
    content_type = "application/json";
    body = std::move(text);
  }
  void html(std::string text) {
    content_type = "text/html; charset=UTF-8";
    body = std::move(text);
  }
  void bad_request(std::string text) {
    status = 400;
    body = std::move(text);
  }
};

class Admin {
 public:
  using Page = std::function<void(const AdminRequest&, AdminResponse&)>;
  struct Entry {
    std::string path, help;
    bool mutates = false;  // POST only
    Page page;
    std::vector<std::pair<std::string, std::string>> params;  // name, help
  };

  Admin(runtime::ThreadContext& main, stats::Registry& registry, const hcm::Drain& drain);
  ~Admin();
  void add(Entry e);
  /// Binds and listens.
  Result<void> start(const AdminConfig& c);
  void stop();
  const net::Address& address() const noexcept { return address_; }
  void handle(AdminRequest& request, AdminResponse& response) const;
  /// Of a path with its query: does the config allow to ask for it?
  bool allows(std::string_view path) const { return !allowed_ || allowed_(path); }
  /// The list of pages, as /help prints it.
  std::string help() const;
  const std::vector<Entry>& pages() const noexcept { return pages_; }

 private:
  class NoClusters;
  runtime::ThreadContext& main_;
  stats::Registry& registry_;
  const hcm::Drain& drain_;
  std::unique_ptr<NoClusters> clusters_;
  hcm::Worker hcm_;
  std::vector<Entry> pages_;  // sorted by path
  net::Address address_;
  std::unique_ptr<WorkerListener> listener_;
  std::function<bool(std::string_view path)> allowed_;
};

std::string escape_html(std::string_view text);
/// Splits and decodes a query (or a form).
std::vector<std::pair<std::string, std::string>> parse_query(std::string_view text);

}  // namespace outrigger::server
