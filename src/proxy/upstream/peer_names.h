// What auto_sni and auto_san_validation take from a request that is ready to go. Worker's thread.
#pragma once
#include "proxy/http/message.h"
#include "proxy/upstream/cluster_config.h"
#include "proxy/upstream/pool.h"

namespace outrigger::upstream {

/// Valid as long as the head's strings.
PeerNames peer_names_of(const ClusterConfig& c, const http::RequestHead& head);

}  // namespace outrigger::upstream
