// Filters whose config comes later (ECDS): entries with config_discovery, of HTTP filters, network filters and listener
// filters. What is made for an entry knows how to compile a config for it and hands filters to the workers. Main thread, but
// for the steps.
#pragma once
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>
#include "envoy/config/core/v3/config_source.pb.h"
#include "envoy/config/core/v3/extension.pb.h"
#include "envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager.pb.h"
#include "proxy/hcm/filter.h"
#include "proxy/hcm/late.h"
#include "proxy/stats/lease.h"
#include "xds/compile/context.h"

namespace outrigger::xds {

/// One such entry: what its config must be, and what there is until it comes.
class LateFilter {
 public:
  enum class Kind : std::uint8_t { http, network, listener };
  /// Done on each worker, told which.
  using Step = std::function<void(std::size_t worker)>;

  LateFilter(Kind k, std::string n) : kind(k), name(std::move(n)) {}
  virtual ~LateFilter() = default;
  LateFilter(const LateFilter&) = delete;
  LateFilter& operator=(const LateFilter&) = delete;
  /// What there is until a config comes.
  virtual void set_default(const google::protobuf::Any& config, const Path& at, CompileContext& c) = 0;
  /// What gives the worker a filter of that config. Null: the config is wrong (told).
  virtual Step step(const google::protobuf::Any& config, const Path& at, CompileContext& c) const = 0;
  /// The same of the default; without one of nothing.
  virtual Step fallback() const = 0;

  const Kind kind;
  const std::string name;  // of the extension, too
  envoy::config::core::v3::ConfigSource source;
  std::vector<std::string> types;  // messages that the config may be
  bool at_once = false;            // it isn't waited for
};

/// Empty: it may be of this type. Otherwise why not.
std::string check_late_type(const google::protobuf::Any& config, const LateFilter& f);

/// `T`: what the workers get.
template <class T>
class LateFilterOf final : public LateFilter {
 public:
  using Made = std::shared_ptr<const T>;
  using Compile = std::function<Made(const google::protobuf::Any& config, const Path& at, CompileContext& c)>;

  LateFilterOf(Kind k, std::string n, const CompileContext& c, Compile compile)
      : LateFilter(k, std::move(n)),
        compile_(std::move(compile)),
        outbound_(c.outbound),
        source_(std::make_shared<hcm::Late<T>>(c.workers)) {}
  const std::shared_ptr<hcm::Late<T>>& filters() const noexcept { return source_; }
  void set_default(const google::protobuf::Any& config, const Path& at, CompileContext& c) override {
    default_ = make(config, at, c);
  }

  Step step(const google::protobuf::Any& config, const Path& at, CompileContext& c) const override {
    stats::Recording recording(c.stats);
    c.outbound = outbound_;
    Made made = make(config, at, c);
    if (made == nullptr) return nullptr;
    return give(with_lease(std::move(made), recording.take()));
  }
  Step fallback() const override { return give(default_); }

 private:
  Made make(const google::protobuf::Any& config, const Path& at, CompileContext& c) const {
    if (std::string why = check_late_type(config, *this); !why.empty()) {
      c.problems.error(at, std::move(why));
      return nullptr;
    }
    const auto errors = c.problems.errors();
    Made made = compile_(config, at, c);
    return c.problems.errors() == errors ? made : nullptr;
  }
  /// Its stats are there as long as it is.
  static Made with_lease(Made made, stats::LeasePtr lease) {
    const auto both = std::make_shared<std::pair<stats::LeasePtr, Made>>(std::move(lease), std::move(made));
    return Made(both, both->second.get());
  }
  Step give(Made made) const {
    return [to = source_, made = std::move(made)](std::size_t worker) { to->set(worker, made); };
  }

  Compile compile_;
  bool outbound_;
  std::shared_ptr<hcm::Late<T>> source_;
  Made default_;  // null: none
};

/// What the kinds are asked for and are not.
struct LateRules {
  bool (*known)(std::string_view message);  // is it the config of such a filter? Null: as Envoy, nobody looks
  std::string_view kind;                    // in what is told
};

/// Fills in what config_discovery says and asks for the config. False: wrong (told).
bool subscribe_late_filter(const envoy::config::core::v3::ExtensionConfigSource& p, const std::shared_ptr<LateFilter>& entry,
                           const LateRules& rules, const Path& at, CompileContext& c);

/// An entry of http_filters. Null when wrong (told).
std::shared_ptr<const hcm::FilterFactory> compile_late_filter(
    const envoy::extensions::filters::network::http_connection_manager::v3::HttpFilter& filter, bool last,
    const std::string& stat_prefix, const Path& at, CompileContext& c);

}  // namespace outrigger::xds
