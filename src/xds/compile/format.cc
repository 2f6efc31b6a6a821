#include "xds/compile/format.h"

#include "envoy/extensions/formatter/cel/v3/cel.pb.h"
#include "envoy/extensions/formatter/metadata/v3/metadata.pb.h"
#include "envoy/extensions/formatter/req_without_query/v3/req_without_query.pb.h"
#include "proxy/cel/operator.h"
#include "xds/compile/convert.h"
#include "xds/struct_fields.h"

namespace outrigger::xds {

namespace {

[[maybe_unused]] const bool expressions_are_known = (format::set_expressions(&cel::make_operator), true);

format::JsonFormat::Value to_value(const google::protobuf::Value& v);

format::JsonFormat::Value to_value(const google::protobuf::Struct& s) {
  format::JsonFormat::Value o;
  o.kind = format::JsonFormat::Value::object;
  for (const auto& [key, v] : sorted_fields(s)) o.fields.emplace_back(key, to_value(*v));
  return o;
}

format::JsonFormat::Value to_value(const google::protobuf::Value& v) {
  using V = google::protobuf::Value;
  using Json = format::JsonFormat::Value;
  if (v.kind_case() == V::kStructValue) return to_value(v.struct_value());
  Json o;
  switch (v.kind_case()) {
    case V::kBoolValue: o.kind = Json::boolean, o.b = v.bool_value(); break;
    case V::kNumberValue: o.kind = Json::number, o.n = v.number_value(); break;
    case V::kStringValue: o.kind = Json::string, o.s = v.string_value(); break;
    case V::kListValue:
      o.kind = Json::list;
      for (const auto& i : v.list_value().values()) o.items.push_back(to_value(i));
      break;
    default: break;
  }
  return o;
}

void compile_formatter(const google::protobuf::Any& any, format::FormatOptions& o, const Path& at, Problems& problems) {
  if (any.Is<envoy::extensions::formatter::req_without_query::v3::ReqWithoutQuery>())
    o.req_without_query = true;
  else if (!any.Is<envoy::extensions::formatter::metadata::v3::Metadata>() &&  // these operators are always known
           !any.Is<envoy::extensions::formatter::cel::v3::Cel>())
    problems.error(at, "formatter of type '" + any.type_url() + "' is not implemented");
}

}  // namespace

void compile_formatters(const Formatters& list, const Path& at, Problems& problems, format::FormatOptions& into) {
  for (int i = 0; i < list.size(); ++i) compile_formatter(list.Get(i).typed_config(), into, at.at("formatters", i), problems);
}

CompiledFormat compile_text_format(const std::string& text, const format::FormatOptions& options, const Path& at,
                                   Problems& problems) {
  CompiledFormat o;
  auto f = format::TextFormat::compile(text, options);
  if (f)
    o.text = std::make_shared<const format::TextFormat>(std::move(*f));
  else
    problems.error(at, f.error().detail);
  o.content_type = "text/plain";
  return o;
}

CompiledFormat compile_json_format(const google::protobuf::Struct& p, const format::FormatOptions& options, const Path& at,
                                   Problems& problems) {
  CompiledFormat o;
  auto f = format::JsonFormat::compile(to_value(p), options);
  if (f)
    o.json = std::make_shared<const format::JsonFormat>(std::move(*f));
  else
    problems.error(at, f.error().detail);
  o.content_type = "application/json";
  return o;
}

CompiledFormat compile_format(const envoy::config::core::v3::SubstitutionFormatString& p, const Path& at, Problems& problems) {
  using Format = envoy::config::core::v3::SubstitutionFormatString;
  CompiledFormat o;
  format::FormatOptions options;
  options.omit_empty_values = p.omit_empty_values();
  compile_formatters(p.formatters(), at, problems, options);
  if (p.json_format_options().sort_properties())
    problems.warn(at / "json_format_options", "sort_properties has no effect: properties are always sorted");
  switch (p.format_case()) {
    case Format::kTextFormat: o = compile_text_format(p.text_format(), options, at / "text_format", problems); break;
    case Format::kJsonFormat: o = compile_json_format(p.json_format(), options, at / "json_format", problems); break;
    case Format::kTextFormatSource: {
      auto text = read_data_source(p.text_format_source());
      if (text)
        o = compile_text_format(*text, options, at / "text_format_source", problems);
      else
        problems.error(at / "text_format_source", text.error().detail);
      break;
    }
    case Format::FORMAT_NOT_SET: break;
  }
  if (!p.content_type().empty()) o.content_type = p.content_type();
  return o;
}

}  // namespace outrigger::xds
