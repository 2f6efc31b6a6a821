// Memory for nghttp2: blocks of a few sizes kept for reuse by their thread, so that requests allocate
// nothing in steady state. A block goes back to the thread that frees it.
#pragma once
#include <nghttp2/nghttp2.h>

namespace outrigger::http2 {

/// Static; for nghttp2_session_*_new3().
nghttp2_mem* memory() noexcept;

}  // namespace outrigger::http2
