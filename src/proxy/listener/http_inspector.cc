#include "proxy/listener/http_inspector.h"

#include <algorithm>

#include "proxy/base/text.h"
#include "proxy/http/connection_facts.h"
#include "proxy/http/h1_parser.h"

namespace outrigger::listener {

using stats::HttpInspectorStat;

namespace {

constexpr std::size_t kFirstLook = 8 * 1024, kLookMax = 64 * 1024;

bool is_alpha(char c) noexcept { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool is_word(char c) noexcept { return is_alpha(c) || (c >= '0' && c <= '9'); }
bool is_blank(char c) noexcept { return c == ' ' || c == '\t'; }
bool is_path_char(char c) noexcept { return c != ' ' && c != '\r' && c >= 0 && c < 127; }  // as lenient as Envoy
bool is_host_char(char c) noexcept {
  return is_word(c) || std::string_view("-._~!$&'()*+,;=:@[]%").find(c) != std::string_view::npos;
}

/// After what Envoy takes for a URL: a path, or a scheme (not for CONNECT) with a host and perhaps a path.
bool is_target(std::string_view t, bool connect) noexcept {
  if (t.empty()) return false;
  if (t.front() == '/' || t.front() == '*') return std::all_of(t.begin() + 1, t.end(), is_path_char);
  if (!connect) {
    if (!is_alpha(t.front())) return false;
    const auto end = std::find_if_not(t.begin(), t.end(), [](char c) { return is_word(c) || c == '+' || c == '-' || c == '.'; });
    t.remove_prefix(static_cast<std::size_t>(end - t.begin()));
    if (!t.starts_with("://")) return false;
    t.remove_prefix(3);
  }
  const auto path = std::min(t.find_first_of("/?"), t.size());
  const auto host = t.substr(0, path), rest = t.substr(path);
  return std::all_of(host.begin(), host.end(), is_host_char) && host.find("@@") == std::string_view::npos &&
         std::all_of(rest.begin(), rest.end(), is_path_char);
}

bool is_version(std::string_view v) noexcept {
  const auto digit = [](char c) { return c >= '0' && c <= '9'; };
  return v.empty() || (v.size() == 8 && v.starts_with("HTTP/") && digit(v[5]) && v[6] == '.' && digit(v[7]));
}

HttpLook judge_line(std::string_view line) noexcept {
  while (!line.empty() && (is_blank(line.back()) || line.back() == '\r')) line.remove_suffix(1);
  const auto space = std::min(line.find_first_of(" \t"), line.size());
  const auto method = line.substr(0, space);
  if (!http::is_token(method)) return HttpLook::none;
  auto rest = line.substr(space);
  while (!rest.empty() && is_blank(rest.front())) rest.remove_prefix(1);
  const auto last = rest.find_last_of(" \t");
  const auto version = last == std::string_view::npos ? std::string_view() : rest.substr(last + 1);
  auto target = rest.substr(0, std::min(last, rest.size()));
  while (!target.empty() && is_blank(target.back())) target.remove_suffix(1);
  if (!is_target(target, method == "CONNECT") || !is_version(version)) return HttpLook::none;
  return version == "HTTP/1.1" ? HttpLook::http11 : HttpLook::http10;
}

class LineInspector final : public Inspector {
 public:
  explicit LineInspector(stats::BlockHandle stats) : stats_(stats) {}
  std::size_t bytes_max() const noexcept override { return wanted_; }
  Verdict on_bytes(const Candidate& c, std::string_view bytes) override;

 private:
  stats::BlockHandle stats_;
  std::size_t wanted_ = kFirstLook;
};

Verdict LineInspector::on_bytes(const Candidate& c, std::string_view bytes) {
  auto& cells = c.thread.cells;
  const auto found = [&](HttpInspectorStat stat, std::string_view name) {
    cells.add(stats_, stat);
    c.info.facts().application_protocols.assign(1, std::string(name));
    return Verdict::next;
  };
  switch (look_for_http(bytes)) {
    case HttpLook::http10: return found(HttpInspectorStat::http10_found, "http/1.0");
    case HttpLook::http11: return found(HttpInspectorStat::http11_found, "http/1.1");
    case HttpLook::http2: return found(HttpInspectorStat::http2_found, "h2c");
    case HttpLook::none: cells.add(stats_, HttpInspectorStat::http_not_found); return Verdict::next;
    case HttpLook::more: break;
  }
  if (bytes.size() >= kLookMax) {
    cells.add(stats_, HttpInspectorStat::read_error);
    return Verdict::close;
  }
  if (bytes.size() >= wanted_) wanted_ = std::min(2 * wanted_, kLookMax);
  return Verdict::wait;
}

}  // namespace

HttpLook look_for_http(std::string_view bytes) noexcept {
  constexpr auto kPreface = http::kHttp2Preface;
  if (agrees_so_far(bytes, kPreface)) return bytes.size() >= kPreface.size() ? HttpLook::http2 : HttpLook::more;
  if (bytes.empty()) return HttpLook::more;
  if (bytes.front() == '\r' || bytes.front() == '\n') return HttpLook::none;
  const auto end = bytes.find('\n');
  if (end != std::string_view::npos) return judge_line(bytes.substr(0, end));
  // What cannot become a method is known before the line ends.
  const auto method = bytes.substr(0, bytes.find_first_of(" \t\r"));
  return method.empty() || http::is_token(method) ? HttpLook::more : HttpLook::none;
}

Verdict HttpInspector::on_accept(const Candidate& c) const {
  return c.info.transport_protocol == "raw_buffer" ? Verdict::wait : Verdict::next;
}

std::unique_ptr<Inspector> HttpInspector::inspector() const { return std::make_unique<LineInspector>(stats_); }

}  // namespace outrigger::listener
