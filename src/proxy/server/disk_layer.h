// Runtime values in files: one a file, its path below the directory is the key. Main thread.
#pragma once
#include <optional>
#include <string>
#include "proxy/base/result.h"
#include "proxy/runtime/runtime.h"

namespace outrigger::server {

using ParseValue = Result<runtime::Value> (*)(const std::string& text);
/// `parse`: what it refuses is a text. Nothing: there is no such directory. An error: a file in it could not be read.
Result<std::optional<runtime::Layer>> read_disk_layer(const std::string& directory, ParseValue parse);

}  // namespace outrigger::server
