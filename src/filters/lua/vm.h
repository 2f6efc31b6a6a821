// A Lua state with bounds: of the memory that it holds, of what one run of it takes, of the libraries that a script sees. Its JIT
// stays off: compiled loops count no instructions. Confined to one thread at a time; knows nothing of streams.
#pragma once
#include <luajit-2.1/lua.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace outrigger::filters::lua {

/// What a script may take. A run is what happens between two waits of it.
struct Limits {
  std::size_t bytes_max = std::size_t{64} << 20;         // held by the state
  std::size_t bytes_per_run_max = std::size_t{1} << 30;  // asked for, whether given back or not
  std::uint64_t instructions_per_run_max = 50'000'000;   // about half a second
  std::uint64_t microseconds_per_run_max = 1'000'000;    // of the thread's CPU: few instructions may do much
};

class Vm {
 public:
  explicit Vm(const Limits& limits = {});
  ~Vm();
  Vm(const Vm&) = delete;
  Vm& operator=(const Vm&) = delete;
  /// That of a state, or of a coroutine of it.
  static Vm& of(lua_State* L) noexcept;
  /// Outside of a run there are no limits: what is done with it then must not call what scripts have made.
  lua_State* state() const noexcept { return state_; }

  /// Runs the text of a script. Its message when that fails.
  std::optional<std::string> load(const std::string& code);
  /// The global function of that name, for start(); LUA_REFNIL: there is none.
  int function(const char* name);
  /// A coroutine, about to call the function: its arguments are to be pushed. Released by its reference.
  lua_State* start(int function, int& reference);
  void release(int reference) noexcept;

  enum class Outcome : std::uint8_t { finished, yielded, failed };
  /// Goes on with a coroutine. `owner`: who is asked while it runs. `same_run`: it has not waited.
  Outcome resume(lua_State* coroutine, int arguments, void* owner, bool same_run = false);
  /// Why it failed; lies in its stack.
  static std::string_view error_of(lua_State* coroutine) noexcept;
  /// Did the last run end, or would have, because it wanted more than it may have?
  bool over_limits() const noexcept { return tripped_ || refused_; }
  /// Null: nobody's coroutine runs.
  void* owner() const noexcept { return owner_; }
  /// Of the run under way, or the next one; no two are the same.
  std::uint64_t scope() const noexcept { return scope_; }
  std::uint64_t new_id() noexcept { return ++last_id_; }
  std::size_t bytes_used() const noexcept { return used_; }
  /// For work of a function of ours that is like so many instructions. An error when it gets too much.
  void charge(lua_State* L, std::uint64_t instructions);

 private:
  static void* allocate(void* self, void* block, std::size_t old_size, std::size_t new_size) noexcept;
  static void on_count(lua_State* L, lua_Debug*);
  void begin_run() noexcept;
  bool over_time() noexcept;

  const Limits limits_;
  lua_State* state_ = nullptr;
  void* owner_ = nullptr;
  std::size_t used_ = 0, run_bytes_ = 0;
  std::uint64_t last_id_ = 1, scope_ = 1;
  std::uint64_t instructions_left_ = 0, began_coarse_ = 0, began_cpu_ = 0;  // microseconds
  std::size_t used_after_collection_ = 0;
  bool running_ = false, tripped_ = false, refused_ = false;
};

/// Opens what a script may use of Lua's libraries (see sandbox.cc).
void open_libraries(lua_State* L);
/// string.find and the like in place of the library's (see patterns.cc).
void open_patterns(lua_State* L);

}  // namespace outrigger::filters::lua
