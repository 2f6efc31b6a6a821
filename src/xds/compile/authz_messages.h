// The messages of envoy.service.auth.v3: a CheckRequest made of what a filter knows, a CheckResponse read. Worker's thread.
#pragma once
#include "filters/authorization.h"

namespace outrigger::xds {

/// Lives for ever.
const filters::AuthorizationMessages& authorization_messages();

}  // namespace outrigger::xds
