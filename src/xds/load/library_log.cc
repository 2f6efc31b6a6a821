#include "xds/load/library_log.h"

#include <google/protobuf/stubs/logging.h>
#include <string>
#include "proxy/base/log.h"

namespace outrigger::xds {

void log_protobuf() {
  google::protobuf::SetLogHandler([](google::protobuf::LogLevel, const char* file, int line, const std::string& text) {
    LOG_DEBUG(logger::config, "protobuf: ", file, ":", line, ": ", text);
  });
}

}  // namespace outrigger::xds
