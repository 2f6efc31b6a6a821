#include "xds/compile/proxy_protocol.h"

#include <algorithm>
#include "xds/compile/format.h"

namespace outrigger::xds {

upstream::AddedTlvs compile_added_tlvs(const google::protobuf::RepeatedPtrField<envoy::config::core::v3::TlvEntry>& list,
                                       const Path& at, std::string_view field, Problems& problems) {
  upstream::AddedTlvs out;
  for (int i = 0; i < list.size(); ++i) {
    const auto& p = list.Get(i);
    const Path here = at.at(field, i);
    if (p.value().empty() != p.has_format_string())
      problems.error(here, p.has_format_string() ? "Invalid TLV configuration: only one of 'value' or 'format_string' may be set."
                                                 : "Invalid TLV configuration: one of 'value' or 'format_string' must be set.");
    auto& tlv = out.emplace_back(upstream::AddedTlv{static_cast<std::uint8_t>(p.type()), p.value()});
    if (!p.has_format_string()) continue;
    const auto f = compile_format(p.format_string(), here / "format_string", problems);
    tlv.make = [f](const http::StreamInfo& info, std::string& to) {
      const format::Context context{&info};
      if (f.text != nullptr)
        f.text->append(context, format::Missing::dash, to);
      else if (f.json != nullptr)
        f.json->append(context, to);
    };
  }
  std::stable_partition(out.begin(), out.end(), [](const upstream::AddedTlv& t) { return !t.make; });
  return out;
}

}  // namespace outrigger::xds
