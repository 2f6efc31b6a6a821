// HTTP filters that look at a request before it goes on: buffer, csrf, basic_auth.
#include "envoy/extensions/filters/http/basic_auth/v3/basic_auth.pb.h"
#include "envoy/extensions/filters/http/buffer/v3/buffer.pb.h"
#include "envoy/extensions/filters/http/csrf/v3/csrf.pb.h"
#include "filters/basic_auth.h"
#include "filters/csrf.h"
#include "filters/request_buffer.h"
#include "xds/compile/convert.h"
#include "xds/compile/filter_kinds.h"
#include "xds/compile/matchers.h"

namespace outrigger::xds {

namespace basic_v3 = envoy::extensions::filters::http::basic_auth::v3;
namespace buffer_v3 = envoy::extensions::filters::http::buffer::v3;
namespace csrf_v3 = envoy::extensions::filters::http::csrf::v3;

namespace {

FilterPtr make_buffer(const buffer_v3::Buffer& p, const FilterPlace&, CompileContext&) {
  return std::make_shared<filters::RequestBufferFactory>(p.max_request_bytes().value());
}

OverridePtr buffer_override(const buffer_v3::BufferPerRoute& p, const Path&, Problems&, const CompileContext&) {
  auto o = std::make_shared<filters::RequestBufferConfig>();
  o->disabled = p.disabled();
  o->bytes_max = p.buffer().max_request_bytes().value();
  return o;
}

std::shared_ptr<const filters::CsrfPolicy> compile_csrf(const csrf_v3::CsrfPolicy& p, const Path& at, Problems& problems) {
  auto o = std::make_shared<filters::CsrfPolicy>();
  o->enabled = to_runtime_percent(p.filter_enabled());
  if (p.has_shadow_enabled()) o->shadow = to_runtime_percent(p.shadow_enabled());
  for (int i = 0; i < p.additional_origins_size(); ++i)
    o->additional_origins.push_back(compile_string_matcher(p.additional_origins(i), at.at("additional_origins", i), problems));
  return o;
}

FilterPtr make_csrf(const csrf_v3::CsrfPolicy& p, const FilterPlace& f, CompileContext& c) {
  return std::make_shared<filters::CsrfFactory>(compile_csrf(p, f.config, c.problems),
                                                stats::make_block<filters::CsrfStat>(c.stats, f.stat_prefix + "csrf."));
}

OverridePtr csrf_override(const csrf_v3::CsrfPolicy& p, const Path& at, Problems& problems, const CompileContext&) {
  return compile_csrf(p, at, problems);
}

filters::PasswordHashes compile_users(const envoy::config::core::v3::DataSource& p, bool may_be_empty, const Path& at,
                                      Problems& problems) {
  const auto text = read_data_source(p);
  if (!text) {
    problems.error(at, text.error().detail);
    return {};
  }
  if (text->empty() && !may_be_empty) problems.error(at, "DataSource cannot be empty");
  auto users = filters::parse_htpasswd(*text);
  if (!users) problems.error(at, users.error().detail);
  return users ? std::move(*users) : filters::PasswordHashes{};
}

FilterPtr make_basic(const basic_v3::BasicAuth& p, const FilterPlace& f, CompileContext& c) {
  filters::BasicAuthConfig o;
  if (!p.has_users())
    c.problems.error(f.config / "users", "Unexpected DataSource::specifier_case(): 0");
  else
    o.users = compile_users(p.users(), false, f.config / "users", c.problems);
  o.forward_username_header = lower(p.forward_username_header());
  o.authentication_header = lower(p.authentication_header());
  o.realm = p.realm();
  o.allow_missing = p.allow_missing();
  o.emit_metadata = p.emit_dynamic_metadata();
  o.stats = stats::make_block<filters::BasicAuthStat>(c.stats, f.stat_prefix + "basic_auth.");
  return std::make_shared<filters::BasicAuthFactory>(std::move(o));
}

OverridePtr basic_override(const basic_v3::BasicAuthPerRoute& p, const Path& at, Problems& problems, const CompileContext&) {
  auto o = std::make_shared<filters::BasicAuthOverride>();
  o->users = compile_users(p.users(), true, at / "users", problems);
  o->realm = p.realm();
  return o;
}

}  // namespace

void add_request_filters(FilterKinds& kinds) {
  kinds.add<make_buffer, buffer_override>();
  kinds.add<make_csrf, csrf_override>();
  kinds.add<make_basic, basic_override>();
}

}  // namespace outrigger::xds
