// TLVs that a config adds to PROXY headers: fixed values, or ones made of what is known of a connection. Compiled
// on the main thread, immutable, shared by workers.
#pragma once
#include <cstdint>
#include <functional>
#include <string>
#include <vector>
#include "proxy/http/stream_info.h"
#include "proxy/net/proxy_header.h"

namespace outrigger::upstream {

struct AddedTlv {
  std::uint8_t type = 0;
  std::string value;
  std::function<void(const http::StreamInfo&, std::string&)> make{};  // null: `value` it is
};
using AddedTlvs = std::vector<AddedTlv>;

std::vector<net::ProxyTlv> make_tlvs(const AddedTlvs& config, const http::StreamInfo& info);

enum class TlvMerge : std::uint8_t { add_if_absent, overwrite_by_type, append };
/// `added` to those of a header that came. (Absent is the header, not a TLV.)
std::vector<net::ProxyTlv> merge_tlvs(const std::vector<net::ProxyTlv>& known, std::vector<net::ProxyTlv> added, TlvMerge how);

bool has_type(const std::vector<net::ProxyTlv>& tlvs, std::uint8_t type) noexcept;

}  // namespace outrigger::upstream
