// The fields of a google.protobuf.Struct in the order of their names: a map's own order is random.
#pragma once
#include <google/protobuf/struct.pb.h>
#include <map>
#include <string_view>

namespace outrigger::xds {

/// Views of `s`, which must outlive it.
inline std::map<std::string_view, const google::protobuf::Value*> sorted_fields(const google::protobuf::Struct& s) {
  std::map<std::string_view, const google::protobuf::Value*> sorted;
  for (const auto& [name, value] : s.fields()) sorted.emplace(name, &value);
  return sorted;
}

}  // namespace outrigger::xds
