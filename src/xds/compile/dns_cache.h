// DnsCacheConfig, of the clusters and filters of dynamic forward proxies. Main thread.
#pragma once
#include "envoy/extensions/common/dynamic_forward_proxy/v3/dns_cache.pb.h"
#include "proxy/upstream/dns_cache.h"
#include "xds/compile/context.h"

namespace outrigger::xds {

/// Null: wrong (told), or nothing is to be run.
upstream::DnsCachePtr compile_dns_cache(const envoy::extensions::common::dynamic_forward_proxy::v3::DnsCacheConfig& p,
                                        const Path& at, CompileContext& c);

}  // namespace outrigger::xds
