// The pages of the admin interface that need nothing but the server. Those that print configs are
// in xds/admin.
#pragma once
#include "proxy/server/admin.h"

namespace outrigger::server {

class Server;
void add_admin_pages(Admin& admin, Server& server);
// Parts of it.
void add_stats_pages(Admin& admin, Server& server);
void add_cluster_pages(Admin& admin, Server& server);
void add_control_pages(Admin& admin, Server& server);

}  // namespace outrigger::server
