// Secrets that are texts, as filters read them.
#pragma once
#include <memory>
#include <string>
#include "proxy/tls/sockets.h"

namespace outrigger::filters {

/// A text that the main thread replaces when a secret changes. Null: it has not come.
using SecretText = tls::Replaceable<const std::string>;
using SecretTextPtr = std::shared_ptr<SecretText>;

}  // namespace outrigger::filters
