#include "xds/load/options.h"

#include <algorithm>
#include <charconv>
#include <functional>
#include <set>
#include <string_view>
#include "proxy/base/log.h"

namespace outrigger::xds {

namespace {

struct Flag {
  const char* name;
  char letter;
  const char* value;  // null: a switch
  const char* help;
  std::function<std::string(Options&, const std::string&)> set;  // returns what is wrong
};

std::string number(const std::string& text, std::uint32_t& into) {
  const auto r = std::from_chars(text.data(), text.data() + text.size(), into);
  return r.ec == std::errc{} && r.ptr == text.data() + text.size() && !text.empty() ? ""
                                                                                    : "expected a number, found '" + text + "'";
}

auto text_into(std::string Options::*m) {
  return [m](Options& o, const std::string& v) -> std::string { return o.*m = v, ""; };
}
auto number_into(std::uint32_t Options::*m) {
  return [m](Options& o, const std::string& v) { return number(v, o.*m); };
}
auto turn_on(bool Options::*m) {
  return [m](Options& o, const std::string&) -> std::string { return o.*m = true, ""; };
}
auto no_effect(const char* name) {
  return [name](Options& o, const std::string&) -> std::string { return o.without_effect.emplace_back(name), ""; };
}

std::string set_mode(Options& o, const std::string& v) {
  if (v == "serve")
    o.mode = Options::serve;
  else if (v == "validate")
    o.mode = Options::validate;
  else if (v == "init_only")
    o.mode = Options::init_only;
  else
    return "unknown mode '" + v + "': serve, validate or init_only";
  return "";
}

std::string set_log_level(Options& o, const std::string& v) {
  if (!logger::parse_level(v)) return "unknown level '" + v + "': trace, debug, info, warning, error, critical or off";
  return o.log_level = v, "";
}

std::string set_drain_strategy(Options& o, const std::string& v) {
  if (v != "gradual" && v != "immediate") return "unknown strategy '" + v + "': gradual or immediate";
  return o.drain_immediate = v == "immediate", "";
}

std::string set_ip_version(Options& o, const std::string& v) {
  if (v != "v4" && v != "v6") return "unknown IP address version '" + v + "': v4 or v6";
  return o.ipv6_local_address = v == "v6", "";
}

std::string add_stats_tag(Options& o, const std::string& v) {
  const auto colon = v.find(':');
  if (colon == std::string::npos || colon == 0) return "expected name:value, found '" + v + "'";
  const auto letter = [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
  if (!std::all_of(v.begin(), v.begin() + static_cast<std::ptrdiff_t>(colon), letter))
    return "the name can have letters and digits only: '" + v + "'";
  if (colon + 1 == v.size() || v.find('.', colon) != std::string::npos)
    return "the value must not be empty nor have a dot in it: '" + v + "'";
  return o.stats_tags.push_back(v), "";
}

const std::vector<Flag>& flags() {
  static const std::vector<Flag> all = {
      {"config-path", 'c', "FILE", "the bootstrap: YAML, or by extension .json, .pb, .pb_text", text_into(&Options::config_path)},
      {"config-yaml", 0, "YAML", "a bootstrap to merge over the file", text_into(&Options::config_yaml)},
      {"mode", 0, "MODE", "serve (default); validate: check the config, tell every problem, exit; init_only", set_mode},
      {"concurrency", 0, "N", "worker threads (default: one per CPU)",
       [](Options& o, const std::string& v) {
         std::uint32_t n = 0;
         auto wrong = number(v, n);
         o.concurrency = n == 0 ? 1 : n;
         return wrong;
       }},
      {"log-level", 'l', "LEVEL", "trace, debug, info (default), warning, error, critical, off", set_log_level},
      {"component-log-level", 0, "LIST", "levels of single loggers: upstream:debug,config:trace",
       text_into(&Options::component_log_level)},
      {"log-path", 0, "FILE", "where the log goes (default: standard error)", text_into(&Options::log_path)},
      {"log-format", 0, "FORMAT", "spdlog's flags", text_into(&Options::log_format)},
      {"log-format-escaped", 0, nullptr, "line ends in messages are escaped", turn_on(&Options::log_format_escaped)},
      {"service-node", 0, "ID", "node.id", text_into(&Options::service_node)},
      {"service-cluster", 0, "NAME", "node.cluster", text_into(&Options::service_cluster)},
      {"service-zone", 0, "ZONE", "node.locality.zone", text_into(&Options::service_zone)},
      {"drain-time-s", 0, "S", "how long connections take to be closed gradually (default 600)",
       number_into(&Options::drain_time_s)},
      {"drain-strategy", 0, "WORD", "gradual (default): ever more connections; immediate: each with its next response",
       set_drain_strategy},
      {"parent-shutdown-time-s", 0, "S", "no effect: there is no hot restart", number_into(&Options::parent_shutdown_time_s)},
      {"restart-epoch", 0, "N", "no effect: there is no hot restart", number_into(&Options::restart_epoch)},
      {"base-id", 0, "N", "no effect: there is no hot restart", number_into(&Options::base_id)},
      {"use-dynamic-base-id", 0, nullptr, "no effect: there is no hot restart", turn_on(&Options::use_dynamic_base_id)},
      {"base-id-path", 0, "FILE", "where --base-id is written", text_into(&Options::base_id_path)},
      {"hot-restart-version", 0, nullptr, "prints 'disabled'",
       [](Options& o, const std::string&) -> std::string { return o.mode = Options::hot_restart_version, ""; }},
      {"disable-hot-restart", 0, nullptr, "no effect: there is no hot restart",
       [](Options&, const std::string&) { return std::string(); }},
      {"skip-hot-restart-on-no-parent", 0, nullptr, "no effect: there is no hot restart",
       no_effect("skip-hot-restart-on-no-parent")},
      {"skip-hot-restart-parent-stats", 0, nullptr, "no effect: there is no hot restart",
       no_effect("skip-hot-restart-parent-stats")},
      {"socket-path", 0, "PATH", "no effect: there is no hot restart", no_effect("socket-path")},
      {"socket-mode", 0, "MODE", "no effect: there is no hot restart", no_effect("socket-mode")},
      {"local-address-ip-version", 0, "V", "v4 (default) or v6", set_ip_version},
      {"admin-address-path", 0, "FILE", "where the address of the admin interface is written",
       text_into(&Options::admin_address_path)},
      {"file-flush-interval-msec", 0, "MS", "how often access logs are written (default 10000)",
       number_into(&Options::flush_interval_ms)},
      {"file-flush-min-size-kb", 0, "KB", "or when so much has gathered (default 64)", number_into(&Options::flush_min_kb)},
      {"allow-unknown-static-fields", 0, nullptr, "fields that the API lacks are warnings, not errors",
       turn_on(&Options::allow_unknown_static_fields)},
      {"allow-unknown-fields", 0, nullptr, "the same (deprecated)", turn_on(&Options::allow_unknown_static_fields)},
      {"reject-unknown-dynamic-fields", 0, nullptr, "no effect: there is no xDS",
       turn_on(&Options::reject_unknown_dynamic_fields)},
      {"ignore-unknown-dynamic-fields", 0, nullptr, "no effect: there is no xDS",
       turn_on(&Options::ignore_unknown_dynamic_fields)},
      {"cpuset-threads", 0, nullptr, "at most as many workers as the affinity mask has CPUs", turn_on(&Options::cpuset_threads)},
      {"stats-tag", 0, "NAME:VALUE", "a tag for all stats; letters and digits only; may be repeated", add_stats_tag},
      {"disable-extensions", 0, "LIST", "no effect: an extension is refused only if it is not implemented",
       no_effect("disable-extensions")},
      {"enable-fine-grain-logging", 0, nullptr, "no effect: loggers are per component", no_effect("enable-fine-grain-logging")},
      {"enable-core-dump", 0, nullptr, "no effect: the system's limit decides", no_effect("enable-core-dump")},
      {"enable-mutex-tracing", 0, nullptr, "no effect: workers share no lock", no_effect("enable-mutex-tracing")},
      {"log-stacktrace-single-entry", 0, nullptr, "no effect: no stack traces are logged",
       no_effect("log-stacktrace-single-entry")},
      {"skip-deprecated-logs", 0, nullptr, "no effect: deprecated fields are not logged", no_effect("skip-deprecated-logs")},
      {"version", 0, nullptr, "prints the version",
       [](Options& o, const std::string&) -> std::string { return o.mode = Options::version, ""; }},
      {"help", 'h', nullptr, "prints this",
       [](Options& o, const std::string&) -> std::string { return o.mode = Options::help, ""; }},
  };
  return all;
}

const Flag* find_flag(std::string_view name) {
  for (const auto& f : flags())
    if (name == f.name) return &f;
  return nullptr;
}
const Flag* find_letter(char c) {
  for (const auto& f : flags())
    if (f.letter != 0 && f.letter == c) return &f;
  return nullptr;
}

}  // namespace

Result<Options> parse_options(int argc, const char* const* argv) {
  Options o;
  std::set<std::string_view> given;
  for (int i = 1; i < argc; ++i) {
    const std::string arg = argv[i];
    const Flag* f = nullptr;
    std::optional<std::string> value;
    if (arg == "--") break;
    if (arg.rfind("--", 0) == 0) {
      const auto eq = arg.find('=');
      f = find_flag(std::string_view(arg).substr(2, eq == std::string::npos ? std::string::npos : eq - 2));
      if (eq != std::string::npos) value = arg.substr(eq + 1);
    } else if (arg.size() >= 2 && arg[0] == '-') {
      f = find_letter(arg[1]);
      if (arg.size() > 2) value = arg.substr(arg[2] == '=' ? 3 : 2);
    }
    if (f == nullptr) return invalid("unknown argument '" + arg + "'; see --help");
    if (!given.insert(f->name).second && f->name != std::string_view("stats-tag"))
      return invalid("--" + std::string(f->name) + " is given twice");
    if (f->value == nullptr) {
      if (value) return invalid("--" + std::string(f->name) + " takes no value");
    } else if (!value) {
      if (i + 1 >= argc) return invalid("--" + std::string(f->name) + " needs a value: " + f->value);
      value = argv[++i];
    }
    const std::string wrong = f->set(o, value.value_or(""));
    if (!wrong.empty()) return invalid("--" + std::string(f->name) + ": " + wrong);
  }
  return o;
}

std::string help_text() {
  std::string out =
      "outrigger: a sidecar proxy that takes Envoy's bootstrap\n\n"
      "  outrigger -c bootstrap.yaml\n"
      "  outrigger --mode validate -c bootstrap.yaml\n\n";
  for (const auto& f : flags()) {
    std::string line = "  ";
    if (f.letter != 0) line += std::string("-") + f.letter + ", ";
    line += std::string("--") + f.name;
    if (f.value != nullptr) line += std::string(" ") + f.value;
    if (line.size() < 36) line.append(36 - line.size(), ' ');
    out += line + " " + f.help + "\n";
  }
  return out;
}

}  // namespace outrigger::xds
