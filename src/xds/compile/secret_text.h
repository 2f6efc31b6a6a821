// Secrets that are texts (generic_secret), for filters: of the bootstrap, or of a source that may change them. Main thread.
#pragma once
#include "filters/secret_text.h"
#include "xds/compile/context.h"
#include "xds/compile/secrets.h"

namespace outrigger::xds {

/// What workers read; nothing in it until the secret has come. Null: told.
filters::SecretTextPtr compile_secret_text(const tls_v3::SdsSecretConfig& config, const Path& at, Problems& problems,
                                           const CompileContext& c);

}  // namespace outrigger::xds
