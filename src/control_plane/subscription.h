// One resource type on one stream, from the control plane's side: what the proxy asked for, what it was told and how it
// answered, and what has to be told next. Knows no socket, clock or encoding. One response is under way at a time; the next
// is made when it was answered, of what there is then. Main thread; owned by its Session.
#pragma once
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>
#include "control_plane/resources.h"
#include "proxy/base/time.h"
#include "xds/protocol/messages.h"

namespace outrigger::control_plane {

/// A response to be sent.
struct Answer {
  std::string type_url, version, nonce;
  std::vector<ItemPtr> items;
  std::vector<std::string> removed;  // delta
};

class Subscription {
 public:
  Subscription(bool delta, std::string type_url) : delta_(delta), type_url_(std::move(type_url)) {}
  /// What a request says of what was sent before. Stale: it answers to something older than the last response.
  enum class Verdict : unsigned char { none, accepted, refused, stale };
  Verdict on_request(const xds::Request& q, const TypeItemsPtr& have, WallTime now);
  /// Is something to be told? Not while a response is under way. `keep_removed`: what is gone is not to be told yet.
  bool due(const TypeItemsPtr& have, bool keep_removed = false);
  /// When it is due.
  Answer next(const TypeItemsPtr& have, WallTime now, bool keep_removed = false);
  bool under_way() const noexcept { return under_way_; }
  /// The next request is answered, even if it asks for nothing new.
  void answer_next() noexcept { answer_next_ = true; }
  const std::string& type_url() const noexcept { return type_url_; }
  bool all() const noexcept { return all_; }
  const std::set<std::string, std::less<>>& names() const noexcept { return names_; }
  bool wants(std::string_view name) const noexcept { return all_ || names_.contains(name); }
  /// What the names take, about.
  std::size_t names_bytes() const noexcept { return names_bytes_; }
  /// Was it told of this one, and not since that it is gone?
  bool told(std::string_view name) const;

  // For the status page.
  struct Exchange {
    std::string version;  // of the type, as a whole
    WallTime at{};
  };
  const Exchange& sent() const noexcept { return sent_; }
  const Exchange& accepted() const noexcept { return accepted_; }
  const Exchange& refused() const noexcept { return refused_; }
  const std::string& refusal() const noexcept { return refusal_; }
  bool last_was_refused() const noexcept { return last_refused_; }
  std::uint64_t responses() const noexcept { return responses_; }
  std::uint64_t stale() const noexcept { return stale_; }  // requests that answered to something older
  std::size_t told_count() const noexcept;
  void each_told(const std::function<void(const std::string& name)>& f) const;

 private:
  struct Told {
    std::string version;  // empty: that there is none
    ItemPtr item;         // null: it had it from another stream
  };
  struct Changes {
    std::vector<ItemPtr> changed;
    std::vector<std::string> gone, missing;  // gone: it was told; missing: asked for, and never was
  };
  Verdict take_answer(const xds::Request& q, WallTime now);
  void take_names(const xds::Request& q, const TypeItemsPtr& have, bool answered);
  void take_changes(const xds::Request& q);
  Changes changes(const TypeItems& have) const;
  std::map<std::string, ItemPtr, std::less<>> wanted(const TypeItems& have) const;
  void forget_unwanted();
  void add_name(const std::string& name);
  void drop_name(const std::string& name);
  const bool delta_;
  const std::string type_url_;
  bool first_ = true, all_ = false;
  bool by_silence_ = false;  // all, because no names were given
  std::set<std::string, std::less<>> names_;
  std::size_t names_bytes_ = 0;
  std::map<std::string, Told, std::less<>> told_;
  bool answer_ = false, answer_next_ = false;
  bool under_way_ = false, last_refused_ = false;
  TypeItemsPtr settled_;  // everything of it is told; null: that has to be looked at
  bool settled_keeps_ = false;
  std::uint64_t responses_ = 0, stale_ = 0;
  std::string nonce_, refusal_;
  Exchange sent_, accepted_, refused_;
};

}  // namespace outrigger::control_plane
