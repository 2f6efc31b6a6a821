// A script: whatever its text, loading it and calling its function ends within the bounds of its state.
#include <cstdint>
#include <string>

#include "filters/lua/vm.h"
#include "fuzz/check.h"

using namespace outrigger::filters::lua;  // NOLINT: a program of its own

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  constexpr Limits kLimits{.bytes_max = 2 << 20, .bytes_per_run_max = 16 << 20, .instructions_per_run_max = 20'000};
  if (size > 8192) return 0;
  Vm vm(kLimits);
  const auto error = vm.load(std::string(reinterpret_cast<const char*>(data), size));
  check(!error || !error->empty());
  check(vm.bytes_used() <= kLimits.bytes_max);
  const int f = vm.function("envoy_on_request");
  if (f == LUA_REFNIL) return 0;
  int reference = LUA_NOREF;
  lua_State* co = vm.start(f, reference);
  if (vm.resume(co, 0, &vm) == Vm::Outcome::yielded) vm.resume(co, 0, &vm);
  check(vm.owner() == nullptr);
  vm.release(reference);
  return 0;
}
