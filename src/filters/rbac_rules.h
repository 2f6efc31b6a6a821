// Rules of role-based access control: policies of who may do what, and what they say to a request or connection. Compiled on
// the main thread, immutable, shared by workers.
#pragma once
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>
#include "proxy/base/metadata.h"
#include "proxy/format/formatter.h"

namespace outrigger::filters {

/// A permission or principal; `request` of the context is null for a connection.
using RbacRule = std::function<bool(const format::Context&)>;

struct RbacPolicy {
  std::string name;
  std::vector<RbacRule> permissions, principals;  // one of either is needed
  bool matches(const format::Context& c) const;
};

/// What rules say. There is one for each policy, and one for none.
struct RbacOutcome {
  bool allowed = false;
  std::string policy;   // empty: none
  std::string details;  // of the response
  MetadataValue fields;
  MetadataPtr metadata;  // `fields` below the filter's namespace
};

class RbacRules {
 public:
  enum class Action : std::uint8_t { allow, deny, log };
  /// `policies`: by their names. `space`: of the metadata; `prefix`: of its fields, "enforced_" or "shadow_" included.
  RbacRules(Action action, std::vector<RbacPolicy> policies, std::string_view space, std::string_view prefix);
  /// The first policy that matches decides.
  const RbacOutcome& decide(const format::Context& c) const;
  bool logs() const noexcept { return action_ == Action::log; }

 private:
  RbacOutcome outcome(bool matched, const std::string& policy, std::string_view space, std::string_view prefix) const;
  Action action_;
  std::vector<RbacPolicy> policies_;
  std::vector<RbacOutcome> outcomes_;  // of those
  RbacOutcome none_;
};

/// Adds what the rules said to `metadata`: nothing is made anew where there was none. `before`: put before names of fields.
void note_outcome(const RbacOutcome& o, std::string_view space, MetadataPtr& metadata, std::string_view before = {});
/// What rules that only log say to access logs.
void note_log_hint(bool matched, MetadataPtr& metadata);

}  // namespace outrigger::filters
