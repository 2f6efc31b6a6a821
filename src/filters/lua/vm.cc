#include "filters/lua/vm.h"

#include <cstdlib>
#include <ctime>

namespace outrigger::filters::lua {

namespace {

constexpr int kInstructionsPerLook = 1000;
constexpr int kPausePercent = 120;  // of what was in use: garbage of twice as much would not fit the limit

std::uint64_t microseconds(clockid_t clock) noexcept {
  timespec t{};
  clock_gettime(clock, &t);
  return static_cast<std::uint64_t>(t.tv_sec) * 1'000'000 + static_cast<std::uint64_t>(t.tv_nsec) / 1000;
}

}  // namespace

Vm::Vm(const Limits& limits) : limits_(limits) {
  state_ = lua_newstate(&allocate, this);
  if (state_ == nullptr) std::abort();  // out of memory: there is no smaller answer
  luaJIT_setmode(state_, 0, LUAJIT_MODE_ENGINE | LUAJIT_MODE_OFF);
  lua_gc(state_, LUA_GCSETPAUSE, kPausePercent);
  open_libraries(state_);
  lua_sethook(state_, &on_count, LUA_MASKCOUNT, kInstructionsPerLook);
}

Vm::~Vm() { lua_close(state_); }

Vm& Vm::of(lua_State* L) noexcept {
  void* self = nullptr;
  lua_getallocf(L, &self);
  return *static_cast<Vm*>(self);
}

void* Vm::allocate(void* self, void* block, std::size_t old_size, std::size_t new_size) noexcept {
  auto& vm = *static_cast<Vm*>(self);
  if (new_size == 0) {
    std::free(block);
    vm.used_ -= old_size;
    return nullptr;
  }
  if (new_size > old_size && vm.running_) {
    const std::size_t more = new_size - old_size;
    const bool fits = more <= vm.limits_.bytes_max && vm.used_ <= vm.limits_.bytes_max - more;
    if (!fits || vm.run_bytes_ > vm.limits_.bytes_per_run_max) {
      vm.refused_ = true;
      return nullptr;
    }
    vm.run_bytes_ += new_size;
  }
  void* made = std::realloc(block, new_size);
  if (made != nullptr) {
    vm.used_ += new_size - old_size;
    return made;
  }
  if (!vm.running_) std::abort();  // nobody is there who could take the error
  return nullptr;
}

/// Raises an error when a run has had what it may, and then at every instruction: a script that catches it ends all the same.
void Vm::on_count(lua_State* L, lua_Debug*) { of(L).charge(L, kInstructionsPerLook); }

void Vm::charge(lua_State* L, std::uint64_t instructions) {
  if (!running_) return;
  if (!tripped_) {
    if (instructions_left_ > instructions && !over_time()) {
      instructions_left_ -= instructions;
      return;
    }
    tripped_ = true;
    lua_sethook(L, &on_count, LUA_MASKCOUNT, 1);
  }
  luaL_error(L, "the script has run for too long");
}

bool Vm::over_time() noexcept {
  const auto most = limits_.microseconds_per_run_max;
  if (microseconds(CLOCK_MONOTONIC_COARSE) - began_coarse_ < most) return false;
  return microseconds(CLOCK_THREAD_CPUTIME_ID) - began_cpu_ >= most;
}

void Vm::begin_run() noexcept {
  // LuaJIT does not collect garbage because an allocation fails: there must be room for a while.
  if (used_ > limits_.bytes_max / 2 && used_ > used_after_collection_ + limits_.bytes_max / 8) {
    lua_gc(state_, LUA_GCCOLLECT, 0);
    used_after_collection_ = used_;
  }
  refused_ = false;
  run_bytes_ = 0;
  instructions_left_ = limits_.instructions_per_run_max;
  began_coarse_ = microseconds(CLOCK_MONOTONIC_COARSE);
  began_cpu_ = microseconds(CLOCK_THREAD_CPUTIME_ID);
  if (tripped_) lua_sethook(state_, &on_count, LUA_MASKCOUNT, kInstructionsPerLook);
  tripped_ = false;
}

std::optional<std::string> Vm::load(const std::string& code) {
  begin_run();
  running_ = true;
  int failed = luaL_loadbufferx(state_, code.data(), code.size(), code.c_str(), "t");
  if (failed == 0) failed = lua_pcall(state_, 0, 0, 0);
  running_ = false;
  std::optional<std::string> error;
  if (failed != 0) error = error_of(state_);
  lua_settop(state_, 0);
  return error;
}

int Vm::function(const char* name) {
  lua_pushstring(state_, name);
  lua_rawget(state_, LUA_GLOBALSINDEX);  // a metatable of the globals may call what scripts have made
  if (lua_isfunction(state_, -1)) return luaL_ref(state_, LUA_REGISTRYINDEX);
  lua_pop(state_, 1);
  return LUA_REFNIL;
}

lua_State* Vm::start(int function, int& reference) {
  lua_State* made = lua_newthread(state_);
  reference = luaL_ref(state_, LUA_REGISTRYINDEX);
  lua_rawgeti(made, LUA_REGISTRYINDEX, function);
  return made;
}

void Vm::release(int reference) noexcept { luaL_unref(state_, LUA_REGISTRYINDEX, reference); }

Vm::Outcome Vm::resume(lua_State* coroutine, int arguments, void* owner, bool same_run) {
  owner_ = owner;
  if (!same_run) begin_run();
  running_ = true;
  const int result = lua_resume(coroutine, arguments);
  running_ = false;
  owner_ = nullptr;
  scope_ = new_id();
  return result == 0 ? Outcome::finished : result == LUA_YIELD ? Outcome::yielded : Outcome::failed;
}

std::string_view Vm::error_of(lua_State* coroutine) noexcept {
  std::size_t size = 0;
  const char* text = lua_type(coroutine, -1) == LUA_TSTRING ? lua_tolstring(coroutine, -1, &size) : nullptr;
  return text == nullptr ? std::string_view("unspecified lua error") : std::string_view(text, size);
}

}  // namespace outrigger::filters::lua
