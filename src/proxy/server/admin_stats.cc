#include <re2/re2.h>
#include "proxy/server/admin_pages.h"
#include "proxy/server/server.h"
#include "proxy/stats/render.h"

namespace outrigger::server {

namespace {

using stats::BucketMode;
using stats::TypeChoice;

/// False: told.
bool read_filter(const AdminRequest& q, stats::Query& o, AdminResponse& r) {
  o.used_only = q.has("usedonly");
  o.text_readouts = q.has("text_readouts");
  o.invert_filter = q.has("invert_filter");
  if (!q.has("filter")) return true;
  auto re = std::make_shared<const re2::RE2>(q.get("filter"), re2::RE2::Quiet);
  if (!re->ok()) {
    r.bad_request("Invalid re2 regex: " + re->error());
    return false;
  }
  o.filter = std::move(re);
  return true;
}

bool read_buckets(const AdminRequest& q, stats::Query& o, bool prometheus, AdminResponse& r) {
  const std::string b = q.get("histogram_buckets");
  const auto refuse = [&](std::string why) {
    r.bad_request(std::move(why));
    return false;
  };
  if (b.empty())
    o.buckets = prometheus ? BucketMode::cumulative : BucketMode::summary;
  else if (b == "none" || b == "summary")
    o.buckets = BucketMode::summary;
  else if (b == "cumulative")
    o.buckets = BucketMode::cumulative;
  else if (b == "disjoint")
    o.buckets = BucketMode::disjoint;
  else if (b == "detailed")
    o.buckets = BucketMode::detailed;
  else if (b != "prometheusnative")
    return refuse("usage: /stats?histogram_buckets=(cumulative|disjoint|detailed|summary|prometheusnative)\n");
  else
    return refuse(prometheus ? "unsupported prometheusnative histogram type when not using protobuf exposition format"
                             : "Invalid histogram_buckets type for non prometheus stats type");
  if (prometheus && (o.buckets == BucketMode::disjoint || o.buckets == BucketMode::detailed))
    return refuse("unsupported prometheus histogram bucket mode");
  return true;
}

/// No stat of ours is hidden. False: told.
bool read_hidden(const AdminRequest& q, bool& none, AdminResponse& r) {
  const std::string h = q.get("hidden");
  none = h == "only";
  if (h.empty() || h == "only" || h == "include" || h == "exclude") return true;
  r.bad_request("usage: /stats?hidden=(include|only|exclude)\n\n");
  return false;
}

bool read_type(const AdminRequest& q, stats::Query& o, AdminResponse& r) {
  const std::string t = q.get("type");
  if (t.empty() || t == "All")
    o.type = TypeChoice::all;
  else if (t == "Counters")
    o.type = TypeChoice::counters;
  else if (t == "Gauges")
    o.type = TypeChoice::gauges;
  else if (t == "Histograms")
    o.type = TypeChoice::histograms;
  else if (t == "TextReadouts")
    o.type = TypeChoice::text_readouts;
  else {
    r.bad_request("invalid &type= param");
    return false;
  }
  return true;
}

void prometheus(Server& s, const AdminRequest& q, AdminResponse& r) {
  stats::Query o;
  bool none = false;
  if (!read_filter(q, o, r) || !read_buckets(q, o, true, r) || !read_hidden(q, none, r) || none) return;
  r.body = stats::render_prometheus(s.registry(), s.config().stats, o);
}

void stats_page(Server& s, const AdminRequest& q, AdminResponse& r) {
  const std::string format = q.get("format");
  if (format == "prometheus") return prometheus(s, q, r);
  const bool html = format == "html" || format == "active-html";
  stats::Query o;
  bool none = false;
  if (!read_filter(q, o, r) || !read_buckets(q, o, false, r) || !read_type(q, o, r) || !read_hidden(q, none, r)) return;
  if (!format.empty() && format != "text" && format != "json" && !html)
    return r.bad_request("usage: /stats?format=(html|active-html|json|prometheus|text)\n\n");
  if (format == "json") return r.json(none ? "{\"stats\":[]}" : stats::render_json(s.registry(), s.config().stats, o));
  std::string text = none ? std::string() : stats::render_text(s.registry(), s.config().stats, o);
  if (html)
    r.html("<pre>" + escape_html(text) + "</pre>\n");
  else
    r.body = std::move(text);
}

}  // namespace

void add_stats_pages(Admin& admin, Server& server) {
  const std::vector<std::pair<std::string, std::string>> filters = {
      {"usedonly", "only stats that were written since the start"},
      {"filter", "a regular expression (RE2) found in the name"},
  };
  auto all = filters;
  all.emplace_back("invert_filter", "those that the filter does not match");
  all.emplace_back("format", "text, json, prometheus or html");
  all.emplace_back("type", "All, Counters, Gauges, Histograms or TextReadouts");
  all.emplace_back("histogram_buckets", "summary, cumulative, disjoint or detailed");
  admin.add({"/stats", "print server stats", false,
             [&server](const AdminRequest& q, AdminResponse& r) { stats_page(server, q, r), server.on_stats_read(); }, all});
  auto some = filters;
  some.emplace_back("text_readouts", "text readouts as gauges of 0 with the text as a tag");
  some.emplace_back("histogram_buckets", "cumulative or summary");
  admin.add({"/stats/prometheus", "print server stats in prometheus format", false,
             [&server](const AdminRequest& q, AdminResponse& r) { prometheus(server, q, r), server.on_stats_read(); }, some});
  admin.add({"/reset_counters",
             "reset all counters to zero",
             true,
             [&server](const AdminRequest&, AdminResponse& r) {
               server.registry().reset_counters();
               r.body = "OK\n";
             },
             {}});
}

}  // namespace outrigger::server
