// The state that scripts run in: what they see of Lua's libraries, and that whatever they do ends.
#include "filters/lua/vm.h"

#include <catch2/catch.hpp>

using namespace outrigger::filters::lua;

namespace {

constexpr Limits kSmall{.bytes_max = 4 << 20, .bytes_per_run_max = 64 << 20, .instructions_per_run_max = 200'000};

/// What the script's function f returns, as text; the error when it fails.
std::string run(Vm& vm, const std::string& code) {
  if (const auto error = vm.load(code)) return "load: " + *error;
  const int f = vm.function("f");
  if (f == LUA_REFNIL) return "no f";
  int reference = LUA_NOREF;
  lua_State* co = vm.start(f, reference);
  const auto outcome = vm.resume(co, 0, &vm);
  std::string out;
  if (outcome == Vm::Outcome::failed)
    out = "error: " + std::string(Vm::error_of(co));
  else if (outcome == Vm::Outcome::yielded)
    out = "yielded";
  else if (lua_gettop(co) > 0)
    out = lua_toboolean(co, -1) != 0 && lua_tostring(co, -1) == nullptr ? "true"
          : lua_isnil(co, -1)                                           ? "nil"
                                                                        : lua_tostring(co, -1);
  vm.release(reference);
  return out;
}

std::string run(const std::string& body) {
  Vm vm(kSmall);
  return run(vm, "function f() " + body + " end");
}

constexpr auto kTooLong = "the script has run for too long";

}  // namespace

TEST_CASE("scripts see the libraries that do not block and cannot get around the bounds") {
  for (const char* gone : {"io",
                           "ffi",
                           "jit",
                           "require",
                           "package",
                           "module",
                           "dofile",
                           "loadfile",
                           "newproxy",
                           "os.execute",
                           "os.exit",
                           "os.remove",
                           "os.rename",
                           "os.tmpname",
                           "os.setlocale",
                           "debug.sethook",
                           "debug.getregistry",
                           "debug.setmetatable",
                           "debug.getinfo",
                           "debug.upvalueid",
                           "string.dump"}) {
    INFO(gone);
    CHECK(run(std::string("return ") + gone) == "nil");
  }
  CHECK(run("return os.time() > 0 and os.clock() >= 0 and #os.date() > 0 and os.getenv('nope') == nil") == "true");
  CHECK(run("return math.floor(2.5) .. string.format('%03d', 7) .. bit.band(6, 3) .. #table.concat({'a', 'b'})") == "200722");
  CHECK(run("return debug.traceback('x')").starts_with("x\nstack traceback:"));
}

TEST_CASE("byte code is not loaded") {
  CHECK(run("local f, e = load('\\27LJ\\2') return tostring(f)") == "nil");
  CHECK(run("return tostring(loadstring('\\27LJ\\2'))") == "nil");
  CHECK(run("return load('return 5')() + loadstring('return 6')()") == "11");
  CHECK(run("local n = 0 return load(function() n = n + 1 return ({'return ', '7'})[n] end)()") == "7");
  CHECK(run("return load('return x', 'name', 'b', {x = 8})()") == "8");
  Vm vm;
  CHECK(vm.load(std::string("\033LJ\002\0", 5)).has_value());
}

TEST_CASE("what Envoy's build of LuaJIT has of Lua 5.2") {
  CHECK(run("local t = setmetatable({}, {__pairs = function() return next, {a = 1} end}) for k in pairs(t) do return k end") ==
        "a");
  CHECK(run("local n = 0 for k, v in pairs({1, 2, x = 3}) do n = n + v end return n") == "6");
  CHECK(run("return table.pack(1, nil, 3).n .. table.unpack({9}) .. rawlen({1, 2}) .. ('x'):rep(3, '-')") == "392x-x-x");
  CHECK(run("return select('#', xpcall(function(...) return ... end, print, 1, nil))") == "3");
  CHECK(run("return select(2, xpcall(error, function(e) return 'handled ' .. e end, 'it'))") == "handled it");
}

TEST_CASE("endless scripts are ended, whatever they catch") {
  CHECK_THAT(run("while true do end"), Catch::Contains(kTooLong));
  CHECK_THAT(run("while true do pcall(function() while true do end end) end"), Catch::Contains(kTooLong));
  CHECK_THAT(
      run("pcall(function() while true do xpcall(function() while true do end end, function() while true do end end) end end)"),
      Catch::Contains(kTooLong));
  CHECK_THAT(run("local w = coroutine.wrap(function() while true do end end) w()"), Catch::Contains(kTooLong));
  CHECK_THAT(run("while true do local co = coroutine.create(function() while true do end end) coroutine.resume(co) end"),
             Catch::Contains(kTooLong));
  CHECK_THAT(run("setmetatable(_G, {__index = function() while true do end end}) return nope"), Catch::Contains(kTooLong));
  CHECK_THAT(run("table.sort({3, 2, 1}, function() while true do end end)"), Catch::Contains(kTooLong));
  CHECK_THAT(run("('x'):gsub('x', function() while true do end end)"), Catch::Contains(kTooLong));
  CHECK_THAT(run("load(function() while true do end end)() return 1"), !Catch::Equals("1"));
  Vm vm(kSmall);
  CHECK(*vm.load("while true do end") == kTooLong);
}

TEST_CASE("time counts, too: few instructions may do much") {
  Vm vm({.microseconds_per_run_max = 20'000});
  CHECK_THAT(run(vm,
                 "function f() local t = {} for i = 1, 1e5 do t[i] = i end while true do table.insert(t, 1, 1) table.remove(t, "
                 "1) end end"),
             Catch::Contains(kTooLong));
}

TEST_CASE("memory is bounded, and there is some again for the next run") {
  Vm vm(kSmall);
  for (const char* body : {"local t = {} for i = 1, 1e9 do t[i] = ('x'):rep(1000) .. i end", "return #('x'):rep(1e9)",
                           "local s = 'x' while true do s = s .. s end", "local t = {} while true do t = {t} end"}) {
    INFO(body);
    const auto said = run(vm, std::string("function f() ") + body + " end");
    CHECK_THAT(said, Catch::Contains("not enough memory") || Catch::Contains(kTooLong));
    CHECK(vm.bytes_used() <= kSmall.bytes_max);
    CHECK(run(vm, "function f() return #('y'):rep(100000) end") == "100000");
  }
  CHECK_THAT(run(vm, "function f() while true do pcall(string.rep, 'x', 1e6) end end"),
             Catch::Contains("not enough memory") || Catch::Contains(kTooLong));
}

TEST_CASE("deep calls end in an error") {
  CHECK_THAT(run("local function g() return 1 + g() end return g()"),
             Catch::Contains("stack overflow") || Catch::Contains("memory"));
  CHECK_THAT(run("local function g() return pcall(g) end return tostring(g())"), !Catch::Contains("load:"));
  CHECK_THAT(run("return (('x'):rep(300, '('))"), !Catch::Contains("load:"));
  CHECK(run("return tostring(load(('('):rep(100000)))") == "nil");
}

TEST_CASE("after a run that was ended the next one is whole") {
  Vm vm(kSmall);
  for (int i = 0; i < 3; ++i) {
    CHECK_THAT(run(vm, "function f() while true do end end"), Catch::Contains(kTooLong));
    CHECK(run(vm, "function f() local n = 0 for i = 1, 10000 do n = n + i end return n end") == "50005000");
  }
}

TEST_CASE("errors of scripts are texts with their place, or none") {
  CHECK(run("error('no')") == "error: [string \"function f() error('no') end\"]:1: no");
  CHECK(run("error({})") == "error: unspecified lua error");
  CHECK(run("coroutine.yield()") == "yielded");
  Vm vm;
  CHECK(vm.load("x = = 1")->find("unexpected symbol") != std::string::npos);
  CHECK(vm.function("nope") == LUA_REFNIL);
}

TEST_CASE("globals that answer for themselves are not asked for the functions that are called") {
  Vm vm;
  CHECK(!vm.load("setmetatable(_G, {__index = function(_, k) error('undefined ' .. k) end}) function f() return 1 end"));
  CHECK(vm.function("g") == LUA_REFNIL);
  CHECK(vm.function("f") != LUA_REFNIL);
}

TEST_CASE("functions of the table library end, too") {
  CHECK_THAT(run("for i = 1, 200 do table.insert({}, -2147483648, 1) end"), Catch::Contains("position out of bounds"));
  CHECK(run("local t = {3, 1, 2} table.sort(t) table.insert(t, 1, 0) table.insert(t, 9) return table.concat(t, ',')") ==
        "0,1,2,3,9");
  CHECK(run("local t = {3, 1, 2} table.sort(t, function(a, b) return a > b end) return table.concat(t, ',')") == "3,2,1");
}
