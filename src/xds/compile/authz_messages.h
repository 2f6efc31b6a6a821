// The messages of envoy.service.auth.v3: a CheckRequest made of what a filter knows, a CheckResponse read. Worker's thread.
#pragma once
#include <map>
#include <string>
#include "filters/authorization.h"
#include "xds/compile/context.h"

namespace outrigger::xds {

/// Lives for ever.
const filters::AuthorizationMessages& authorization_messages();

/// bootstrap_metadata_labels_key: what the node's metadata has below it. Main thread.
std::map<std::string, std::string> compile_peer_labels(const std::string& key, const CompileContext& c);

}  // namespace outrigger::xds
