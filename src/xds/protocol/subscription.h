// One resource type on one xDS stream: which names are wanted, what was accepted or refused, and what has to be said
// next. Knows no socket, clock or encoding. Envoy's behaviour on the wire: the names of a change and the answer to a
// response are one request when both are due.
#pragma once
#include <map>
#include <optional>
#include <set>
#include <string>
#include "xds/protocol/messages.h"

namespace outrigger::xds {

class Subscription {
 public:
  enum class Kind { state_of_the_world, delta };
  Subscription(Kind kind, std::string type_url) : kind_(kind), type_url_(std::move(type_url)) {}
  /// Somebody more wants, or no longer wants, that name, or all resources of the type (as CDS and LDS ask, by naming none).
  void add(const std::string& name);
  void drop(const std::string& name);
  void add_all() noexcept;
  void drop_all() noexcept;
  /// A new stream: what is wanted and what is had is said anew.
  void open();
  void close() { open_ = false; }
  /// The answer to what came, once it was applied. A delta's versions are kept for the next stream.
  void accept(const Response& r);
  void refuse(const Response& r, std::string why);
  /// A resource that is gone without the control plane saying so (its time to live ended).
  void forget(const std::string& name) { versions_.erase(name); }
  /// What is to be sent, if anything is.
  std::optional<Request> next();
  bool due() const noexcept { return open_ && (names_due_ || answer_due_); }
  bool wants_something() const noexcept { return wants_all() || !names_.empty(); }
  Kind kind() const noexcept { return kind_; }
  const std::string& type_url() const noexcept { return type_url_; }
  const std::string& version() const noexcept { return version_; }
  struct Wish {
    unsigned watches = 0;  // so many want it
    bool told = false;     // delta: the control plane knows of it
  };
  const std::map<std::string, Wish>& names() const noexcept { return names_; }
  bool wants_all() const noexcept { return all_ > 0; }
  bool wants(const std::string& name) const { return wants_all() || names_.contains(name); }

 private:
  void add_names(Request& q);
  void add_changes(Request& q);
  Kind kind_;
  std::string type_url_;
  unsigned all_ = 0;  // so many want all
  bool open_ = false, first_ = true;
  bool names_due_ = false, answer_due_ = false;
  std::map<std::string, Wish> names_;
  std::string version_, nonce_;  // of the last accepted, of the last that came on this stream
  std::optional<std::string> error_;
  // delta
  std::set<std::string> fresh_, dropped_;  // names that the control plane is yet to be told of
  bool told_all_ = false;
  std::map<std::string, std::string> versions_;  // of what is had
};

}  // namespace outrigger::xds
