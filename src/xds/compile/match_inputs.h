// What matchers (xds.type.matcher.v3.Matcher) look at: inputs of connections, certificates and requests. Main thread.
#pragma once
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include "proxy/base/metadata.h"
#include "proxy/route/match_tree.h"
#include "xds/core/v3/extension.pb.h"
#include "xds/problems.h"

namespace outrigger::xds {

using MetadataInput = std::function<const MetadataValue*(const format::Context&)>;

/// One of three kinds.
struct MatchSource {
  route::MatchInput text;
  MetadataInput metadata;
  bool attributes = false;  // of expressions
  bool of_tls = false;      // there is none on a plain connection
};

/// The full name of the message in an Any.
std::string_view type_of(const google::protobuf::Any& any) noexcept;
/// Nothing when it is not implemented, which has then been told.
std::optional<MatchSource> compile_match_input(const ::xds::core::v3::TypedExtensionConfig& p, const Path& at,
                                               Problems& problems);

}  // namespace outrigger::xds
