#include <algorithm>
#include <charconv>
#include <vector>
#include "envoy/extensions/access_loggers/filters/cel/v3/cel.pb.h"
#include "proxy/cel/program.h"
#include "xds/compile/access_log.h"
#include "xds/compile/convert.h"
#include "xds/compile/matchers.h"
#include "xds/compile/metadata.h"

namespace outrigger::xds {

namespace log_v3 = envoy::config::accesslog::v3;
using accesslog::Filter;
using accesslog::LogContext;
using FilterPtr = std::shared_ptr<const Filter>;

namespace {

template <class F>
class Pass final : public Filter {
 public:
  explicit Pass(F f) : f_(std::move(f)) {}
  bool pass(const LogContext& c) const override { return f_(c); }

 private:
  F f_;
};
template <class F>
FilterPtr filter(F f) {
  return std::make_shared<const Pass<F>>(std::move(f));
}

struct Comparison {
  log_v3::ComparisonFilter::Op op;
  runtime::RuntimeUint32 value;
  bool holds(std::uint64_t v, const LogContext& c) const {
    std::uint64_t with = value.value;
    if (!value.key.empty() && c.runtime != nullptr) with = c.runtime->integer(value.key, with);
    switch (op) {
      case log_v3::ComparisonFilter::GE: return v >= with;
      case log_v3::ComparisonFilter::LE: return v <= with;
      case log_v3::ComparisonFilter::NE: return v != with;
      default: return v == with;
    }
  }
};
Comparison compile_comparison(const log_v3::ComparisonFilter& p) { return {p.op(), to_runtime(p.value())}; }

std::vector<FilterPtr> compile_list(const google::protobuf::RepeatedPtrField<log_v3::AccessLogFilter>& list, const Path& at,
                                    Problems& problems) {
  std::vector<FilterPtr> all;
  for (int i = 0; i < list.size(); ++i)
    if (auto f = compile_access_log_filter(list.Get(i), at.at("filters", i), problems)) all.push_back(std::move(f));
  return all;
}

/// The status of gRPC: trailers, then headers, then from the HTTP status.
unsigned grpc_status(const LogContext& c) {
  std::string_view text;
  if (c.format.response_trailers != nullptr) text = c.format.response_trailers->get(http::Name::grpc_status);
  if (text.empty() && c.format.response != nullptr) text = c.format.response->headers.get(http::Name::grpc_status);
  unsigned v = 0;
  if (!text.empty() && std::from_chars(text.data(), text.data() + text.size(), v).ec == std::errc{}) return v;
  return http::grpc_status_of(c.format.info == nullptr ? 0 : c.format.info->response_code);
}

FilterPtr compile_runtime(const log_v3::RuntimeFilter& p) {
  const auto percent = to_percent(p.percent_sampled());
  return filter([key = p.runtime_key(), percent](const LogContext& c) {
    return c.runtime == nullptr || c.random == nullptr || c.runtime->enabled(key, percent, c.random->next());
  });
}

FilterPtr compile_flags(const log_v3::ResponseFlagFilter& p, const Path& at, Problems& problems) {
  std::uint32_t bits = 0;
  for (int i = 0; i < p.flags_size(); ++i) {
    http::Flag f;
    if (http::ResponseFlags::parse_short(p.flags(i), f))
      bits |= 1u << static_cast<unsigned>(f);
    else
      problems.error(at.at("flags", i), "unknown response flag '" + p.flags(i) + "'");
  }
  return filter([bits, any = p.flags_size() == 0](const LogContext& c) {
    const auto& flags = c.format.info->flags;
    return any ? flags.any() : (flags.bits() & bits) != 0;
  });
}

/// As in Envoy, the matcher's invert has no effect.
FilterPtr compile_metadata_filter(const log_v3::MetadataFilter& p, const Path& at, Problems& problems) {
  const bool unknown = !p.has_match_if_key_not_found() || p.match_if_key_not_found().value();
  if (!p.has_matcher()) return filter([unknown](const LogContext&) { return unknown; });
  return filter([m = compile_metadata_matcher(p.matcher(), at / "matcher", problems), unknown](const LogContext& c) {
    const auto& all = c.format.info->dynamic_metadata;
    const auto* v = all == nullptr ? nullptr : all->find(m.name, m.path);
    return v == nullptr ? unknown : m.value.match(v);
  });
}

FilterPtr compile_log_types(const log_v3::LogTypeFilter& p) {
  std::uint32_t bits = 0;
  // The enumeration of the API: NotSet, TcpUpstreamConnected, TcpPeriodic, TcpConnectionEnd, DownstreamStart, ...
  for (const auto t : p.types()) bits |= 1u << static_cast<unsigned>(t);
  return filter([bits, exclude = p.exclude()](const LogContext& c) {
    return ((bits >> static_cast<unsigned>(c.type) & 1u) != 0) != exclude;
  });
}

FilterPtr compile_extension(const log_v3::ExtensionFilter& p, const Path& at, Problems& problems) {
  const Path any = at / "typed_config";
  envoy::extensions::access_loggers::filters::cel::v3::ExpressionFilter config;
  if (!p.typed_config().UnpackTo(&config)) {
    problems.error(any, "filter '" + p.name() + "' of type '" + p.typed_config().type_url() + "' is not implemented");
    return nullptr;
  }
  const Path here = any / "expression";
  std::vector<std::string> warnings;
  auto program = cel::Program::compile(config.expression(), &warnings);
  for (const auto& w : warnings) problems.warn(here, w);
  if (!program) {
    problems.error(here, program.error().detail);
    return nullptr;
  }
  return filter([program = std::move(*program)](const LogContext& c) { return program->holds(c.format); });
}

}  // namespace

FilterPtr compile_access_log_filter(const log_v3::AccessLogFilter& p, const Path& at, Problems& problems) {
  using F = log_v3::AccessLogFilter;
  switch (p.filter_specifier_case()) {
    case F::kStatusCodeFilter:
      return filter([cmp = compile_comparison(p.status_code_filter().comparison())](const LogContext& c) {
        return cmp.holds(c.format.info->response_code, c);
      });
    case F::kDurationFilter:
      return filter([cmp = compile_comparison(p.duration_filter().comparison())](const LogContext& c) {
        const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(c.now - c.format.info->start).count();
        return cmp.holds(static_cast<std::uint64_t>(ms < 0 ? 0 : ms), c);
      });
    case F::kNotHealthCheckFilter: return filter([](const LogContext& c) { return !c.format.info->health_check; });
    case F::kTraceableFilter:
      return filter([](const LogContext& c) { return c.format.info->traced && !c.format.info->health_check; });
    case F::kRuntimeFilter: return compile_runtime(p.runtime_filter());
    case F::kAndFilter:
      return filter([all = compile_list(p.and_filter().filters(), at / "and_filter", problems)](const LogContext& c) {
        return std::all_of(all.begin(), all.end(), [&](const FilterPtr& f) { return f->pass(c); });
      });
    case F::kOrFilter:
      return filter([all = compile_list(p.or_filter().filters(), at / "or_filter", problems)](const LogContext& c) {
        return std::any_of(all.begin(), all.end(), [&](const FilterPtr& f) { return f->pass(c); });
      });
    case F::kHeaderFilter: {
      const Path here = at / "header_filter";
      auto m = compile_header_matcher(p.header_filter().header(), here / "header", problems);
      if (!m) return nullptr;
      return filter([m = std::move(*m)](const LogContext& c) {
        if (c.format.request != nullptr) return m.match(*c.format.request);
        Arena arena;  // a TCP connection: as a request without headers
        return m.match(http::RequestHead(arena));
      });
    }
    case F::kResponseFlagFilter: return compile_flags(p.response_flag_filter(), at / "response_flag_filter", problems);
    case F::kGrpcStatusFilter: {
      std::uint32_t bits = 0;
      for (const auto s : p.grpc_status_filter().statuses()) bits |= 1u << static_cast<unsigned>(s);
      return filter([bits, exclude = p.grpc_status_filter().exclude()](const LogContext& c) {
        const unsigned s = grpc_status(c);
        return (s < 32 && (bits >> s & 1u) != 0) != exclude;
      });
    }
    case F::kMetadataFilter: return compile_metadata_filter(p.metadata_filter(), at / "metadata_filter", problems);
    case F::kLogTypeFilter: return compile_log_types(p.log_type_filter());
    case F::kExtensionFilter: return compile_extension(p.extension_filter(), at / "extension_filter", problems);
    case F::FILTER_SPECIFIER_NOT_SET: break;
  }
  return nullptr;
}

}  // namespace outrigger::xds
