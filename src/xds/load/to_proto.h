// A config tree to a protobuf message, by reflection: proto3's JSON mapping as Envoy reads it, with
// every mistake told at its place. Main thread.
#pragma once
#include <google/protobuf/message.h>
#include <google/protobuf/struct.pb.h>
#include <cstdint>
#include <string>
#include "xds/load/source.h"
#include "xds/problems.h"

namespace outrigger::xds {

struct ToProtoOptions {
  std::string file;
  bool allow_unknown = false;  // unknown fields are warnings
  /// Extensions of types that are not linked are warnings, and left to whoever knows them: as a TypedStruct.
  bool keep_foreign_types = false;
  /// What is not implemented, and TypedStructs, are left to who takes the message, as if it had come over the wire.
  bool as_received = false;
};

/// Adds to `into`. How many unknown fields there were.
std::size_t to_proto(const Node& from, google::protobuf::Message& into, const ToProtoOptions& o, Problems& problems);

/// Is that a type of Envoy's, implemented or not?
bool is_known_type(std::string_view type_url);
/// Why a type of an extension cannot be used: Envoy's own that is not implemented, or unknown.
std::string unknown_type_text(const std::string& type_url);
/// What to say of a field that the message doesn't have.
std::string unknown_field_text(const google::protobuf::Descriptor& message, const std::string& field);
/// Of a field that Envoy has and the message has not; 0: it is none of those.
int unimplemented_field(const google::protobuf::Descriptor& message, const std::string& field);
/// The same of a field that is on the wire only. `name`: as Envoy has it; empty: it does not.
std::string unknown_field_text(const google::protobuf::Descriptor& message, int number, std::string& name);
/// A Struct as the message it stands for.
std::size_t to_proto(const google::protobuf::Struct& from, google::protobuf::Message& into, Problems& problems);

}  // namespace outrigger::xds
