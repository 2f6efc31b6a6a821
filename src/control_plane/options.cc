#include "control_plane/options.h"

#include <set>
#include <string_view>
#include "proxy/base/log.h"
#include "proxy/base/numbers.h"

namespace outrigger::control_plane {

namespace {

struct Flag {
  const char* name;
  const char* value;  // null: takes none
  const char* help;
  std::string (*set)(Options&, const std::string&);  // empty: fine
};

template <std::string Options::*Field>
std::string text_into(Options& o, const std::string& v) {
  if (v.empty()) return "must not be empty";
  o.*Field = v;
  return {};
}

template <Options::Mode Mode>
std::string mode_of(Options& o, const std::string&) {
  o.mode = Mode;
  return {};
}

std::string set_streams(Options& o, const std::string& v) {
  const auto n = to_number<std::size_t>(v);
  if (!n || *n == 0) return "expected a number of 1 or more, found '" + v + "'";
  o.streams_max = *n;
  return {};
}

std::string set_level(Options& o, const std::string& v) {
  if (!logger::parse_level(v)) return "expected trace, debug, info, warning, error, critical or off, found '" + v + "'";
  o.log_level = v;
  return {};
}

std::string set_log_format(Options& o, const std::string& v) {
  if (v != "text" && v != "json") return "expected text or json, found '" + v + "'";
  o.log_json = v == "json";
  return {};
}

constexpr Flag kFlags[] = {
    {"listen", "ADDRESS", "where proxies connect: host:port, unix:path or unix:@name (default 127.0.0.1:18000)",
     text_into<&Options::listen>},
    {"admin", "ADDRESS", "where the status page is, or none (default 127.0.0.1:18001)", text_into<&Options::admin>},
    {"validate", nullptr, "reads the directory, tells what is wrong and ends", mode_of<Options::validate>},
    {"strict", nullptr, "what Outrigger would refuse is an error; without it a warning, since Envoy may take it",
     [](Options& o, const std::string&) { return o.strict = true, std::string(); }},
    {"tls-cert", "FILE", "serve with TLS: the certificate chain, read again when it changes", text_into<&Options::certificate>},
    {"tls-key", "FILE", "its private key", text_into<&Options::key>},
    {"tls-client-ca", "FILE", "proxies need a certificate of this authority", text_into<&Options::client_authority>},
    {"max-streams", "N", "so many at a time, of all proxies together (default 1000)", set_streams},
    {"identifier", "TEXT", "the name that proxies are told (default outrigger-xds)", text_into<&Options::identifier>},
    {"log-level", "LEVEL", "trace, debug, info (default), warning, error, critical, off", set_level},
    {"log-format", "FORMAT", "text (default), or json: an object a line", set_log_format},
    {"log-path", "FILE", "where the log goes; standard error by default", text_into<&Options::log_path>},
    {"help", nullptr, "prints this", mode_of<Options::help>},
};

const Flag* find_flag(std::string_view name) {
  for (const auto& f : kFlags)
    if (name == f.name) return &f;
  return nullptr;
}

Result<void> check(const Options& o) {
  if (o.mode == Options::help) return {};
  if (o.directory.empty()) return invalid("no directory given; see --help");
  if (o.certificate.empty() != o.key.empty()) return invalid("--tls-cert and --tls-key belong together");
  if (!o.client_authority.empty() && o.certificate.empty()) return invalid("--tls-client-ca needs --tls-cert and --tls-key");
  if (!o.listen.starts_with("unix:") && o.listen.find(':') == std::string::npos)
    return invalid("--listen: expected host:port, unix:path or unix:@name, found '" + o.listen + "'");
  return {};
}

}  // namespace

Result<Options> parse_options(int argc, const char* const* argv) {
  Options o;
  std::set<std::string_view> given;
  for (int i = 1; i < argc; ++i) {
    const std::string_view arg = argv[i];
    if (!arg.starts_with("-")) {
      if (!o.directory.empty()) return invalid("two directories: '" + o.directory + "' and '" + std::string(arg) + "'");
      o.directory = arg;
      continue;
    }
    const auto eq = arg.find('=');
    const Flag* f = arg == "-h"             ? find_flag("help")
                    : arg.starts_with("--") ? find_flag(arg.substr(2, eq == arg.npos ? eq : eq - 2))
                                            : nullptr;
    if (f == nullptr) return invalid("unknown argument '" + std::string(arg) + "'; see --help");
    if (!given.insert(f->name).second) return invalid("--" + std::string(f->name) + " is given twice");
    std::string value;
    if (f->value == nullptr && eq != arg.npos) return invalid("--" + std::string(f->name) + " takes no value");
    if (f->value != nullptr && eq != arg.npos) value = arg.substr(eq + 1);
    if (f->value != nullptr && eq == arg.npos) {
      if (i + 1 >= argc) return invalid("--" + std::string(f->name) + " needs a value: " + f->value);
      value = argv[++i];
    }
    if (const std::string wrong = f->set(o, value); !wrong.empty()) return invalid("--" + std::string(f->name) + ": " + wrong);
  }
  while (o.directory.size() > 1 && o.directory.ends_with('/')) o.directory.pop_back();
  if (const auto checked = check(o); !checked) return checked.error();
  return o;
}

std::string help_text() {
  std::string out =
      "outrigger-xds: a control plane that serves a directory of resource files to Outrigger and Envoy over xDS\n\n"
      "  outrigger-xds [FLAGS] DIRECTORY\n\n"
      "Files are .yaml, .yml, .json: a list of 'resources' with '@type', one resource with '@type', or a bootstrap whose\n"
      "static_resources are served; or .pb, a binary DiscoveryResponse. Those in DIRECTORY are for all proxies; those in\n"
      "DIRECTORY/clusters/NAME for proxies of that node cluster, those in DIRECTORY/nodes/ID for the one of that node id: they\n"
      "come on top, and take the place of resources with the same type and name. A '/' in a name is written %2F.\n"
      "A change is served as soon as it is read; while something is wrong, the last good state is served.\n\n";
  for (const auto& f : kFlags) {
    std::string line = std::string("  --") + f.name;
    if (f.value != nullptr) line += std::string(" ") + f.value;
    if (line.size() < 26) line.append(26 - line.size(), ' ');
    out += line + " " + f.help + "\n";
  }
  return out + "\nSIGHUP reads the directory again, SIGUSR1 opens the log again, SIGTERM and SIGINT end.\n";
}

}  // namespace outrigger::control_plane
