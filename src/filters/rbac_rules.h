// Rules of role-based access control: policies of who may do what, or a tree of conditions, and what they say to a request or
// connection. Compiled on the main thread, immutable, shared by workers.
#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>
#include "proxy/base/metadata.h"
#include "proxy/format/formatter.h"
#include "proxy/route/match_tree.h"

namespace outrigger::filters {

/// A permission or principal; `request` of the context is null for a connection.
using RbacRule = std::function<bool(const format::Context&)>;

struct RbacPolicy {
  std::string name;
  std::vector<RbacRule> permissions, principals;  // one of either is needed
  RbacRule condition;                             // needed, too; null: there is none
  bool matches(const format::Context& c) const;
};

/// What rules say. There is one for each policy or action, and one for none.
struct RbacOutcome {
  bool allowed = false;
  std::optional<bool> log_hint;  // told to access logs
  std::string policy;            // empty: none
  std::string details;           // of the response
  MetadataValue fields;
  MetadataPtr metadata;  // `fields` below the filter's namespace
};

class RbacRules {
 public:
  enum class Action : std::uint8_t { allow, deny, log };
  struct NamedAction {
    std::string name;
    Action action = Action::allow;
  };
  /// Below which namespace of the metadata, and what stands before names of fields: "enforced_" or "shadow_" included.
  struct Place {
    std::string_view space, prefix;
  };
  /// `policies`: by their names.
  RbacRules(Action action, std::vector<RbacPolicy> policies, const Place& place);
  /// The numbers of the tree are places in `actions`. What matches nothing is denied.
  RbacRules(std::shared_ptr<const route::MatchTree> tree, const std::vector<NamedAction>& actions, const Place& place);
  /// The first policy that matches decides, or the tree.
  const RbacOutcome& decide(const format::Context& c) const;

 private:
  std::vector<RbacPolicy> policies_;
  std::shared_ptr<const route::MatchTree> tree_;  // instead of policies; null: none
  std::vector<RbacOutcome> outcomes_;             // of policies or actions
  RbacOutcome none_;
};

/// Adds what the rules said to `metadata`: nothing is made anew where there was none. `before`: put before names of fields.
void note_outcome(const RbacOutcome& o, std::string_view space, MetadataPtr& metadata, std::string_view before = {});
/// What rules that only log say to access logs.
void note_log_hint(bool matched, MetadataPtr& metadata);

}  // namespace outrigger::filters
