// SubstitutionFormatString and JSON formats. Main thread.
#pragma once
#include <google/protobuf/struct.pb.h>
#include <memory>
#include <string>
#include "envoy/config/core/v3/substitution_format_string.pb.h"
#include "proxy/format/formatter.h"
#include "xds/problems.h"

namespace outrigger::xds {

/// One of text and json is set, unless something was wrong (told).
struct CompiledFormat {
  std::shared_ptr<const format::TextFormat> text;
  std::shared_ptr<const format::JsonFormat> json;
  std::string content_type;
};
/// Operators that must be asked for.
using Formatters = google::protobuf::RepeatedPtrField<envoy::config::core::v3::TypedExtensionConfig>;
void compile_formatters(const Formatters& list, const Path& at, Problems& problems, format::FormatOptions& into);
CompiledFormat compile_format(const envoy::config::core::v3::SubstitutionFormatString& p, const Path& at, Problems& problems);
CompiledFormat compile_text_format(const std::string& text, const format::FormatOptions& options, const Path& at,
                                   Problems& problems);
CompiledFormat compile_json_format(const google::protobuf::Struct& p, const format::FormatOptions& options, const Path& at,
                                   Problems& problems);

}  // namespace outrigger::xds
