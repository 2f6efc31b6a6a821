// Resources as they come in, parsed and checked, and what all deliveries share. Main thread.
#pragma once
#include <google/protobuf/message.h>
#include <set>
#include <string>
#include <vector>
#include "proxy/base/result.h"
#include "xds/client/watch.h"
#include "xds/compile/content.h"
#include "xds/compile/redact.h"
#include "xds/delivery/context.h"
#include "xds/load/resource.h"

namespace outrigger::xds {

/// As it is kept for pages: without private keys.
template <class Message>
std::string redacted_bytes(Message m) {
  redact(m);
  return m.SerializePartialAsString();
}

template <class Message>
struct Parsed {
  const Resource* from = nullptr;
  Message message;
  std::string wrong;  // empty: nothing so far
  /// bytes_hash(), or 0: it has fields that nobody knows, which are counted each time it comes.
  std::uint64_t bytes = 0;
};

/// Is it what came before with that hash, byte for byte?
inline bool came_before(const Resource& r, std::uint64_t bytes, const std::string& type_url) {
  return bytes != 0 && r.type_url == type_url && bytes_hash(r.body) == bytes;
}

/// An error: it refuses the whole push. The fields that nobody knows are added to `unknown`.
template <class Message>
Result<void> parse_into(const Resource& r, const DeliveryContext& c, Parsed<Message>& p, std::size_t& unknown) {
  p.from = &r;
  const auto before = unknown;
  const auto parsed = parse_resource(r, p.message, c.sources.rejects_unknown(), p.wrong, unknown);
  if (parsed && unknown == before) p.bytes = bytes_hash(r.body);
  return parsed;
}

/// All of an update. The first that can't be parsed or breaks a rule refuses the whole, as in Envoy.
template <class Message>
Result<std::vector<Parsed<Message>>> parse_resources(const Update& u, const DeliveryContext& c) {
  std::vector<Parsed<Message>> all;
  all.reserve(u.resources.size());
  std::size_t unknown = 0;
  for (const Resource* r : u.resources)
    if (const auto ok = parse_into(*r, c, all.emplace_back(), unknown); !ok) return ok.error();
  c.server.count_unknown_fields(unknown);
  return all;
}

/// Of an update that brings one resource, or is refused.
template <class Message>
Result<Parsed<Message>> parse_one(const Update& u, const DeliveryContext& c, const char* what) {
  auto all = parse_resources<Message>(u, c);
  if (!all) return all.error();
  if (all->size() != 1)
    return Error{Errc::invalid_config, std::string("Unexpected ") + what + " resource length: " + std::to_string(all->size())};
  if (!all->front().wrong.empty()) return Error{Errc::invalid_config, all->front().from->name + ": " + all->front().wrong};
  return std::move(all->front());
}

/// What is wrong with the resources of a push, each by name, as the control plane is told.
class Refusals {
 public:
  explicit Refusals(std::string what) : what_(std::move(what)) {}
  void add(const std::string& name, const std::string& why) { (text_ += (text_.empty() ? "" : ", ")) += name + ": " + why; }
  bool none() const noexcept { return text_.empty(); }
  /// "Error adding/updating cluster(s) a: why, b: why"
  Result<void> result() const {
    if (none()) return {};
    return Error{Errc::invalid_config, "Error adding/updating " + what_ + "(s) " + text_};
  }

 private:
  std::string what_, text_;
};

}  // namespace outrigger::xds
