// The messages of envoy.service.ext_proc.v3: a ProcessingRequest made of what a filter shows, a ProcessingResponse read. Worker's
// thread.
#pragma once
#include "envoy/extensions/filters/http/ext_proc/v3/processing_mode.pb.h"
#include "filters/ext_proc.h"

namespace outrigger::xds {

/// Lives for ever.
const filters::ProcessorMessages& processor_messages();
/// `unknown` is set of a mode that is not implemented.
filters::ProcessingMode to_processing_mode(const envoy::extensions::filters::http::ext_proc::v3::ProcessingMode& p);

}  // namespace outrigger::xds
