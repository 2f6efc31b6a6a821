// A session ticket keeps the peer's certificate, not what came with it. We add that, so that a resumed connection
// tells (x-forwarded-client-cert, logs) what the first one told. Any thread.
#pragma once
#include "proxy/tls/openssl.h"

namespace outrigger::tls {

/// Adds the chain that the peer of this connection sent to its session, when it is of a reasonable size.
void keep_chain_in_ticket(SSL* ssl);
/// Null: the session has none.
ChainPtr chain_in_ticket(SSL_SESSION* session);

}  // namespace outrigger::tls
