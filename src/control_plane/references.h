// Which other resources a message names: clusters, routes, endpoints, secrets that come from the same control plane. Main
// thread.
#pragma once
#include <google/protobuf/message.h>
#include <functional>
#include <string>
#include "xds/problems.h"

namespace outrigger::control_plane {

using FoundReference = std::function<void(std::string_view type_url, const std::string& name, const xds::Path& at)>;
/// Into the payloads of Any too.
void find_references(const google::protobuf::Message& m, const xds::Path& at, const FoundReference& found);
/// Of an EDS cluster whose endpoints come from the control plane that sends it: their name. Else empty.
std::string endpoints_of(const google::protobuf::Message& cluster);

}  // namespace outrigger::control_plane
