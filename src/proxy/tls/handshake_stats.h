// Counts what a handshake settled, under Envoy's names. Worker's thread.
#pragma once
#include "proxy/stats/names.h"
#include "proxy/tls/context.h"

namespace outrigger::tls {

/// Of a handshake that succeeded.
void count_handshake(SSL* ssl, stats::Cells& cells, stats::BlockHandle block) noexcept;
/// Of a client that asked for an OCSP response.
void count_stapling(Stapling answer, stats::Cells& cells, stats::BlockHandle block) noexcept;
/// Of a certificate that was refused.
void count_verdict(const Verdict& v, stats::Cells& cells, stats::BlockHandle block) noexcept;

}  // namespace outrigger::tls
