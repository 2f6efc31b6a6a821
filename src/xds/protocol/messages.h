// What goes over an xDS stream, without its encoding: requests and responses of both variants of the protocol
// (state of the world, and delta).
#pragma once
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>
#include "proxy/base/time.h"

namespace outrigger::xds {

struct Resource {
  std::string name;                 // state of the world: unknown until it is parsed, then empty
  std::string version;              // delta; may be empty
  std::string_view type_url, body;  // they stand in the response's texts
  std::optional<Duration> ttl = {};
  bool heartbeat = false;  // no body: it brings a new ttl, or says that there is none (of a virtual host)
  std::vector<std::string> aliases = {};
};

/// The first field of every kind of resource is its name; empty: there is none.
std::string name_of_resource(std::string_view body);

struct Response {
  std::string type_url, version, nonce, control_plane;
  std::vector<Resource> resources;
  std::vector<std::string> removed = {};  // delta
  std::deque<std::string> texts = {};     // what resources point into
  std::string_view keep(std::string text) { return texts.emplace_back(std::move(text)); }
};

struct Request {
  std::string type_url, nonce;
  std::optional<std::string> error;  // set: what came is refused
  // state of the world
  std::string version;
  std::vector<std::string> names;
  // delta
  std::vector<std::string> subscribe, unsubscribe;
  std::map<std::string, std::string> initial_versions;
};

}  // namespace outrigger::xds
