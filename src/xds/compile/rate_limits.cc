#include "xds/compile/rate_limits.h"

#include "xds/compile/convert.h"
#include "xds/compile/matchers.h"

namespace outrigger::xds {

namespace {

using RateLimit = envoy::config::route::v3::RateLimit;
using Action = RateLimit::Action;
using Out = route::RateLimitAction;

bool expected(bool set, const google::protobuf::BoolValue& v) { return !set || v.value(); }

/// Of actions whose value is a text.
template <class P>
void compile_text(const P& p, Out& o, std::string_view usual_key, const Path& at, Problems& problems) {
  o.value = p.descriptor_value();
  o.key = p.descriptor_key().empty() ? std::string(usual_key) : p.descriptor_key();
  if (!p.default_value().empty())
    problems.warn(at / "default_value", "has no effect: the value is a text and no format, as in Envoy's usual mode");
}

void compile_metadata(const Action::MetaData& p, Out& o, const Path& at, Problems& problems) {
  o.kind = p.source() == Action::MetaData::ROUTE_ENTRY ? Out::route_metadata : Out::dynamic_metadata;
  if (p.source() != Action::MetaData::ROUTE_ENTRY && p.source() != Action::MetaData::DYNAMIC)
    problems.error(at / "source", "metadata of clusters and localities is not implemented here");
  o.key = p.descriptor_key();
  o.value = p.default_value();
  o.skip_if_absent = p.skip_if_absent();
  o.name = p.metadata_key().key();
  for (const auto& segment : p.metadata_key().path()) o.path.push_back(segment.key());
}

void compile_address_match(const Action::RemoteAddressMatch& p, Out& o, const Path& at, Problems& problems) {
  o.kind = Out::address_match;
  o.key = p.descriptor_key().empty() ? "remote_address_match" : p.descriptor_key();
  o.value = p.default_value();
  o.expected = !p.address_matcher().invert_match();
  const Path matcher = at / "address_matcher";
  for (int i = 0; i < p.address_matcher().ranges_size(); ++i)
    if (const auto range = compile_cidr(p.address_matcher().ranges(i), matcher.at("ranges", i), problems))
      o.ranges.push_back(*range);
  auto format = format::TextFormat::compile(p.descriptor_value());
  if (format)
    o.format = std::make_shared<const format::TextFormat>(std::move(*format));
  else
    problems.error(at / "descriptor_value", format.error().detail);
}

Out compile_action(const Action& p, const Path& at, Problems& problems) {
  Out o;
  switch (p.action_specifier_case()) {
    case Action::kSourceCluster: o.kind = Out::source_cluster, o.key = "source_cluster"; break;
    case Action::kDestinationCluster: o.kind = Out::destination_cluster, o.key = "destination_cluster"; break;
    case Action::kRequestHeaders:
      o.kind = Out::request_header;
      o.key = p.request_headers().descriptor_key();
      o.name = lower(p.request_headers().header_name());
      o.skip_if_absent = p.request_headers().skip_if_absent();
      break;
    case Action::kQueryParameters:
      o.kind = Out::query_parameter;
      o.key = p.query_parameters().descriptor_key();
      o.name = p.query_parameters().query_parameter_name();
      o.skip_if_absent = p.query_parameters().skip_if_absent();
      break;
    case Action::kRemoteAddress: o.kind = Out::remote_address, o.key = "remote_address"; break;
    case Action::kMaskedRemoteAddress: {
      const auto& m = p.masked_remote_address();
      o.kind = Out::masked_remote_address;
      o.key = "masked_remote_address";
      if (m.has_v4_prefix_mask_len()) o.v4_bits = static_cast<std::uint8_t>(m.v4_prefix_mask_len().value());
      if (m.has_v6_prefix_mask_len()) o.v6_bits = static_cast<std::uint8_t>(m.v6_prefix_mask_len().value());
      break;
    }
    case Action::kGenericKey: compile_text(p.generic_key(), o, "generic_key", at / "generic_key", problems); break;
    case Action::kHeaderValueMatch: {
      const auto& m = p.header_value_match();
      const Path here = at / "header_value_match";
      o.kind = Out::header_match;
      compile_text(m, o, "header_match", here, problems);
      o.expected = expected(m.has_expect_match(), m.expect_match());
      for (int i = 0; i < m.headers_size(); ++i)
        if (auto h = compile_header_matcher(m.headers(i), here.at("headers", i), problems)) o.headers.push_back(std::move(*h));
      break;
    }
    case Action::kQueryParameterValueMatch: {
      const auto& m = p.query_parameter_value_match();
      const Path here = at / "query_parameter_value_match";
      o.kind = Out::query_match;
      compile_text(m, o, "query_match", here, problems);
      o.expected = expected(m.has_expect_match(), m.expect_match());
      for (int i = 0; i < m.query_parameters_size(); ++i)
        o.query.push_back(compile_query_matcher(m.query_parameters(i), here.at("query_parameters", i), problems));
      break;
    }
    case Action::kRemoteAddressMatch:
      compile_address_match(p.remote_address_match(), o, at / "remote_address_match", problems);
      break;
    case Action::kMetadata: compile_metadata(p.metadata(), o, at / "metadata", problems); break;
    case Action::ACTION_SPECIFIER_NOT_SET: break;
  }
  return o;
}

route::RateLimitRule compile_rule(const RateLimit& p, const Path& at, Problems& problems) {
  route::RateLimitRule o;
  o.stage = p.stage().value();
  o.disabled = !p.disable_key().empty();
  o.headers = p.x_ratelimit_option() == RateLimit::OFF                ? route::LimitHeaders::off
              : p.x_ratelimit_option() == RateLimit::DRAFT_VERSION_03 ? route::LimitHeaders::on
                                                                      : route::LimitHeaders::as_the_filter;
  for (int i = 0; i < p.actions_size(); ++i) o.actions.push_back(compile_action(p.actions(i), at.at("actions", i), problems));
  return o;
}

void compile_hits(const RateLimit::HitsAddend& p, route::RateLimitRule& o, const Path& at, Problems& problems) {
  o.gives_back = p.is_negative_hits();
  if (p.has_number() == !p.format().empty()) return problems.error(at, "hits_addend must contain either a format or a number");
  if (p.has_number()) {
    o.hits = p.number().value();
    return;
  }
  auto format = format::TextFormat::compile(p.format());
  if (!format) return problems.error(at / "format", format.error().detail);
  if (format->parts() != 1) return problems.error(at / "format", "hits_addend format must contain exactly one substitution");
  o.hits_format = std::make_shared<const format::TextFormat>(std::move(*format));
}

route::RateLimitRule compile_own_rule(const RateLimit& p, const Path& at, Problems& problems) {
  if (p.has_stage() || !p.disable_key().empty()) problems.error(at, "'stage' field and 'disable_key' field are not supported");
  auto rule = compile_rule(p, at, problems);
  if (p.has_hits_addend()) compile_hits(p.hits_addend(), rule, at / "hits_addend", problems);
  return rule;
}

}  // namespace

route::RateLimitRules compile_rate_limits(const RateLimits& list, const Path& at, Problems& problems) {
  route::RateLimitRules out;
  for (int i = 0; i < list.size(); ++i) {
    const Path here = at.at("rate_limits", i);
    if (list.Get(i).has_hits_addend())
      problems.warn(here / "hits_addend", "has no effect in limits of routes and virtual hosts, as in Envoy");
    if (list.Get(i).apply_on_stream_done())
      problems.warn(here / "apply_on_stream_done",
                    "is not implemented for limits of routes and virtual hosts: they act on requests");
    out.push_back(compile_rule(list.Get(i), here, problems));
  }
  return out;
}

route::RateLimitRules compile_own_rate_limits(const RateLimits& list, const Path& at, Problems& problems) {
  route::RateLimitRules out;
  for (int i = 0; i < list.size(); ++i) {
    const auto& p = list.Get(i);
    const Path here = at.at("rate_limits", i);
    auto rule = compile_own_rule(p, here, problems);
    if (p.apply_on_stream_done()) {
      problems.warn(here / "apply_on_stream_done", "the limit has no effect: this filter acts on requests, as in Envoy");
      rule.disabled = true;
    }
    out.push_back(std::move(rule));
  }
  return out;
}

filters::RateLimitRuleSet compile_rate_limit_set(const RateLimits& list, const Path& at, Problems& problems) {
  filters::RateLimitRuleSet out;
  for (int i = 0; i < list.size(); ++i) {
    const auto& p = list.Get(i);
    const Path here = at.at("rate_limits", i);
    if (p.x_ratelimit_option() == RateLimit::DRAFT_VERSION_03)
      problems.warn(here / "x_ratelimit_option", "has no effect: the filter's enable_x_ratelimit_headers holds, as in Envoy");
    auto& rules = p.apply_on_stream_done() ? out.at_end : out.at_begin;
    rules.push_back(compile_own_rule(p, here, problems));
  }
  return out;
}

}  // namespace outrigger::xds
