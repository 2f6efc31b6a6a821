// Changes of headers that a service asks for, and the rules for what it may change (envoy.config.common.mutation_rules.v3).
// Pure; rules are immutable and shared by workers.
#pragma once
#include <re2/re2.h>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>
#include "proxy/http/message.h"

namespace outrigger::filters {

class MutationRules {
 public:
  bool allow_all_routing = false, allow_envoy = false, disallow_system = false, disallow_all = false, disallow_is_error = false;
  std::shared_ptr<const re2::RE2> allow, disallow;  // null: none
  enum class Change : std::uint8_t { set, append, remove };
  /// `name`: lower case.
  bool permit(Change change, std::string_view name) const;
};

/// Valid during the call in which they are given.
struct HeaderChanges {
  struct Set {
    std::string_view name, value;
    bool append = false;
  };
  bool given = false;
  std::vector<Set> set;
  std::vector<std::string_view> remove;
};

/// The fields of a head, or of trailers, by their names as Envoy has them: with those that begin with a colon.
class HeadFields {
 public:
  explicit HeadFields(http::RequestHead& head) noexcept : request_(&head), map_(head.headers) {}
  explicit HeadFields(http::ResponseHead& head) noexcept : response_(&head), map_(head.headers) {}
  explicit HeadFields(http::HeaderMap& trailers) noexcept : map_(trailers) {}
  bool has(std::string_view lower) const noexcept;
  /// Can it have such a field, of that value?
  bool can_hold(std::string_view lower, std::string_view value) const noexcept;
  void set(std::string_view lower, std::string_view value);
  void append(std::string_view lower, std::string_view value);
  void remove(std::string_view lower) noexcept;
  std::size_t count() const noexcept;
  std::size_t bytes() const noexcept;
  http::HeaderMap& map() noexcept { return map_; }

 private:
  std::string_view* pseudo(std::string_view lower) const noexcept;
  http::RequestHead* request_ = nullptr;
  http::ResponseHead* response_ = nullptr;
  http::HeaderMap& map_;
};

struct ChangeTerms {
  const MutationRules& rules;
  std::size_t count_max = 100, bytes_max = 60 * 1024;  // of all fields
  bool replaces = false;                               // the whole message: the method may change
  bool keeps_length = false;                           // content-length isn't set
};
/// Empty: done. Else what Envoy calls the failure; some changes may have been made. What isn't allowed is counted.
std::string_view apply(const HeaderChanges& changes, const ChangeTerms& terms, HeadFields fields, std::uint64_t& rejected);

}  // namespace outrigger::filters
