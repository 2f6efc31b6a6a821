// envoy.config.core.v3.Metadata and Structs to what formatters print and matchers read. Main thread.
#pragma once
#include <google/protobuf/struct.pb.h>
#include "envoy/config/core/v3/base.pb.h"
#include "envoy/type/matcher/v3/metadata.pb.h"
#include "proxy/base/metadata.h"
#include "proxy/route/metadata_matcher.h"
#include "xds/problems.h"

namespace outrigger::xds {

/// Null when there is none.
MetadataPtr compile_metadata(const envoy::config::core::v3::Metadata& p);
MetadataValue compile_metadata_value(const google::protobuf::Struct& p);
MetadataValue compile_metadata_value(const google::protobuf::Value& v);
/// The fields of an object, as they go to services. Any thread.
void to_struct(const MetadataValue& object, google::protobuf::Struct& to);
/// metadata_match: what is asked of hosts' metadata, over `outer`. Null: nothing.
std::shared_ptr<const MetadataValue> compile_subset(const envoy::config::core::v3::Metadata& p,
                                                    const std::shared_ptr<const MetadataValue>& outer);

route::ValueMatcher compile_value_matcher(const envoy::type::matcher::v3::ValueMatcher& p, const Path& at, Problems& problems);
route::MetadataMatcher compile_metadata_matcher(const envoy::type::matcher::v3::MetadataMatcher& p, const Path& at,
                                                Problems& problems);

}  // namespace outrigger::xds
