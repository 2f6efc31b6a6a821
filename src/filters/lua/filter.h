// The filter lua: scripts that see and change requests and responses, as coroutines of a state per worker and script. A script
// that fails is logged and counted, and the message goes on. Envoy: filters/http/lua.
#pragma once
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "filters/lua/vm.h"
#include "proxy/base/result.h"
#include "proxy/hcm/filter.h"
#include "proxy/route/route.h"
#include "proxy/stats/names.h"
#include "proxy/stats/stats.h"

namespace outrigger::filters::lua {

/// Below "http.<prefix>.lua." and a prefix of the filter's own.
enum class LuaStat : std::uint16_t { errors, executions };
stats::BlockDef block_def(LuaStat);

/// The text of a script, and a state of it for each worker, made there at the first need. Shared by workers.
class Script {
 public:
  struct Loaded {
    Vm vm;
    int on_request = LUA_REFNIL, on_response = LUA_REFNIL;
    bool broken = false;  // it did not load
  };
  /// Runs it once, on the main thread. Error: the script's.
  static Result<std::shared_ptr<const Script>> compile(std::string code, std::size_t workers);
  Loaded& on(std::size_t worker) const;

 private:
  Script(std::string code, std::size_t workers) : code_(std::move(code)), loaded_(workers) {}
  std::string code_;
  mutable std::vector<std::unique_ptr<Loaded>> loaded_;  // each is its worker's alone
};
using ScriptPtr = std::shared_ptr<const Script>;

struct LuaConfig {
  ScriptPtr script;  // null: none, but for routes that name one
  std::map<std::string, ScriptPtr, std::less<>> named;
  MetadataValue context;
  bool clear_route_cache = true;
  stats::BlockHandle stats;
};

struct LuaPerRoute : route::FilterPart {
  bool disabled = false;
  std::string name;  // of one of the filter's scripts
  ScriptPtr script;
  std::optional<MetadataValue> context;
};

class LuaFactory final : public hcm::FilterFactory {
 public:
  explicit LuaFactory(LuaConfig config) : config_(std::move(config)) {}
  hcm::HttpFilter* make(hcm::Stream& stream, Arena& arena) const override;
  const LuaConfig& config() const noexcept { return config_; }

 private:
  LuaConfig config_;
};

}  // namespace outrigger::filters::lua
