#include "xds/load/resource.h"

#include "proxy/base/log.h"
#include "xds/load/any_type.h"
#include "xds/load/received.h"
#include "xds/load/validate.h"

namespace outrigger::xds {

std::string errors_text(const Problems& problems) {
  std::string out;
  for (const auto& p : problems.list()) {
    if (p.severity != Severity::error) continue;
    if (!out.empty()) out += "; ";
    out += (p.path.empty() ? std::string() : p.path + ": ") + p.text;
  }
  return out;
}

Result<void> parse_resource(const Resource& from, google::protobuf::Message& m, bool reject_unknown, std::string& wrong,
                            std::size_t& unknown) {
  const std::string whose = "'" + from.name + "': ";
  const std::string expected = canonical_type_url(*m.GetDescriptor());
  if (from.type_url != expected)
    return Error{Errc::invalid_config, whose + "expected " + expected + ", found '" + std::string(from.type_url) + "'"};
  if (!m.ParseFromArray(from.body.data(), static_cast<int>(from.body.size())))
    return Error{Errc::invalid_config, whose + "not a " + m.GetDescriptor()->full_name()};
  Problems rules, inner;
  const bool has_extensions = validate(m, Path(), rules, Depth::but_not_any, false);
  if (!rules.ok()) return Error{Errc::invalid_config, whose + "Proto constraint validation failed (" + errors_text(rules) + ")"};
  unknown += settle_received(m, Path(), reject_unknown, inner);
  for (const auto& p : inner.list())
    if (p.severity == Severity::warning) LOG_WARN(logger::config, "xds: '", from.name, "': ", p.path, ": ", p.text);
  if (has_extensions) validate(m, Path(), inner, Depth::everything, false);
  wrong = errors_text(inner);
  return {};
}

}  // namespace outrigger::xds
