#include "proxy/http/h1_writer.h"

#include <charconv>
#include <cstring>
#include <utility>

#include "proxy/http/h1_parser.h"

namespace outrigger::http {

namespace {

/// How names are written: as they were read, for a head whose reader kept them, else as the writer wants it.
struct Names {
  Names(const HeaderMap& headers, HeaderCase writer)
      : kept(headers.name_case()), proper(kept != nullptr ? kept->else_proper : writer == HeaderCase::proper_words) {}
  const HeaderMap::NameCase* kept;
  bool proper;
};

/// Appends to a Buffer: straight into one block when the head fits, else piece by piece.
class Sink {
 public:
  Sink(Buffer& out, std::size_t estimate) : out_(out) {
    if (estimate <= Buffer::kBlockBytes) at_ = start_ = out.reserve(estimate).data();
  }
  ~Sink() {
    if (start_ != nullptr) out_.commit(static_cast<std::size_t>(at_ - start_));
  }
  void put(std::string_view s) {
    if (start_ == nullptr) return out_.append(s);
    if (s.empty()) return;
    std::memcpy(at_, s.data(), s.size());
    at_ += s.size();
  }
  void name(std::string_view lower, const Names& names) {
    if (names.kept != nullptr)
      for (const auto* r = names.kept->received; r != nullptr; r = r->next)
        if (equals_ignore_case(r->name, lower)) return put(r->name);
    if (!names.proper) return put(lower);
    bool start = true;  // proper_case_words: a letter after a non-alphanumeric
    for (char c : lower) {
      const bool letter = c >= 'a' && c <= 'z';
      const char up = start && letter ? static_cast<char>(c - 32) : c;
      put({&up, 1});
      start = !letter && !(c >= '0' && c <= '9');
    }
  }
  void field(std::string_view name_text, std::string_view value, const Names& names) {
    name(name_text, names);
    put(": ");
    put(value);
    put("\r\n");
  }
  /// `connection`, when it is not empty, takes the place of one that is there.
  void fields(const HeaderMap& headers, const Names& names, std::string_view connection = {}) {
    for (std::size_t i = 0; i < headers.size(); ++i) {
      const Name id = headers.id_at(i);
      if (id == Name::connection && !connection.empty()) field("connection", std::exchange(connection, {}), names);
      if (id == Name::transfer_encoding || id == Name::connection) continue;  // ours to say
      field(headers.at(i).name, headers.at(i).value, names);
    }
    if (!connection.empty()) field("connection", connection, names);
  }

 private:
  Buffer& out_;
  char* start_ = nullptr;
  char* at_ = nullptr;
};

std::size_t estimate(const HeaderMap& h) { return h.byte_size() + 4 * h.size() + 160; }

/// Methods of which an empty body isn't announced by content-length: 0 (RFC 9110, 8.6; Envoy's list).
bool without_body(std::string_view m) { return m == "GET" || m == "HEAD" || m == "DELETE" || m == "TRACE"; }

std::string_view version_of(Protocol p) { return p == Protocol::http10 ? "HTTP/1.0 " : "HTTP/1.1 "; }

}  // namespace

BodyFraming write_request_head(const RequestHead& head, bool end_stream, const WriteOptions& o, Buffer& out) {
  Sink s(out, estimate(head.headers) + head.method.size() + head.scheme.size() + head.path.size() + 3 * head.authority.size() +
                  o.connection.size());
  const Names names(head.headers, o.header_case);
  s.put(head.method);
  s.put(" ");
  if (o.full_url && !head.is_connect()) {
    s.put(head.scheme);
    s.put("://");
    s.put(head.authority);
  }
  s.put(head.is_connect() ? head.authority : head.path);
  s.put(" HTTP/1.1\r\n");
  if (head.authority.data() != nullptr) s.field("host", head.authority, names);
  s.fields(head.headers, names, o.connection);
  BodyFraming framing = BodyFraming::none;
  if (head.is_connect() || (head.headers.has(Name::upgrade) && !o.connection.empty())) {
    framing = BodyFraming::tunnel;
  } else if (head.headers.has(Name::content_length)) {
    framing = BodyFraming::length;
  } else if (!end_stream) {
    framing = BodyFraming::chunked;
    s.field("transfer-encoding", "chunked", names);
  } else if (!without_body(head.method)) {
    s.field("content-length", "0", names);  // RFC 9110, 8.6
  }
  s.put("\r\n");
  return framing;
}

BodyFraming write_response_head(const ResponseHead& head, bool end_stream, BodyRule body, Protocol client, const WriteOptions& o,
                                Buffer& out) {
  Sink s(out, estimate(head.headers) + 64 + o.connection.size() + head.reason.size());
  const Names names(head.headers, o.header_case);
  char digits[8];
  const char* digits_end = std::to_chars(digits, digits + sizeof digits, head.status).ptr;
  s.put(version_of(client));
  s.put({digits, static_cast<std::size_t>(digits_end - digits)});
  s.put(" ");
  s.put(head.reason.empty() ? reason_phrase(head.status) : head.reason);
  s.put("\r\n");
  s.fields(head.headers, names, o.connection);
  BodyFraming framing = BodyFraming::none;
  if (body == BodyRule::tunnel) {
    framing = BodyFraming::tunnel;
  } else if (head.headers.has(Name::content_length)) {
    framing = BodyFraming::length;
  } else if (body == BodyRule::head_request) {
    if (client != Protocol::http10) s.field("transfer-encoding", "chunked", names);  // as a GET would have it
  } else if (body == BodyRule::any) {
    if (end_stream) {
      s.field("content-length", "0", names);
    } else if (client == Protocol::http10) {
      framing = BodyFraming::until_close;
    } else {
      framing = BodyFraming::chunked;
      s.field("transfer-encoding", "chunked", names);
    }
  }
  s.put("\r\n");
  return body == BodyRule::any || body == BodyRule::tunnel ? framing : BodyFraming::none;
}

void write_body(BodyFraming framing, Buffer& body, bool end_stream, Buffer& out) {
  if (framing == BodyFraming::none) return body.clear();
  if (framing != BodyFraming::chunked) return out.append(std::move(body));
  if (!body.empty()) {
    char line[20];
    auto [end, ec] = std::to_chars(line, line + 18, body.size(), 16);
    *end++ = '\r';
    *end++ = '\n';
    out.append({line, static_cast<std::size_t>(end - line)});
    out.append(std::move(body));
    out.append(end_stream ? "\r\n0\r\n\r\n" : "\r\n");
  } else if (end_stream) {
    out.append("0\r\n\r\n");
  }
}

void write_trailers(BodyFraming framing, const HeaderMap& trailers, const WriteOptions& o, Buffer& out) {
  if (framing != BodyFraming::chunked) return;
  if (!o.enable_trailers || trailers.size() == 0) return out.append("0\r\n\r\n");
  out.append("0\r\n");
  {
    Sink s(out, estimate(trailers));
    s.fields(trailers, Names(trailers, o.header_case));
    s.put("\r\n");
  }
}

}  // namespace outrigger::http
