// The operators of access logs and header formats, by name.
#include <unistd.h>
#include <charconv>
#include <cstdlib>
#include <optional>
#include <unordered_map>

#include "proxy/format/operator.h"

namespace outrigger::format {

using http::StreamInfo;

namespace {

void put_number(std::uint64_t n, std::string& out) {
  char text[24];
  out.append(text, static_cast<std::size_t>(std::to_chars(text, text + 24, n).ptr - text));
}
bool put_text(std::string_view s, std::string& out) {
  out += s;
  return !s.empty();
}
std::string_view cut(std::string_view s, long length) { return length >= 0 ? s.substr(0, static_cast<std::size_t>(length)) : s; }
std::string lower(std::string_view s) {
  std::string r(s);
  for (char& c : r)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
  return r;
}
std::string_view trim(std::string_view s) {
  while (!s.empty() && s.front() == ' ') s.remove_prefix(1);
  while (!s.empty() && s.back() == ' ') s.remove_suffix(1);
  return s;
}

/// X or X?Y: a header, else another.
struct HeaderNames {
  std::string main, other;
  explicit HeaderNames(std::string_view argument) {
    const auto q = argument.find('?');
    main = lower(trim(argument.substr(0, q)));
    if (q != std::string_view::npos) other = lower(trim(argument.substr(q + 1)));
  }
};

template <class Get>
Operator header_operator(std::string_view argument, long length, Get get) {
  return {[names = HeaderNames(argument), length, get](const Context& c, std::string& out) {
            const std::string_view* v = get(c, names.main);
            if (v == nullptr && !names.other.empty()) v = get(c, names.other);
            if (v == nullptr) return false;
            out += cut(*v, length);
            return true;
          },
          false};
}
const std::string_view* find_value(const http::HeaderMap* h, std::string_view name) {
  const auto* e = h == nullptr ? nullptr : h->find(name);
  return e == nullptr ? nullptr : &e->value;
}

using InfoText = bool (*)(const StreamInfo&, std::string&);
using InfoNumber = std::optional<std::uint64_t> (*)(const StreamInfo&);

std::optional<std::uint64_t> since(const StreamInfo& i, TimePoint t, std::int64_t unit = 1000) {
  if (t == TimePoint{}) return {};
  return static_cast<std::uint64_t>((t - i.start).count() / unit);
}
bool put_address(const net::Address& a, std::string& out) { return put_text(a.text(), out); }
bool put_ip(const net::Address& a, std::string& out) { return put_text(a.ip_text(), out); }
std::optional<std::uint64_t> port_of(const net::Address& a) {
  return a.is_ip() ? std::optional<std::uint64_t>(a.port()) : std::nullopt;
}
std::string_view text_of(http::CloseType t) {
  constexpr std::string_view kNames[] = {"Normal", "LocalReset", "RemoteReset"};
  return kNames[static_cast<unsigned>(t)];
}
using http::text_of;
#define UPSTREAM(i) \
  if (!(i).upstream || (i).upstream->host.empty()) return false

const std::unordered_map<std::string_view, InfoText> kTexts = {
    {"PROTOCOL", [](const StreamInfo& i, std::string& o) { return i.has_protocol && put_text(text_of(i.protocol), o); }},
    {"RESPONSE_FLAGS",
     [](const StreamInfo& i, std::string& o) {
       i.flags.append_short(o);
       return true;
     }},
    {"RESPONSE_FLAGS_LONG",
     [](const StreamInfo& i, std::string& o) {
       i.flags.append_long(o);
       return true;
     }},
    {"RESPONSE_CODE_DETAILS", [](const StreamInfo& i, std::string& o) { return put_text(i.details, o); }},
    {"CONNECTION_TERMINATION_DETAILS",
     [](const StreamInfo& i, std::string& o) { return put_text(i.connection->termination_details, o); }},
    {"ROUTE_NAME", [](const StreamInfo& i, std::string& o) { return put_text(i.route_name, o); }},
    {"VIRTUAL_HOST_NAME", [](const StreamInfo& i, std::string& o) { return put_text(i.virtual_host, o); }},
    {"VIRTUAL_CLUSTER_NAME", [](const StreamInfo& i, std::string& o) { return put_text(i.virtual_cluster, o); }},
    {"UPSTREAM_CLUSTER", [](const StreamInfo& i, std::string& o) { return put_text(i.cluster, o); }},
    {"UPSTREAM_CLUSTER_RAW", [](const StreamInfo& i, std::string& o) { return put_text(i.cluster_raw, o); }},
    {"UPSTREAM_HOST",
     [](const StreamInfo& i, std::string& o) {
       UPSTREAM(i);
       return put_address(i.upstream->host, o);
     }},
    {"UPSTREAM_HOST_NAME",
     [](const StreamInfo& i, std::string& o) {
       UPSTREAM(i);
       return i.upstream->hostname.empty() ? put_address(i.upstream->host, o) : put_text(i.upstream->hostname, o);
     }},
    {"UPSTREAM_HOST_NAME_WITHOUT_PORT",
     [](const StreamInfo& i, std::string& o) {
       UPSTREAM(i);
       return i.upstream->hostname.empty() ? put_ip(i.upstream->host, o)
                                           : put_text(i.upstream->hostname.substr(0, i.upstream->hostname.rfind(':')), o);
     }},
    {"UPSTREAM_REMOTE_ADDRESS",
     [](const StreamInfo& i, std::string& o) {
       UPSTREAM(i);
       return put_address(i.upstream->host, o);
     }},
    {"UPSTREAM_REMOTE_ADDRESS_WITHOUT_PORT",
     [](const StreamInfo& i, std::string& o) {
       UPSTREAM(i);
       return put_ip(i.upstream->host, o);
     }},
    {"UPSTREAM_LOCAL_ADDRESS",
     [](const StreamInfo& i, std::string& o) {
       UPSTREAM(i);
       return put_address(i.upstream->local, o);
     }},
    {"UPSTREAM_LOCAL_ADDRESS_WITHOUT_PORT",
     [](const StreamInfo& i, std::string& o) {
       UPSTREAM(i);
       return put_ip(i.upstream->local, o);
     }},
    {"UPSTREAM_PROTOCOL",
     [](const StreamInfo& i, std::string& o) {
       if (!i.has_protocol) return false;
       UPSTREAM(i);
       return put_text(text_of(i.upstream->protocol), o);
     }},
    {"UPSTREAM_TRANSPORT_FAILURE_REASON",
     [](const StreamInfo& i, std::string& o) { return i.upstream && put_text(i.upstream->transport_failure_reason, o); }},
    {"DOWNSTREAM_LOCAL_ADDRESS", [](const StreamInfo& i, std::string& o) { return put_address(i.connection->local, o); }},
    {"DOWNSTREAM_LOCAL_ADDRESS_WITHOUT_PORT", [](const StreamInfo& i, std::string& o) { return put_ip(i.connection->local, o); }},
    {"DOWNSTREAM_REMOTE_ADDRESS", [](const StreamInfo& i, std::string& o) { return put_address(i.remote(), o); }},
    {"DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT", [](const StreamInfo& i, std::string& o) { return put_ip(i.remote(), o); }},
    {"DOWNSTREAM_DIRECT_REMOTE_ADDRESS",
     [](const StreamInfo& i, std::string& o) { return put_address(i.connection->direct_remote, o); }},
    {"DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT",
     [](const StreamInfo& i, std::string& o) { return put_ip(i.connection->direct_remote, o); }},
    {"DOWNSTREAM_LOCAL_CLOSE_REASON",
     [](const StreamInfo& i, std::string& o) { return put_text(i.connection->local_close_reason, o); }},
    {"DOWNSTREAM_TRANSPORT_FAILURE_REASON",
     [](const StreamInfo& i, std::string& o) { return put_text(i.connection->transport_failure_reason, o); }},
    {"DOWNSTREAM_DETECTED_CLOSE_TYPE",
     [](const StreamInfo& i, std::string& o) { return put_text(text_of(i.connection->close_type), o); }},
    {"UPSTREAM_LOCAL_CLOSE_REASON",
     [](const StreamInfo& i, std::string& o) { return i.upstream && put_text(i.upstream->local_close_reason, o); }},
    {"UPSTREAM_DETECTED_CLOSE_TYPE",
     [](const StreamInfo& i, std::string& o) {
       return i.upstream && put_text(text_of(i.upstream->close_type), o);
     }},
    {"REQUESTED_SERVER_NAME",
     [](const StreamInfo& i, std::string& o) { return put_text(i.connection->requested_server_name, o); }},
    {"FILTER_CHAIN_NAME", [](const StreamInfo& i, std::string& o) { return put_text(i.connection->filter_chain_name, o); }},
};

const std::unordered_map<std::string_view, InfoNumber> kNumbers = {
    {"RESPONSE_CODE", [](const StreamInfo& i) -> std::optional<std::uint64_t> { return i.response_code; }},
    {"BYTES_RECEIVED", [](const StreamInfo& i) -> std::optional<std::uint64_t> { return i.bytes_received; }},
    {"BYTES_SENT", [](const StreamInfo& i) -> std::optional<std::uint64_t> { return i.bytes_sent; }},
    {"DURATION", [](const StreamInfo& i) { return since(i, i.end); }},
    {"REQUEST_DURATION", [](const StreamInfo& i) { return since(i, i.last_downstream_rx); }},
    {"RESPONSE_DURATION",
     [](const StreamInfo& i) -> std::optional<std::uint64_t> {
       return i.upstream ? since(i, i.upstream->first_rx) : std::nullopt;
     }},
    {"RESPONSE_TX_DURATION",
     [](const StreamInfo& i) -> std::optional<std::uint64_t> {
       if (!i.upstream || i.upstream->first_rx == TimePoint{} || i.last_downstream_tx == TimePoint{}) return {};
       return static_cast<std::uint64_t>((i.last_downstream_tx - i.upstream->first_rx).count() / 1000);
     }},
    {"REQUEST_TX_DURATION",
     [](const StreamInfo& i) -> std::optional<std::uint64_t> {
       return i.upstream ? since(i, i.upstream->last_tx) : std::nullopt;
     }},
    {"DOWNSTREAM_LOCAL_PORT", [](const StreamInfo& i) { return port_of(i.connection->local); }},
    {"DOWNSTREAM_REMOTE_PORT", [](const StreamInfo& i) { return port_of(i.remote()); }},
    {"DOWNSTREAM_DIRECT_REMOTE_PORT", [](const StreamInfo& i) { return port_of(i.connection->direct_remote); }},
    {"UPSTREAM_REMOTE_PORT", [](const StreamInfo& i) { return i.upstream ? port_of(i.upstream->host) : std::nullopt; }},
    {"UPSTREAM_LOCAL_PORT", [](const StreamInfo& i) { return i.upstream ? port_of(i.upstream->local) : std::nullopt; }},
    {"CONNECTION_ID", [](const StreamInfo& i) -> std::optional<std::uint64_t> { return i.connection->id; }},
    {"UPSTREAM_CONNECTION_ID",
     [](const StreamInfo& i) -> std::optional<std::uint64_t> {
       if (!i.upstream || i.upstream->connection_id == 0) return {};
       return i.upstream->connection_id;
     }},
    {"UPSTREAM_REQUEST_ATTEMPT_COUNT", [](const StreamInfo& i) -> std::optional<std::uint64_t> { return i.attempt_count; }},
    {"DOWNSTREAM_WIRE_BYTES_RECEIVED", [](const StreamInfo& i) -> std::optional<std::uint64_t> { return i.wire_bytes_received; }},
    {"DOWNSTREAM_WIRE_BYTES_SENT", [](const StreamInfo& i) -> std::optional<std::uint64_t> { return i.wire_bytes_sent; }},
    {"UPSTREAM_WIRE_BYTES_RECEIVED",
     [](const StreamInfo& i) -> std::optional<std::uint64_t> { return i.upstream ? i.upstream->wire_bytes_received : 0; }},
    {"UPSTREAM_WIRE_BYTES_SENT",
     [](const StreamInfo& i) -> std::optional<std::uint64_t> { return i.upstream ? i.upstream->wire_bytes_sent : 0; }},
};

constexpr std::string_view kGrpcNames[] = {
    "OK",       "Canceled",       "Unknown",          "InvalidArgument",   "DeadlineExceeded",
    "NotFound", "AlreadyExists",  "PermissionDenied", "ResourceExhausted", "FailedPrecondition",
    "Aborted",  "OutOfRange",     "Unimplemented",    "Internal",          "Unavailable",
    "DataLoss", "Unauthenticated"};
constexpr std::string_view kGrpcSnake[] = {
    "OK",        "CANCELLED",      "UNKNOWN",           "INVALID_ARGUMENT",   "DEADLINE_EXCEEDED",
    "NOT_FOUND", "ALREADY_EXISTS", "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION",
    "ABORTED",   "OUT_OF_RANGE",   "UNIMPLEMENTED",     "INTERNAL",           "UNAVAILABLE",
    "DATA_LOSS", "UNAUTHENTICATED"};

Operator grpc_status(std::string_view form, bool number) {
  const bool snake = form == "SNAKE_STRING";
  number = number || form == "NUMBER";
  return {[snake, number](const Context& c, std::string& out) {
            if (c.request == nullptr || !c.request->is_grpc()) return false;
            const std::string_view* v = find_value(c.response_trailers, "grpc-status");
            if (v == nullptr && c.response != nullptr) v = find_value(&c.response->headers, "grpc-status");
            if (v == nullptr) return false;
            unsigned n = 0;
            const bool ok = std::from_chars(v->data(), v->data() + v->size(), n).ec == std::errc{};
            if (number || !ok || n >= std::size(kGrpcNames))
              out += *v;
            else
              out += snake ? kGrpcSnake[n] : kGrpcNames[n];
            return true;
          },
          number};
}

std::string host_name() {
  char text[256] = {};
  return gethostname(text, sizeof text - 1) == 0 ? text : "-";
}

std::string_view path_of(const Context& c) {
  if (c.request == nullptr) return {};
  const auto original = c.request->headers.get(http::Name::x_envoy_original_path);
  return original.empty() ? c.request->path : original;
}

using GetMetadata = const Metadata* (*)(const StreamInfo&);

/// By Envoy's name of the type.
const GetMetadata* metadata_source(std::string_view type) {
  static const std::unordered_map<std::string_view, GetMetadata> kSources = {
      {"ROUTE", [](const StreamInfo& i) { return i.route_metadata; }},
      {"CLUSTER", [](const StreamInfo& i) -> const Metadata* { return i.cluster_metadata.get(); }},
      {"UPSTREAM_HOST", [](const StreamInfo& i) -> const Metadata* { return i.upstream ? i.upstream->metadata.get() : nullptr; }},
      {"LISTENER",
       [](const StreamInfo& i) -> const Metadata* { return i.connection ? i.connection->listener_metadata : nullptr; }},
      {"DYNAMIC", [](const StreamInfo& i) -> const Metadata* { return i.dynamic_metadata.get(); }},
      {"VIRTUAL_HOST", [](const StreamInfo& i) { return i.virtual_host_metadata; }},
      {"LISTENER_FILTER_CHAIN",
       [](const StreamInfo& i) -> const Metadata* { return i.connection ? i.connection->filter_chain_metadata : nullptr; }},
  };
  const auto at = kSources.find(type);
  return at == kSources.end() ? nullptr : &at->second;
}

/// `path`: namespace:key:key...
Operator metadata_operator(GetMetadata source, std::string_view path, long length) {
  const auto colon = path.find(':');
  std::string name(path.substr(0, colon));
  std::vector<std::string> keys;
  while (path.find(':') != std::string_view::npos) {
    path.remove_prefix(path.find(':') + 1);
    keys.emplace_back(path.substr(0, path.find(':')));
  }
  const auto find = [source, name = std::move(name), keys = std::move(keys)](const Context& c) -> const MetadataValue* {
    const Metadata* all = source(*c.info);
    const auto* v = all == nullptr ? nullptr : all->find(name, keys);
    return v == nullptr || v->kind == MetadataValue::null ? nullptr : v;
  };
  return {[find, length](const Context& c, std::string& out) {
            const auto* v = find(c);
            if (v == nullptr) return false;
            const auto start = out.size();
            v->append_text(out);
            if (length >= 0 && out.size() - start > static_cast<std::size_t>(length))
              out.resize(start + static_cast<std::size_t>(length));
            return true;
          },
          [find, length](const Context& c, std::string& out) {
            const auto* v = find(c);
            if (v == nullptr) return false;
            if (v->kind == MetadataValue::string)
              append_json_string(cut(v->text, length), out);
            else
              v->append_json(out);
            return true;
          }};
}

/// METADATA(TYPE:namespace:key...).
Result<Operator> make_metadata(std::string_view argument, long length) {
  const auto type = argument.substr(0, argument.find(':'));
  const auto* source = metadata_source(type);
  if (source == nullptr) return invalid(std::string(type) + " is not supported type of metadata");
  return metadata_operator(*source, argument.size() > type.size() ? argument.substr(type.size() + 1) : "", length);
}

/// The older operators, whose names say the type: CLUSTER_METADATA(namespace:key...). Empty: not one of them.
std::string_view metadata_type_of(std::string_view name) {
  if (name == "DYNAMIC_METADATA") return "DYNAMIC";
  if (name == "CLUSTER_METADATA") return "CLUSTER";
  return name == "UPSTREAM_METADATA" ? "UPSTREAM_HOST" : "";
}

bool always_missing(std::string_view name) {
  for (std::string_view s : {"FILTER_STATE", "UPSTREAM_FILTER_STATE", "TRACE_ID", "SPAN_ID"})
    if (s == name) return true;
  return name.starts_with("DOWNSTREAM_PEER_") || name.starts_with("DOWNSTREAM_TLS_") || name.starts_with("UPSTREAM_PEER_") ||
         name.starts_with("UPSTREAM_TLS_") || name == "DOWNSTREAM_LOCAL_URI_SAN" || name == "DOWNSTREAM_LOCAL_SUBJECT" ||
         name == "DOWNSTREAM_LOCAL_DNS_SAN" || name == "TLS_JA3_FINGERPRINT" || name == "TLS_JA4_FINGERPRINT";
}

}  // namespace

Result<Operator> make_operator(std::string_view name, std::string_view argument, bool has_argument, long length) {
  const auto need = [&]() -> Result<void> {
    if (!has_argument || argument.empty()) return invalid(std::string(name) + " needs a header name in parentheses");
    return {};
  };
  if (name == "REQ" || name == "REQUEST_HEADER") {
    if (auto ok = need(); !ok) return ok.error();
    return header_operator(argument, length, [](const Context& c, const std::string& n) -> const std::string_view* {
      return c.request == nullptr ? nullptr : c.request->find(n);
    });
  }
  if (name == "RESP" || name == "RESPONSE_HEADER") {
    if (auto ok = need(); !ok) return ok.error();
    return header_operator(argument, length, [](const Context& c, const std::string& n) {
      return c.response == nullptr ? nullptr : find_value(&c.response->headers, n);
    });
  }
  if (name == "TRAILER" || name == "RESPONSE_TRAILER") {
    if (auto ok = need(); !ok) return ok.error();
    return header_operator(argument, length,
                           [](const Context& c, const std::string& n) { return find_value(c.response_trailers, n); });
  }
  if (name == "START_TIME" || name == "EMIT_TIME") {
    const bool emit = name[0] == 'E';
    return Operator{[f = std::string(argument), emit](const Context& c, std::string& out) {
                      WallTime t = c.info->start_wall;
                      if (emit) t += c.info->end - c.info->start;
                      append_time(t, f.empty() ? "%Y-%m-%dT%H:%M:%S.%3fZ" : std::string_view(f), out);
                      return true;
                    },
                    false};
  }
  if (const auto at = kNumbers.find(name); at != kNumbers.end())
    return Operator{[get = at->second](const Context& c, std::string& out) {
                      const auto n = get(*c.info);
                      if (n) put_number(*n, out);
                      return n.has_value();
                    },
                    true};
  if (const auto at = kTexts.find(name); at != kTexts.end())
    return Operator{[get = at->second, length](const Context& c, std::string& out) {
                      const auto start = out.size();
                      if (!get(*c.info, out)) return false;
                      if (length >= 0 && out.size() - start > static_cast<std::size_t>(length))
                        out.resize(start + static_cast<std::size_t>(length));
                      return true;
                    },
                    false};
  if (name == "GRPC_STATUS") return grpc_status(argument, false);
  if (name == "GRPC_STATUS_NUMBER") return grpc_status("", true);
  if (name == "HOSTNAME") return Operator{host_name()};
  if (name == "ENVIRONMENT") {
    const char* v = std::getenv(std::string(argument).c_str());
    return Operator{std::string(cut(v == nullptr ? "-" : v, length))};
  }
  if (name == "LOCAL_REPLY_BODY")
    return Operator{[](const Context& c, std::string& out) {
                      out += c.info->local_reply_body;
                      return true;
                    },
                    false};
  if (name == "ACCESS_LOG_TYPE")
    return Operator{[](const Context& c, std::string& out) {
                      out += c.log_type;
                      return true;
                    },
                    false};
  if (name == "STREAM_ID" || name == "UNIQUE_ID")
    return Operator{[](const Context& c, std::string& out) {
                      if (c.request != nullptr)
                        if (const auto* id = find_value(&c.request->headers, "x-request-id")) return put_text(*id, out);
                      put_number(c.info->stream_id, out);
                      return true;
                    },
                    false};
  if (name == "PATH" || name == "QUERY_PARAMS" || name == "QUERY_PARAM")
    return Operator{[n = std::string(name), arg = std::string(argument), length](const Context& c, std::string& out) {
                      const auto p = path_of(c);
                      const auto q = p.find('?');
                      if (n == "PATH") return put_text(cut(arg.starts_with("NQ") ? p.substr(0, q) : p, length), out);
                      if (q == std::string_view::npos) return false;
                      auto rest = p.substr(q + 1);
                      if (n == "QUERY_PARAMS") return put_text(cut(rest, length), out);
                      while (true) {
                        const auto pair = rest.substr(0, rest.find('&'));
                        const auto eq = pair.find('=');
                        if (pair.substr(0, eq) == arg)
                          return put_text(cut(eq == std::string_view::npos ? "" : pair.substr(eq + 1), length), out);
                        if (pair.size() == rest.size()) return false;
                        rest.remove_prefix(pair.size() + 1);
                      }
                    },
                    false};
  if (name == "REQUEST_HEADERS_BYTES")
    return Operator{[](const Context& c, std::string& out) {
                      put_number(c.info->header_bytes_received, out);
                      return true;
                    },
                    true};
  if (name == "RESPONSE_HEADERS_BYTES")
    return Operator{[](const Context& c, std::string& out) {
                      put_number(c.info->header_bytes_sent, out);
                      return true;
                    },
                    true};
  if (name == "METADATA") return make_metadata(argument, length);
  if (const auto type = metadata_type_of(name); !type.empty()) {
    if (argument.empty()) return invalid(std::string(name) + " requires parameters");
    return metadata_operator(*metadata_source(type), argument, length);
  }
  if (always_missing(name)) return Operator{[](const Context&, std::string&) { return false; }, false};
  return invalid("Not supported field in StreamInfo: " + std::string(name));
}

}  // namespace outrigger::format
