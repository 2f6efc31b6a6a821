// Listener filters: what looks at a connection before a filter chain is chosen for it. A Filter is compiled
// with its listener, immutable, shared by workers; one that reads bytes makes an Inspector per connection,
// which lives on the connection's worker until its verdict.
#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>
#include <vector>
#include "proxy/http/stream_info.h"
#include "proxy/net/transport.h"
#include "proxy/runtime/thread_context.h"

namespace outrigger::listener {

/// A connection in front of its listener filters.
struct Candidate {
  runtime::ThreadContext& thread;
  net::Transport& transport;
  http::ConnectionInfo& info;
};

enum class Verdict : std::uint8_t {
  next,  // the filter is done
  wait,  // it needs bytes, or more of them
  close,
};

class Inspector {
 public:
  virtual ~Inspector() = default;
  /// How many bytes it looks at, for now. May grow with each on_bytes.
  virtual std::size_t bytes_max() const noexcept = 0;
  /// All that has come so far, up to bytes_max(): what was there before comes again. The bytes stay in the
  /// socket, unless the inspector reads them.
  virtual Verdict on_bytes(const Candidate& c, std::string_view bytes) = 0;
};

class Filter {
 public:
  virtual ~Filter() = default;
  /// `wait`: inspector() gets the bytes.
  virtual Verdict on_accept(const Candidate& c) const = 0;
  virtual std::unique_ptr<Inspector> inspector() const { return nullptr; }
};

/// filter_disabled: a tree of conditions on the destination port.
struct Predicate {
  enum Kind : std::uint8_t { any, all_of, any_of, negated, port_range } kind = any;
  std::vector<Predicate> parts;
  std::int64_t port_begin = 0, port_end = 0;  // the end is not in it
  bool holds(const net::Address& destination) const noexcept;
};

struct FilterEntry {
  std::shared_ptr<const Filter> filter;           // null: it comes later
  std::shared_ptr<const Predicate> disabled = {};  // null: never
  /// What has come to that worker, which may change; null: nothing. No function: `filter` stays.
  std::function<std::shared_ptr<const Filter>(std::size_t worker)> late = {};
};
using Filters = std::vector<FilterEntry>;

}  // namespace outrigger::listener
