// The filter stateful_session, and what sessions are kept in.
#include "envoy/extensions/filters/http/stateful_session/v3/stateful_session.pb.h"
#include "envoy/extensions/http/stateful_session/cookie/v3/cookie.pb.h"
#include "envoy/extensions/http/stateful_session/header/v3/header.pb.h"
#include "filters/stateful_session.h"
#include "xds/compile/convert.h"
#include "xds/compile/filter_kinds.h"

namespace outrigger::xds {

namespace session_v3 = envoy::extensions::filters::http::stateful_session::v3;

namespace {

filters::SessionState compile_cookie(const envoy::type::http::v3::Cookie& p) {
  filters::SessionState o;
  o.name = p.name();
  o.path = p.path();
  if (p.has_ttl()) o.ttl = to_duration(p.ttl());
  if (o.ttl && *o.ttl > Duration::zero())
    o.tail += "; Max-Age=" + std::to_string(std::chrono::duration_cast<std::chrono::seconds>(*o.ttl).count());
  if (!o.path.empty()) o.tail += "; Path=" + o.path;
  for (const auto& a : p.attributes()) o.tail += "; " + a.name() + (a.value().empty() ? "" : "=" + a.value());
  o.tail += "; HttpOnly";
  return o;
}

std::optional<filters::SessionState> compile_state(const envoy::config::core::v3::TypedExtensionConfig& p, const Path& at,
                                                   Problems& problems) {
  // Envoy finds these by their names.
  const auto& any = p.typed_config();
  const auto other = [&](const auto& wanted) {
    problems.error(at / "typed_config",
                   "Unable to unpack as " + wanted.GetDescriptor()->full_name() + ": it is of type '" + any.type_url() + "'");
    return std::nullopt;
  };
  if (p.name() == "envoy.http.stateful_session.cookie") {
    envoy::extensions::http::stateful_session::cookie::v3::CookieBasedSessionState c;
    if (!any.UnpackTo(&c)) return other(c);
    return compile_cookie(c.cookie());
  }
  if (p.name() == "envoy.http.stateful_session.header") {
    envoy::extensions::http::stateful_session::header::v3::HeaderBasedSessionState h;
    if (!any.UnpackTo(&h)) return other(h);
    filters::SessionState o;
    o.kind = filters::SessionState::header;
    o.name = lower(h.name());
    return o;
  }
  problems.error(at, "Didn't find a registered implementation for name: '" + p.name() +
                         "': envoy.http.stateful_session.cookie and envoy.http.stateful_session.header are implemented");
  return {};
}

filters::StatefulSessionConfig compile_config(const session_v3::StatefulSession& p, const Path& at, Problems& problems) {
  filters::StatefulSessionConfig o;
  if (p.has_session_state()) o.state = compile_state(p.session_state(), at / "session_state", problems);
  o.strict = p.strict();
  const auto status = p.status_on_strict_destination_not_found();
  if (status != 0 && (status < 200 || status > 599))
    problems.error(at / "status_on_strict_destination_not_found",
                   "must be at least 200 and at most 599, is " + std::to_string(status));
  else if (status != 0)
    o.status_if_gone = static_cast<std::uint16_t>(status);
  return o;
}

FilterPtr make_session(const session_v3::StatefulSession& p, const FilterPlace& at, CompileContext& c) {
  const auto errors = c.problems.errors();
  auto config = compile_config(p, at.config, c.problems);
  if (c.problems.errors() != errors) return nullptr;
  std::optional<stats::BlockHandle> counts;
  if (!p.stat_prefix().empty())
    counts = stats::make_block<filters::StatefulSessionStat>(
        c.stats, at.stat_prefix + "stateful_session." + stats::sanitize(p.stat_prefix()) + ".");
  return std::make_shared<filters::StatefulSessionFactory>(std::move(config), counts);
}

/// Disabled: without a state.
OverridePtr override_session(const session_v3::StatefulSessionPerRoute& p, const Path& at, Problems& problems,
                             const CompileContext&) {
  return std::make_shared<const filters::StatefulSessionConfig>(
      compile_config(p.stateful_session(), at / "stateful_session", problems));
}

}  // namespace

void add_session_filters(FilterKinds& kinds) { kinds.add<make_session, override_session>(); }

}  // namespace outrigger::xds
