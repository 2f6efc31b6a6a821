// The HTTP filter ext_proc.
#include <cstdio>
#include <ctime>

#include "envoy/extensions/filters/http/ext_proc/v3/ext_proc.pb.h"
#include "filters/ext_proc.h"
#include "proxy/cel/program.h"
#include "xds/compile/convert.h"
#include "xds/compile/filter_kinds.h"
#include "xds/compile/grpc_target.h"
#include "xds/compile/matchers.h"
#include "xds/compile/proc_messages.h"

namespace outrigger::xds {

namespace proc_v3 = envoy::extensions::filters::http::ext_proc::v3;
using filters::ExtProcConfig;
using filters::ExtProcStat;
using RulesV3 = envoy::config::common::mutation_rules::v3::HeaderMutationRules;

namespace {

filters::ProcessingMode compile_mode(const proc_v3::ProcessingMode& p, const Path& at, Problems& problems) {
  auto mode = to_processing_mode(p);
  const auto check = [&](proc_v3::ProcessingMode::BodySendMode m, std::string_view field) {
    if (m > proc_v3::ProcessingMode::BUFFERED_PARTIAL)
      problems.error(at / field, proc_v3::ProcessingMode::BodySendMode_Name(m) + " is not implemented");
  };
  check(p.request_body_mode(), "request_body_mode");
  check(p.response_body_mode(), "response_body_mode");
  return mode;
}

filters::MutationRules compile_rules(const RulesV3& p, const Path& at, Problems& problems) {
  filters::MutationRules o;
  o.allow_all_routing = p.allow_all_routing().value();
  o.allow_envoy = p.allow_envoy().value();
  o.disallow_system = p.disallow_system().value();
  o.disallow_all = p.disallow_all().value();
  o.disallow_is_error = p.disallow_is_error().value();
  if (p.has_allow_expression()) o.allow = compile_regex(p.allow_expression(), at / "allow_expression", problems);
  if (p.has_disallow_expression()) o.disallow = compile_regex(p.disallow_expression(), at / "disallow_expression", problems);
  return o;
}

MetadataValue number(double n) {
  MetadataValue v;
  v.kind = MetadataValue::number;
  v.n = n;
  return v;
}

std::string general(const char* format, double v) {
  char text[40];
  return {text, static_cast<std::size_t>(std::snprintf(text, sizeof(text), format, v))};
}

/// As Envoy prints them: 1m0.5s, 250ms.
std::string duration_text(std::int64_t nanoseconds) {
  constexpr double kMicro = 1e3, kMilli = 1e6, kSecond = 1e9;
  constexpr std::int64_t kMinute = 60'000'000'000, kHour = 60 * kMinute;
  const std::string sign = nanoseconds < 0 ? "-" : "";
  const auto n = nanoseconds < 0 ? -nanoseconds : nanoseconds;
  const auto d = static_cast<double>(n);
  if (n == 0) return "0";
  if (d < kMicro) return sign + general("%g", d) + "ns";
  if (d < kMilli) return sign + general("%.10g", d / kMicro) + "us";
  if (d < kSecond) return sign + general("%.10g", d / kMilli) + "ms";
  std::string out = sign;
  if (n >= kHour) out += std::to_string(n / kHour) + "h";
  if (n % kHour >= kMinute) out += std::to_string(n % kHour / kMinute) + "m";
  if (const auto rest = n % kMinute; rest != 0) out += general("%.12g", static_cast<double>(rest) / kSecond) + "s";
  return out;
}

/// As Envoy prints them: 2026-01-31T10:00:00.25+00:00.
std::string time_text(std::int64_t nanoseconds) {
  constexpr std::int64_t kSecond = 1'000'000'000;
  const auto rest = ((nanoseconds % kSecond) + kSecond) % kSecond;
  const std::time_t seconds = (nanoseconds - rest) / kSecond;
  std::tm tm{};
  gmtime_r(&seconds, &tm);
  char text[64];
  std::string out(text, std::strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm));
  if (rest != 0) {
    out.append(text, static_cast<std::size_t>(std::snprintf(text, sizeof(text), ".%09lld", static_cast<long long>(rest))));
    while (out.back() == '0') out.pop_back();
  }
  return out + "+00:00";
}

/// False: there is no such value, or it is none of those that go to a processor.
bool to_attribute(const cel::Value& from, MetadataValue& to) {
  const auto text = [&to](std::string_view s) {
    to.kind = MetadataValue::string;
    to.text = s;
    return true;
  };
  switch (from.kind) {
    case cel::Kind::error: return false;
    case cel::Kind::null: return text("NULL");
    case cel::Kind::boolean:
      to.kind = MetadataValue::boolean;
      to.b = from.b;
      return true;
    case cel::Kind::int64: to = number(static_cast<double>(from.i)); return true;
    case cel::Kind::uint64: to = number(static_cast<double>(from.u)); return true;
    case cel::Kind::float64: return text(general("%g", from.d));
    case cel::Kind::string:
    case cel::Kind::bytes: return text(from.text);
    case cel::Kind::timestamp: return text(time_text(from.i));
    case cel::Kind::duration: return text(duration_text(from.i));
    case cel::Kind::list: return text("CelList value");
    case cel::Kind::map: return text("CelMap value");
  }
  return false;
}

std::vector<ExtProcConfig::AttributeOf> compile_attributes(const google::protobuf::RepeatedPtrField<std::string>& list,
                                                           const Path& at, std::string_view field, Problems& problems) {
  std::vector<ExtProcConfig::AttributeOf> out;
  for (int i = 0; i < list.size(); ++i) {
    const auto here = at.at(field, i);
    std::vector<std::string> warnings;
    auto program = cel::Program::compile(list[i], &warnings);
    for (const auto& w : warnings) problems.warn(here, w);
    if (!program) {
      problems.error(here, program.error().detail);
      continue;
    }
    const auto value = [program = std::move(*program)](const format::Context& c, MetadataValue& v) {
      return to_attribute(program->evaluate(c), v);
    };
    out.push_back({list[i], value});
  }
  return out;
}

std::vector<std::string> names(const proc_v3::MetadataOptions::MetadataNamespaces& p) {
  return {p.untyped().begin(), p.untyped().end()};
}

filters::GrpcTarget compile_service(const envoy::config::core::v3::GrpcService& p, const Path& at, Problems& problems) {
  if (p.has_timeout()) problems.warn(at / "timeout", "has no effect on a stream: message_timeout limits each answer");
  return compile_grpc_service(p, Duration{0}, at, problems);
}

void compile_route_cache(const proc_v3::ExternalProcessor& p, ExtProcConfig& o, const Path& at, Problems& problems) {
  using P = proc_v3::ExternalProcessor;
  using Action = ExtProcConfig::RouteCache;
  o.route_cache = p.route_cache_action() == P::CLEAR    ? Action::clear
                  : p.route_cache_action() == P::RETAIN ? Action::retain
                                                        : Action::as_told;
  if (!p.disable_clear_route_cache()) return;
  if (p.route_cache_action() != P::DEFAULT)
    problems.error(at, "disable_clear_route_cache and route_cache_action can not be set to none-default at the same time.");
  o.route_cache = Action::retain;
}

FilterPtr make_ext_proc(const proc_v3::ExternalProcessor& p, const FilterPlace& f, CompileContext& c) {
  auto o = std::make_shared<ExtProcConfig>();
  const auto errors = c.problems.errors();
  if (!p.has_grpc_service()) c.problems.error(f.config, "One and only one of grpc_service or http_service must be configured.");
  o->service = compile_service(p.grpc_service(), f.config / "grpc_service", c.problems);
  o->messages = &processor_messages();
  o->mode = compile_mode(p.processing_mode(), f.config / "processing_mode", c.problems);
  for (int i = 0; i < p.allowed_override_modes_size(); ++i)
    o->allowed_overrides.push_back(
        compile_mode(p.allowed_override_modes(i), f.config.at("allowed_override_modes", i), c.problems));
  o->allow_failure = p.failure_mode_allow();
  o->allow_override = p.allow_mode_override();
  o->disable_immediate = p.disable_immediate_response();
  if (p.has_message_timeout()) o->message_timeout = to_duration(p.message_timeout());
  if (p.has_max_message_timeout()) o->message_timeout_max = to_duration(p.max_message_timeout());
  if (p.status_on_error().code() >= 100) o->status_on_error = static_cast<std::uint16_t>(p.status_on_error().code());
  compile_route_cache(p, *o, f.config, c.problems);
  const Path rules = f.config / "forward_rules", allowed = rules / "allowed_headers", disallowed = rules / "disallowed_headers";
  o->allowed = compile_any_of(p.forward_rules().allowed_headers().patterns(), allowed, "patterns", c.problems);
  o->disallowed = compile_any_of(p.forward_rules().disallowed_headers().patterns(), disallowed, "patterns", c.problems);
  o->rules = compile_rules(p.mutation_rules(), f.config / "mutation_rules", c.problems);
  o->forwarded_spaces = names(p.metadata_options().forwarding_namespaces());
  o->received_spaces = names(p.metadata_options().receiving_namespaces());
  o->request_attributes = compile_attributes(p.request_attributes(), f.config, "request_attributes", c.problems);
  o->response_attributes = compile_attributes(p.response_attributes(), f.config, "response_attributes", c.problems);
  if (c.problems.errors() != errors) return nullptr;
  const auto own = p.stat_prefix().empty() ? std::string() : stats::sanitize(p.stat_prefix()) + ".";
  o->stats = stats::make_block<ExtProcStat>(c.stats, f.stat_prefix + "ext_proc." + own);
  return std::make_shared<filters::ExtProcFactory>(std::move(o));
}

OverridePtr override_ext_proc(const proc_v3::ExtProcPerRoute& p, const Path& at, Problems& problems, const CompileContext&) {
  auto o = std::make_shared<filters::ExtProcPerRoute>();
  o->disabled = p.disabled();
  const auto& own = p.overrides();
  const Path here = at / "overrides";
  if (own.has_processing_mode()) o->mode = compile_mode(own.processing_mode(), here / "processing_mode", problems);
  if (own.has_grpc_service()) o->service = compile_service(own.grpc_service(), here / "grpc_service", problems);
  compile_header_values(own.grpc_initial_metadata(), here, "grpc_initial_metadata", problems, o->metadata);
  const auto& metadata = own.metadata_options();
  if (metadata.has_forwarding_namespaces()) o->forwarded_spaces = names(metadata.forwarding_namespaces());
  if (metadata.has_receiving_namespaces()) o->received_spaces = names(metadata.receiving_namespaces());
  if (own.has_failure_mode_allow()) o->allow_failure = own.failure_mode_allow().value();
  return o;
}

}  // namespace

void add_processor_filters(FilterKinds& kinds) { kinds.add<make_ext_proc, override_ext_proc>(); }

}  // namespace outrigger::xds
