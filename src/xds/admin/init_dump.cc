// /init_dump: what listeners that warm wait for, in Envoy's words. What clusters wait for stands in /xds.
#include "proxy/server/json.h"
#include "xds/admin/pages.h"

namespace outrigger::xds {

using server::AdminRequest;
using server::AdminResponse;
using server::JsonWriter;

namespace {

std::vector<std::string> targets_of(const ListenerDelivery::Version& v) {
  std::vector<std::string> out;
  for (const auto& use : v.uses.routes)
    if (!use->settled()) out.push_back("shared target " + use->target());
  for (const auto& f : v.uses.filters)
    if (!f->settled()) out.push_back("shared target FilterConfigSubscription init " + f->entry().name);
  for (const auto& s : v.secrets)
    if (!s->settled()) out.push_back("shared target SdsApi " + s->name());
  return out;
}

void write_listeners(const ListenerDelivery& listeners, JsonWriter& j) {
  j.begin_list("unready_targets_dumps");
  for (const auto& [name, k] : listeners.known()) {
    if (k.warming == nullptr) continue;
    const auto targets = targets_of(*k.warming);
    if (targets.empty()) continue;
    j.begin_object();
    j.text("name", "init manager Listener-local-init-manager " + name + " " + std::to_string(k.warming->content));
    j.begin_list("target_names");
    for (const auto& t : targets) j.text("", t);
    j.end();
    j.end();
  }
  j.end_unless_empty();
}

}  // namespace

void add_init_dump(server::Server& server, const Delivery& delivery) {
  server.admin().add({"/init_dump",
                      "print what the start waits for",
                      false,
                      [&delivery](const AdminRequest& q, AdminResponse& r) {
                        JsonWriter j;
                        j.begin_object();
                        const auto mask = q.get("mask");
                        if (mask.empty() || mask == "listener") write_listeners(delivery.listeners(), j);
                        j.end();
                        r.json(j.take());
                      },
                      {{"mask", "the component"}}});
}

}  // namespace outrigger::xds
