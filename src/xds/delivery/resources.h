// Resources as they come in, parsed and checked, and what all deliveries share. Main thread.
#pragma once
#include <google/protobuf/message.h>
#include <string>
#include <string_view>
#include <unordered_set>
#include <utility>
#include <vector>
#include "proxy/base/result.h"
#include "proxy/event/give_way.h"
#include "xds/client/watch.h"
#include "xds/compile/content.h"
#include "xds/compile/redact.h"
#include "xds/delivery/context.h"
#include "xds/load/any_type.h"
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

/// `u` without the resources that came before byte for byte, whose names are added to `same`. `came`: of a name, the hash of
/// what came last and was accepted, or 0.
template <class Message, class Came>
Update news_of(const Update& u, std::unordered_set<std::string_view>& same, Came came) {
  const std::string type_url = canonical_type_url(*Message::descriptor());
  Update out{u.version, u.whole, {}, {}};
  for (const Resource* r : u.resources)
    if (!came_before(*r, came(r->name), type_url) || !same.insert(r->name).second) out.resources.push_back(r);
  return out;
}

/// Parses the resources of an update some at a time. The first that can't be parsed or breaks a rule refuses the whole, as in
/// Envoy.
template <class Message>
class SlicedParse {
 public:
  SlicedParse(Update u, const DeliveryContext& c) : u_(std::move(u)), c_(c) { parsed_.reserve(u_.resources.size()); }
  /// The next `most`. True: there is nothing more to parse; see refusal().
  bool go_on(std::size_t most) {
    const auto& all = u_.resources;
    for (; refusal_ && most > 0 && parsed_.size() < all.size(); --most) {
      event::give_way();
      auto& p = parsed_.emplace_back();
      p.from = all[parsed_.size() - 1];
      const auto before = unknown_;
      refusal_ = parse_resource(*p.from, p.message, c_.sources.rejects_unknown(), p.wrong, unknown_);
      if (refusal_ && unknown_ == before) p.bytes = bytes_hash(p.from->body);
    }
    return !refusal_ || parsed_.size() == all.size();
  }
  const Result<void>& refusal() const noexcept { return refusal_; }
  std::vector<Parsed<Message>>& parsed() noexcept { return parsed_; }
  /// At the end, unless the whole is refused.
  void count_unknown_fields() const { c_.server.count_unknown_fields(unknown_); }

 private:
  const Update u_;
  const DeliveryContext& c_;
  std::vector<Parsed<Message>> parsed_;
  std::size_t unknown_ = 0;
  Result<void> refusal_;
};

/// All of an update.
template <class Message>
Result<std::vector<Parsed<Message>>> parse_resources(const Update& u, const DeliveryContext& c) {
  SlicedParse<Message> parse(u, c);
  parse.go_on(u.resources.size());
  if (!parse.refusal()) return parse.refusal().error();
  parse.count_unknown_fields();
  return std::move(parse.parsed());
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
