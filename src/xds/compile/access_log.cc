#include "xds/compile/access_log.h"

#include "envoy/extensions/access_loggers/file/v3/file.pb.h"
#include "envoy/extensions/access_loggers/stream/v3/stream.pb.h"
#include "xds/compile/format.h"
#include "xds/compile/reports.h"

namespace outrigger::xds {

namespace file_v3 = envoy::extensions::access_loggers::file::v3;
namespace stream_v3 = envoy::extensions::access_loggers::stream::v3;

namespace {

CompiledFormat default_format(const Path& at, Problems& problems) {
  return compile_text_format(std::string(format::kDefaultFormat), {}, at, problems);
}

CompiledFormat file_format(const file_v3::FileAccessLog& p, const Path& at, Problems& problems) {
  using F = file_v3::FileAccessLog;
  switch (p.access_log_format_case()) {
    case F::kFormat:
      return p.format().empty() ? default_format(at, problems) : compile_text_format(p.format(), {}, at / "format", problems);
    case F::kJsonFormat: return compile_json_format(p.json_format(), {}, at / "json_format", problems);
    case F::kTypedJsonFormat: return compile_json_format(p.typed_json_format(), {}, at / "typed_json_format", problems);
    case F::kLogFormat: return compile_format(p.log_format(), at / "log_format", problems);
    case F::ACCESS_LOG_FORMAT_NOT_SET: break;
  }
  return default_format(at, problems);
}

template <class Stream>
CompiledFormat stream_format(const google::protobuf::Any& any, const Path& at, Problems& problems) {
  Stream p;
  any.UnpackTo(&p);
  return p.has_log_format() ? compile_format(p.log_format(), at / "log_format", problems) : default_format(at, problems);
}

accesslog::AccessLogPtr compile_one(const envoy::config::accesslog::v3::AccessLog& log, const Path& at, CompileContext& c) {
  const auto errors = c.problems.errors();
  const auto& any = log.typed_config();
  const Path config = at / "typed_config";
  CompiledFormat f;
  std::string path;
  if (any.Is<file_v3::FileAccessLog>()) {
    file_v3::FileAccessLog p;
    any.UnpackTo(&p);
    path = p.path();
    f = file_format(p, config, c.problems);
  } else if (any.Is<stream_v3::StdoutAccessLog>()) {
    path = "/dev/stdout";
    f = stream_format<stream_v3::StdoutAccessLog>(any, config, c.problems);
  } else if (any.Is<stream_v3::StderrAccessLog>()) {
    path = "/dev/stderr";
    f = stream_format<stream_v3::StderrAccessLog>(any, config, c.problems);
  } else if (take_access_logger(log, at, c)) {
    if (log.has_filter()) compile_access_log_filter(log.filter(), at / "filter", c.problems);
    return nullptr;
  } else {
    c.problems.error(at, "access logger '" + log.name() + "' of type '" + any.type_url() + "' is not implemented");
    return nullptr;
  }
  std::shared_ptr<const accesslog::Filter> filter;
  if (log.has_filter()) filter = compile_access_log_filter(log.filter(), at / "filter", c.problems);
  if (c.problems.errors() != errors) return nullptr;
  if (c.validate_only) {
    if (const auto able = accesslog::can_open(path); !able) c.problems.error(config / "path", able.error().detail);
    return nullptr;
  }
  auto sink = c.files.open(path);
  if (!sink) {
    c.problems.error(config / "path", sink.error().detail);
    return nullptr;
  }
  return accesslog::make_log(std::move(filter), f.text, f.json, std::move(*sink));
}

}  // namespace

accesslog::AccessLogs compile_access_logs(const AccessLogList& logs, const Path& at, std::string_view field, CompileContext& c) {
  accesslog::AccessLogs all;
  for (int i = 0; i < logs.size(); ++i)
    if (auto l = compile_one(logs.Get(i), at.at(field, i), c)) all.push_back(std::move(l));
  return all;
}

}  // namespace outrigger::xds
