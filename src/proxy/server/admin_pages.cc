#include "proxy/server/admin_pages.h"

#include <algorithm>
#include <optional>
#include <set>
#include <utility>
#include "proxy/base/log.h"
#include "proxy/server/json.h"
#include "proxy/server/memory.h"
#include "proxy/server/server.h"

namespace outrigger::server {

namespace {

void home_page(const Admin& admin, AdminResponse& r) {
  r.content_type = "text/html; charset=UTF-8";
  r.body = "<!DOCTYPE html>\n<html lang='en'>\n<head><title>Outrigger Admin</title></head>\n<body><table>\n";
  for (const auto& p : admin.pages()) {
    const std::string name = p.path.substr(1);
    r.body += "<tr><td>";
    if (p.mutates)
      r.body += "<form action='" + name + "' method='post'><button>" + name + "</button></form>";
    else
      r.body += "<a href='" + name + "'>" + (name.empty() ? "/" : name) + "</a>";
    r.body += "</td><td>" + escape_html(p.help) + "</td></tr>\n";
  }
  r.body += "</table></body>\n</html>\n";
}

void ready_page(Server& s, AdminResponse& r) {
  r.status = s.state() == State::live ? 200 : 503;
  r.body = std::string(text_of(s.state())) + "\n";
}

std::string logging_text() {
  std::string out = "active loggers:\n";
  for (std::size_t i = 0; i < logger::kLoggers; ++i) {
    const auto id = static_cast<logger::Id>(i);
    out += "  " + std::string(logger::name(id)) + ": " +
           std::string(logger::kLevelNames[static_cast<std::size_t>(logger::level(id))]) + "\n";
  }
  return out + "\n";
}

/// The command line's short form is not known here.
std::optional<logger::Level> parse_level(std::string_view name) {
  return name == "warn" ? std::nullopt : logger::parse_level(name);
}

using Levels = std::vector<std::pair<logger::Id, logger::Level>>;

/// False: told.
bool parse_one(std::string_view name, std::string_view level, Levels& into, std::string& error) {
  const auto l = parse_level(level);
  if (!l) return error = "unknown logger level", false;
  const auto id = logger::find(name);
  if (!id) return error = "unknown logger name", false;
  into.emplace_back(*id, *l);
  return true;
}

/// "name:level,name:level".
bool parse_list(std::string_view list, Levels& into, std::string& error) {
  while (!list.empty()) {
    const auto end = list.find(',');
    const auto part = list.substr(0, end);
    list = end == std::string_view::npos ? std::string_view{} : list.substr(end + 1);
    if (part.empty()) continue;
    const auto colon = part.find(':');
    if (colon == std::string_view::npos || colon == 0 || colon + 1 == part.size())
      return error = "empty logger name or empty logger level", false;
    if (!parse_one(part.substr(0, colon), part.substr(colon + 1), into, error)) return false;
  }
  return true;
}

/// True when all could be set; otherwise none is.
bool set_levels(const AdminRequest& q, std::string& error) {
  if (q.query.size() > 1) return error = "invalid number of parameters", false;
  if (q.query.empty()) return true;
  const auto& [key, value] = q.query.front();
  if (key == "group") return error = "group parameter requires fine-grain logging to be enabled", false;
  if (value.empty()) return true;
  if (key == "level") {
    const auto l = parse_level(value);
    if (!l) return error = "unknown logger level", false;
    logger::set_all_levels(*l);
    return true;
  }
  Levels levels;
  if (!(key == "paths" ? parse_list(value, levels, error) : parse_one(key, value, levels, error))) return false;
  for (const auto& [id, level] : levels) logger::set_level(id, level);
  return true;
}

void logging_page(const AdminRequest& q, AdminResponse& r) {
  std::string error;
  if (set_levels(q, error)) {
    r.body = logging_text();
    return;
  }
  r.bad_request("error: " + error +
                "\n\nusage: /logging?<name>=<level> (change single level)\n"
                "usage: /logging?paths=name1:level1,name2:level2,... (change multiple levels)\n"
                "usage: /logging?level=<level> (change all levels)\n"
                "usage: /logging?group=<group_name>:<level> (change group of loggers)\n"
                "levels: trace debug info warning error critical off \n" +
                logging_text());
}

void memory_page(AdminResponse& r) {
  const Memory m = read_memory();
  JsonWriter j;
  j.begin_object();
  j.text("allocated", std::to_string(m.allocated));
  j.text("heap_size", std::to_string(m.heap));
  j.text("pageheap_unmapped", "0");
  j.text("pageheap_free", std::to_string(m.free));
  j.text("total_thread_cache", "0");
  j.text("total_physical_bytes", std::to_string(m.physical));
  j.end();
  r.json(j.take());
}

void runtime_page(Server& s, AdminResponse& r) {
  const auto& layers = s.runtime().layers();
  std::vector<std::string> keys;
  for (const auto& [name, layer] : layers)
    for (const auto& [key, value] : layer) keys.push_back(key);
  std::sort(keys.begin(), keys.end());
  keys.erase(std::unique(keys.begin(), keys.end()), keys.end());
  JsonWriter j;
  j.begin_object();
  j.begin_object("entries");
  for (const auto& key : keys) {
    std::string_view final_value;
    j.begin_object(key);
    j.begin_list("layer_values");
    for (const auto& [name, layer] : layers) {
      const auto at = layer.find(key);
      const std::string_view text = at == layer.end() ? std::string_view() : at->second.text;
      if (!text.empty()) final_value = text;
      j.text("", text);
    }
    j.end();
    j.text("final_value", final_value);
    j.end();
  }
  j.end();
  j.begin_list("layers");
  for (const auto& [name, layer] : layers) j.text("", name);
  j.end();
  j.end();
  r.json(j.take());
}

void runtime_modify(Server& s, const AdminRequest& q, AdminResponse& r) {
  auto values = q.query;
  if (values.empty() && q.content_type == "application/x-www-form-urlencoded") values = parse_query(q.body);
  std::set<std::string> names;  // of a name that is given twice the first counts
  std::erase_if(values, [&](const auto& v) { return !names.insert(v.first).second; });
  if (values.empty())
    return r.bad_request(
        "usage: /runtime_modify?key1=value1&key2=value2&keyN=valueN\n"
        "       or send the parameters as form values\n"
        "use an empty value to remove a previously added override");
  const auto done = s.modify_runtime(values);
  r.status = done ? 200 : 503;
  r.body = done ? "OK\n" : done.error().detail;
}

}  // namespace

void add_control_pages(Admin& admin, Server& s) {
  using Q = const AdminRequest&;
  using R = AdminResponse&;
  admin.add({"/healthcheck/fail",
             "cause the server to fail health checks",
             true,
             [&s](Q, R r) { s.fail_health_check(true), r.body = "OK\n"; },
             {}});
  admin.add({"/healthcheck/ok",
             "cause the server to pass health checks",
             true,
             [&s](Q, R r) { s.fail_health_check(false), r.body = "OK\n"; },
             {}});
  admin.add({"/drain_listeners",
             "drain listeners",
             true,
             [&s](Q q, R r) {
               s.drain_listeners(q.has("graceful"), q.has("skip_exit"), q.has("inboundonly"));
               r.body = "OK\n";
             },
             {{"graceful", "close connections gradually over the drain time, then stop"},
              {"skip_exit", "close connections gradually, never stop"},
              {"inboundonly", "only listeners with traffic_direction INBOUND"}}});
  admin.add({"/quitquitquit", "exit the server", true, [&s](Q, R r) { s.quit(), r.body = "OK\n"; }, {}});
  admin.add({"/reopen_logs", "reopen access logs", true, [&s](Q, R r) { s.reopen_logs(), r.body = "OK\n"; }, {}});
  admin.add({"/logging",
             "query/change logging levels",
             true,
             [](Q q, R r) { logging_page(q, r); },
             {{"paths", "name1:level1,name2:level2"}, {"group", "name:level"}, {"level", "for all loggers"}}});
  admin.add({"/runtime_modify",
             "add, change or (by an empty value) remove runtime values",
             true,
             [&s](Q q, R r) { runtime_modify(s, q, r); },
             {}});
}

void add_admin_pages(Admin& admin, Server& s) {
  using Q = const AdminRequest&;
  using R = AdminResponse&;
  add_stats_pages(admin, s);
  add_cluster_pages(admin, s);
  add_control_pages(admin, s);
  admin.add({"/", "Admin home page", false, [&admin](Q, R r) { home_page(admin, r); }, {}});
  admin.add({"/help", "print out list of admin commands", false, [&admin](Q, R r) { r.body = admin.help(); }, {}});
  admin.add(
      {"/ready", "print server state, return 200 if LIVE, otherwise return 503", false, [&s](Q, R r) { ready_page(s, r); }, {}});
  admin.add({"/memory", "print current allocation/heap usage", false, [](Q, R r) { memory_page(r); }, {}});
  admin.add({"/runtime", "print runtime values", false, [&s](Q, R r) { runtime_page(s, r); }, {}});
  admin.add(
      {"/hot_restart_version", "print the hot restart compatibility version", false, [](Q, R r) { r.body = "disabled"; }, {}});
}

}  // namespace outrigger::server
