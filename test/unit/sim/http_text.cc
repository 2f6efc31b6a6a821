#include "unit/sim/http_text.h"

#include <charconv>

namespace outrigger::sim {

namespace {

using Fields = std::vector<std::pair<std::string, std::string>>;

/// A line without its CRLF; false: not complete.
bool take_line(std::string_view& in, std::string_view& line) {
  const auto at = in.find("\r\n");
  if (at == std::string_view::npos) return false;
  line = in.substr(0, at);
  in.remove_prefix(at + 2);
  return true;
}

enum class Got { all, some, wrong };

Got take_fields(std::string_view& in, Fields& out) {
  for (;;) {
    std::string_view line;
    if (!take_line(in, line)) return Got::some;
    if (line.empty()) return Got::all;
    const auto colon = line.find(": ");
    if (colon == std::string_view::npos || colon == 0) return Got::wrong;
    std::string name(line.substr(0, colon));
    for (char& c : name)
      if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
    out.emplace_back(std::move(name), line.substr(colon + 2));
  }
}

Got take_chunks(std::string_view& in, Message& m) {
  for (;;) {
    std::string_view line;
    if (!take_line(in, line)) return Got::some;
    std::size_t n = 0;
    const auto [end, ec] = std::from_chars(line.data(), line.data() + line.size(), n, 16);
    if (ec != std::errc{} || end != line.data() + line.size()) return Got::wrong;
    if (n == 0) return take_fields(in, m.trailers);
    if (in.size() < n + 2) {
      m.body += in.substr(0, n);
      return Got::some;
    }
    m.body += in.substr(0, n);
    if (in.substr(n, 2) != "\r\n") return Got::wrong;
    in.remove_prefix(n + 2);
  }
}

}  // namespace

std::string Message::get(std::string_view name) const {
  for (const auto& [n, v] : headers)
    if (n == name) return v;
  return {};
}
bool Message::has(std::string_view name) const {
  for (const auto& h : headers)
    if (h.first == name) return true;
  return false;
}
int Message::status() const { return start.size() < 12 ? 0 : std::atoi(start.c_str() + 9); }
std::string Message::path() const {
  const auto from = start.find(' ');
  return from == std::string::npos ? "" : start.substr(from + 1, start.find(' ', from + 1) - from - 1);
}

Parsed parse_message(std::string_view in, bool response, bool head) {
  Parsed p;
  Message& m = p.message;
  const std::size_t all = in.size();
  const auto end = [&](Got got) {
    p.state = got == Got::all ? Parsed::complete : got == Got::some ? Parsed::partial : Parsed::broken;
    m.size = all - in.size();
    return std::move(p);
  };
  std::string_view line;
  if (!take_line(in, line)) return end(Got::some);
  m.start = line;
  if (response ? !line.starts_with("HTTP/1.") : !line.ends_with(" HTTP/1.1")) return end(Got::wrong);
  if (const auto got = take_fields(in, m.headers); got != Got::all) return end(got);
  const int status = response ? m.status() : 0;
  if (response && (status / 100 == 1 || status == 204 || status == 304 || head)) return end(Got::all);
  if (m.get("transfer-encoding") == "chunked") return end(take_chunks(in, m));
  if (m.has("content-length")) {
    std::size_t n = 0;
    const std::string v = m.get("content-length");
    if (std::from_chars(v.data(), v.data() + v.size(), n).ec != std::errc{}) return end(Got::wrong);
    m.body = in.substr(0, n);
    if (in.size() < n) return end(Got::some);
    in.remove_prefix(n);
    return end(Got::all);
  }
  if (!response) return end(Got::all);
  m.body = in;
  m.size = all;
  p.state = Parsed::until_close;
  return p;
}

}  // namespace outrigger::sim
