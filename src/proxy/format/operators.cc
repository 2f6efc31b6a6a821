// The operators of access logs and header formats, by name: what each may be given, and who makes it.
#include <unistd.h>
#include <cstdlib>
#include <unordered_map>

#include "proxy/base/json_text.h"
#include "proxy/format/operators.h"

namespace outrigger::format {

using http::StreamInfo;

namespace {

/// What an operator may be given. All that are not named here take neither argument nor length.
enum class Syntax : std::uint8_t { bare, optional, required, required_cut, optional_cut };
Syntax syntax_of(std::string_view name) {
  static const std::unordered_map<std::string_view, Syntax> kSyntax = {
      {"CEL", Syntax::optional_cut},
      {"TYPED_CEL", Syntax::optional_cut},
      {"CLUSTER_METADATA", Syntax::required},
      {"UPSTREAM_METADATA", Syntax::required},
      {"COMMON_DURATION", Syntax::required},
      {"COALESCE", Syntax::required_cut},
      {"DYNAMIC_METADATA", Syntax::required_cut},
      {"ENVIRONMENT", Syntax::required_cut},
      {"FILTER_STATE", Syntax::optional_cut},
      {"UPSTREAM_FILTER_STATE", Syntax::optional_cut},
      {"METADATA", Syntax::optional_cut},
      {"PATH", Syntax::optional_cut},
      {"QUERY_PARAM", Syntax::required_cut},
      {"QUERY_PARAMS", Syntax::optional_cut},
      {"REQ", Syntax::required_cut},
      {"REQUEST_HEADER", Syntax::required_cut},
      {"REQ_WITHOUT_QUERY", Syntax::required_cut},
      {"RESP", Syntax::required_cut},
      {"RESPONSE_HEADER", Syntax::required_cut},
      {"TRAILER", Syntax::required_cut},
      {"RESPONSE_TRAILER", Syntax::required_cut},
      {"GRPC_STATUS", Syntax::optional},
      {"REQUESTED_SERVER_NAME", Syntax::optional},
      {"RESPONSE_CODE_DETAILS", Syntax::optional},
      {"START_TIME", Syntax::optional},
      {"START_TIME_LOCAL", Syntax::optional},
      {"EMIT_TIME", Syntax::optional},
      {"EMIT_TIME_LOCAL", Syntax::optional},
      {"DOWNSTREAM_PEER_CERT_V_START", Syntax::optional},
      {"DOWNSTREAM_PEER_CERT_V_END", Syntax::optional},
      {"UPSTREAM_PEER_CERT_V_START", Syntax::optional},
      {"UPSTREAM_PEER_CERT_V_END", Syntax::optional},
  };
  if (name.ends_with("_ADDRESS_WITHOUT_PORT")) return Syntax::optional;
  const auto at = kSyntax.find(name);
  return at == kSyntax.end() ? Syntax::bare : at->second;
}

/// Envoy's words.
Result<void> check_syntax(std::string_view name, const Arguments& a) {
  const std::string text(name);
  const Syntax s = syntax_of(name);
  if (s == Syntax::bare && (!a.text.empty() || a.length >= 0)) return invalid(text + " does not take any parameters or length");
  if ((s == Syntax::required || s == Syntax::required_cut) && a.text.empty()) return invalid(text + " requires parameters");
  if ((s == Syntax::required || s == Syntax::optional) && a.length >= 0)
    return invalid(text + " does not allow length to be specified.");
  return {};
}

std::string host_name() {
  char text[256] = {};
  return gethostname(text, sizeof text - 1) == 0 ? text : "-";
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
Operator metadata_operator(GetMetadata source, std::string_view path, const Arguments& a) {
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
  return {[find, length = a.length](const Context& c, std::string& out) {
            const auto* v = find(c);
            if (v == nullptr) return false;
            const auto start = out.size();
            v->append_text(out);
            if (length >= 0 && out.size() - start > static_cast<std::size_t>(length))
              out.resize(start + static_cast<std::size_t>(length));
            return true;
          },
          [find, length = a.length](const Context& c, std::string& out) {
            const auto* v = find(c);
            if (v == nullptr) return false;
            if (v->kind == MetadataValue::string)
              append_json_string(Arguments{{}, length}.cut(v->text), out);
            else
              v->append_json(out);
            return true;
          }};
}

/// METADATA(TYPE:namespace:key...).
Result<Operator> make_metadata(const Arguments& a) {
  const auto type = a.text.substr(0, a.text.find(':'));
  const auto* source = metadata_source(type);
  if (source == nullptr) return invalid(std::string(type) + " is not supported type of metadata");
  return metadata_operator(*source, a.text.size() > type.size() ? a.text.substr(type.size() + 1) : "", a);
}

/// The older operators, whose names say the type: CLUSTER_METADATA(namespace:key...). Empty: not one of them.
std::string_view metadata_type_of(std::string_view name) {
  if (name == "DYNAMIC_METADATA") return "DYNAMIC";
  if (name == "CLUSTER_METADATA") return "CLUSTER";
  return name == "UPSTREAM_METADATA" ? "UPSTREAM_HOST" : "";
}

Operator never() {
  return {[](const Context&, std::string&) { return false; }, false};
}

bool has_json(const http::FilterState::Entry& e) noexcept {
  using http::StateKind;
  return e.kind == StateKind::text || e.kind == StateKind::flag || e.kind == StateKind::number;
}

/// FILTER_STATE(key) and (key:TYPED): as JSON.
bool append_typed(const http::FilterState::Entry& e, std::string& out, bool json) {
  if (!has_json(e)) return false;
  if (!e.typed_json.empty())
    out += json && !e.log_json.empty() ? e.log_json : e.typed_json;
  else if (e.kind == http::StateKind::flag)
    out += e.value;
  else
    append_json_string(e.value, out);
  return true;
}

bool append_plain(const http::FilterState::Entry& e, const Arguments& cut, std::string& out) {
  if (e.kind == http::StateKind::protocols || (e.value.empty() && !e.typed_json.empty())) return false;
  out += cut.cut(e.value);
  return true;
}

bool append_field(const http::FilterState::Entry& e, std::string_view name, const Arguments& cut, std::string& out) {
  const auto text = http::field_of(e, name);
  if (text) out += cut.cut(*text);
  return text.has_value();
}

/// FILTER_STATE(key[:PLAIN|TYPED|FIELD:name]).
Result<Operator> filter_state(const Arguments& a, bool upstream) {
  const auto colon = a.text.find(':');
  if (a.text.empty() || colon == 0) return invalid("Invalid filter state configuration, key cannot be empty.");
  std::string_view how = "TYPED";
  if (colon != std::string_view::npos) {
    how = a.text.substr(colon + 1);
    if (how != "PLAIN" && how != "TYPED" && !how.starts_with("FIELD"))
      return invalid("Invalid filter state serialize type, only support PLAIN/TYPED/FIELD.");
  }
  if (upstream) return never();
  const std::string key(a.text.substr(0, colon));
  const auto typed = [key, length = a.length](const Context& c, std::string& out, bool json) {
    const auto* e = c.info->filter_state.find(key);
    const std::size_t before = out.size();
    if (e == nullptr || !append_typed(*e, out, json)) return false;
    if (!json && length >= 0) out.resize(std::min(out.size(), before + static_cast<std::size_t>(length)));
    return true;
  };
  if (how == "TYPED")
    return Operator{[typed](const Context& c, std::string& out) { return typed(c, out, false); },
                    [typed](const Context& c, std::string& out) { return typed(c, out, true); }};
  const std::string field(how.starts_with("FIELD:") ? how.substr(6) : std::string_view());
  return Operator{[key, field, plain = how == "PLAIN", cut = a](const Context& c, std::string& out) {
                    const auto* e = c.info->filter_state.find(key);
                    if (e == nullptr) return false;
                    return plain ? append_plain(*e, cut, out) : append_field(*e, field, cut, out);
                  },
                  false};
}

MakeExpression make_expression = nullptr;

std::optional<Result<Operator>> make_other(std::string_view name, const Arguments& a) {
  if (name == "HOSTNAME") return Operator{host_name()};
  if (name == "ENVIRONMENT") {
    const char* v = std::getenv(std::string(a.text).c_str());
    return Operator{std::string(a.cut(v == nullptr ? "-" : v))};
  }
  if (name == "ACCESS_LOG_TYPE")
    return Operator{[](const Context& c, std::string& out) { return out += c.log_type, true; }, false};
  if (name == "COALESCE") return make_coalesce(a);
  if (name == "METADATA") return make_metadata(a);
  if (const auto type = metadata_type_of(name); !type.empty()) return metadata_operator(*metadata_source(type), a.text, a);
  if (name == "FILTER_STATE" || name == "UPSTREAM_FILTER_STATE") return filter_state(a, name != "FILTER_STATE");
  if (name == "TRACE_ID" || name == "SPAN_ID") return never();
  if (name == "CEL" || name == "TYPED_CEL") {
    if (make_expression != nullptr) return make_expression(a.text, name == "TYPED_CEL", a.length);
    return invalid("%" + std::string(name) + "()% can not be used here");
  }
  return std::nullopt;
}

}  // namespace

void set_expressions(MakeExpression make) noexcept { make_expression = make; }

Result<Operator> make_operator(std::string_view name, std::string_view argument, bool, long length) {
  const Arguments a{argument, length};
  const auto syntax = check_syntax(name, a);
  if (!syntax && syntax_of(name) != Syntax::bare) return syntax.error();
  const auto made = [&]() -> Result<Operator> {
    if (auto o = make_stream_operator(name)) return std::move(*o);
    if (auto o = make_tls_operator(name, a)) return std::move(*o);
    for (const auto make : {make_http_operator, make_time_operator, make_address_operator, make_other})
      if (auto o = make(name, a)) return std::move(*o);
    return invalid("Not supported field in StreamInfo: " + std::string(name));
  };
  auto o = made();
  if (o && !syntax) return syntax.error();
  return o;
}

}  // namespace outrigger::format
