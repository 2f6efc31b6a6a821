#include "proxy/upstream/proxy_tlvs.h"

#include <algorithm>
#include <utility>

namespace outrigger::upstream {

using net::ProxyTlv;

std::vector<ProxyTlv> make_tlvs(const AddedTlvs& config, const http::StreamInfo& info) {
  std::vector<ProxyTlv> out;
  for (const auto& t : config) {
    auto& made = out.emplace_back(ProxyTlv{t.type, t.value});
    if (t.make) t.make(info, made.value);
  }
  return out;
}

bool has_type(const std::vector<ProxyTlv>& tlvs, std::uint8_t type) noexcept {
  return std::any_of(tlvs.begin(), tlvs.end(), [type](const ProxyTlv& t) { return t.type == type; });
}

std::vector<ProxyTlv> merge_tlvs(const std::vector<ProxyTlv>& known, std::vector<ProxyTlv> added, TlvMerge how) {
  if (how == TlvMerge::add_if_absent) return known;
  const auto append = [](std::vector<ProxyTlv>& to, const std::vector<ProxyTlv>& from, const std::vector<ProxyTlv>* except) {
    for (const auto& t : from)
      if (except == nullptr || !has_type(*except, t.type)) to.push_back(t);
  };
  if (how == TlvMerge::append) {
    auto out = known;
    append(out, added, nullptr);
    return out;
  }
  auto out = added;
  append(out, known, &added);
  return out;
}

}  // namespace outrigger::upstream
