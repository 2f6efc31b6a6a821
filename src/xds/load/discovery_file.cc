#include "xds/load/discovery_file.h"

#include <google/protobuf/text_format.h>
#include <fstream>
#include <sstream>
#include "envoy/service/discovery/v3/discovery.pb.h"
#include "xds/load/source.h"
#include "xds/load/to_proto.h"

namespace outrigger::xds {

namespace {

using Discovery = envoy::service::discovery::v3::DiscoveryResponse;

/// "file:line:column: path: text" of every error.
std::string errors_text(const Problems& problems) {
  std::string out;
  for (const auto& p : problems.list()) {
    if (p.severity != Severity::error) continue;
    if (!out.empty()) out += "; ";
    out += p.file;
    if (p.line > 0) out += ":" + std::to_string(p.line) + ":" + std::to_string(p.column);
    out += ": " + (p.path.empty() ? std::string() : p.path + ": ") + p.text;
  }
  return out;
}

Result<void> parse(const std::string& path, const std::string& text, bool allow_unknown, Discovery& m) {
  const Error wrong{Errc::invalid_config, path + ": this is no DiscoveryResponse"};
  if (path.ends_with(".pb")) return m.ParseFromString(text) ? Result<void>() : wrong;
  if (path.ends_with(".pb_text") || path.ends_with(".textproto"))
    return google::protobuf::TextFormat::ParseFromString(text, &m) ? Result<void>() : wrong;
  Problems problems;
  Node tree;
  if (parse_yaml(text, path, tree, problems))
    to_proto(tree, m, {.file = path, .allow_unknown = allow_unknown, .as_received = true}, problems);
  if (!problems.ok()) return Error{Errc::invalid_config, errors_text(problems)};
  return {};
}

}  // namespace

Result<void> load_discovery_file(const std::string& path, bool allow_unknown, Response& into) {
  std::ifstream in(path, std::ios::binary);
  std::stringstream text;
  if (!in || !(text << in.rdbuf())) return Error{Errc::io, "cannot read " + path};
  Discovery m;
  if (const auto parsed = parse(path, text.str(), allow_unknown, m); !parsed) return parsed.error();
  into.version = m.version_info();
  for (auto& any : *m.mutable_resources()) {
    const auto type = into.keep(std::move(*any.mutable_type_url())), body = into.keep(std::move(*any.mutable_value()));
    into.resources.push_back({name_of_resource(body), "", type, body});
  }
  return {};
}

}  // namespace outrigger::xds
