// Small conversions from protobuf messages to plain values, shared by all of xds/compile.
// Main thread. Where something can be wrong the Problems get it, at the Path given.
#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "envoy/config/core/v3/address.pb.h"
#include "envoy/config/core/v3/base.pb.h"
#include "envoy/config/core/v3/socket_option.pb.h"
#include "envoy/type/v3/percent.pb.h"
#include "envoy/type/v3/token_bucket.pb.h"
#include "proxy/base/result.h"
#include "proxy/base/time.h"
#include "proxy/base/token_bucket.h"
#include "proxy/net/address.h"
#include "proxy/net/tcp_transport.h"
#include "proxy/runtime/runtime.h"
#include "proxy/upstream/host.h"
#include "xds/core/v3/cidr.pb.h"
#include "xds/problems.h"

namespace outrigger::xds {

/// Below a microsecond is dropped; what does not fit is clamped.
Duration to_duration(const google::protobuf::Duration& d) noexcept;

/// A file's content, the text of the message, or a variable of the environment. Errors: no such
/// file, no such variable, more than `bytes_max` (0: no bound).
Result<std::string> read_data_source(const envoy::config::core::v3::DataSource& source, std::uint64_t bytes_max = 0);

/// Empty when it is wrong, which has then been told. A socket address must be an IP.
net::Address compile_address(const envoy::config::core::v3::Address& a, const Path& at, Problems& problems);
net::Address compile_address(const envoy::config::core::v3::SocketAddress& a, const Path& at, Problems& problems);
/// No prefix_len: 0 bits. Nothing when it is wrong, which has then been told.
std::optional<net::CidrRange> compile_cidr(const envoy::config::core::v3::CidrRange& range, const Path& at, Problems& problems);
std::optional<net::CidrRange> compile_cidr(const ::xds::core::v3::CidrRange& range, const Path& at, Problems& problems);

runtime::FractionalPercent to_percent(const envoy::type::v3::FractionalPercent& p) noexcept;
/// A fraction in millionths, for percentages with decimals.
runtime::FractionalPercent to_percent(const envoy::type::v3::Percent& p) noexcept;
runtime::RuntimePercent to_runtime_percent(const envoy::config::core::v3::RuntimeFractionalPercent& p);
runtime::RuntimeUint32 to_runtime(const envoy::config::core::v3::RuntimeUInt32& v);
runtime::RuntimeDouble to_runtime(const envoy::config::core::v3::RuntimeDouble& v);
/// The default is a percentage, 0 to 100.
runtime::RuntimeDouble to_runtime(const envoy::config::core::v3::RuntimePercent& v);
runtime::RuntimeBool to_runtime(const envoy::config::core::v3::RuntimeFeatureFlag& v);
/// Of a filter that is on unless its config says something else.
runtime::RuntimeBool compile_enabled(const auto& filter) {
  return filter.has_runtime_enabled() ? to_runtime(filter.runtime_enabled()) : runtime::RuntimeBool{"", true};
}

/// Those of stream sockets.
std::vector<net::RawOption> to_raw_options(const google::protobuf::RepeatedPtrField<envoy::config::core::v3::SocketOption>& list);
/// A field that is 0 turns it off.
std::optional<net::KeepaliveOptions> to_keepalive(const envoy::config::core::v3::TcpKeepalive& k);

upstream::LocalityPtr compile_locality(const envoy::config::core::v3::Locality& l);
std::shared_ptr<TokenBucket> compile_token_bucket(const envoy::type::v3::TokenBucket& p, const Path& at, Problems& problems);

/// ASCII.
std::string lower(std::string_view s);

}  // namespace outrigger::xds
