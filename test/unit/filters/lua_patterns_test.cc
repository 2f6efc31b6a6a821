// The functions of strings that are ours against those of the library: the same for every text and pattern, but bounded.
#include <catch2/catch.hpp>
#include <random>

#include "filters/lua/vm.h"

using namespace outrigger::filters::lua;

namespace {

/// What an expression gives in a state: its results, or the error.
std::string value_of(lua_State* L, const std::string& expression) {
  const std::string code =
      "local function all(...) local t = {} for i = 1, select('#', ...) do t[i] = tostring((select(i, ...))) end "
      "return select('#', ...) .. ':' .. table.concat(t, '|') end return all(" +
      expression + ")";
  const bool failed = luaL_loadbuffer(L, code.data(), code.size(), "=x") != 0 || lua_pcall(L, 0, 1, 0) != 0;
  std::string out = (failed ? "error: " : "") + std::string(lua_tostring(L, -1));
  lua_settop(L, 0);
  return out;
}

std::string quoted(const std::string& s) {
  std::string out = "'";
  for (const char c : s) {
    char text[8];
    std::snprintf(text, sizeof text, "\\%03d", static_cast<unsigned char>(c));
    out += text;
  }
  return out + "'";
}

struct States {
  Vm ours;
  lua_State* plain = luaL_newstate();
  States() { luaL_openlibs(plain); }
  ~States() { lua_close(plain); }
  void compare(const std::string& expression) {
    INFO(expression);
    CHECK(value_of(ours.state(), expression) == value_of(plain, expression));
  }
};

}  // namespace

TEST_CASE("strings are searched as by Lua's library") {
  States s;
  for (const char* e : {"('hello world'):find('wor')",
                        "('hello'):find('l')",
                        "('hello'):find('xyz')",
                        "('hello'):find('')",
                        "('hello'):find('', 3)",
                        "('a.b'):find('.', 1, true)",
                        "('a.b'):find('%.')",
                        "('hello'):find('l', -2)",
                        "('hello'):find('h', 2)",
                        "('hello'):find('^h')",
                        "('hello'):find('^e')",
                        "('hello'):find('o$')",
                        "('a$'):find('$', 1, true)",
                        "('key = value'):match('^(%w+)%s*=%s*(%w+)$')",
                        "('hello'):match('.-l')",
                        "('hello'):match('.*l')",
                        "('hello'):match('()ll()')",
                        "('f(a(b)c)d'):match('%b()')",
                        "('THE (quick) fox'):find('%((%a+)%)')",
                        "('hello world'):match('%f[%w]%w+', 2)",
                        "('2024-01-02'):match('(%d+)-(%d+)-(%d+)')",
                        "('xx'):match('(x)%1')",
                        "('xy'):match('(x)%1')",
                        "('[]]'):match('[]]')",
                        "('a-z'):match('[a%-]+')",
                        "('^x'):match('[%^x]+')",
                        "('abc'):match('[^a]+')",
                        "('aXb'):match('%u')",
                        "('a\\0b'):match('%z')",
                        "('a\\0b'):find('\\0')",
                        "('hello'):gsub('l', 'L')",
                        "('hello'):gsub('l', 'L', 1)",
                        "('hello'):gsub('', '-')",
                        "('hello'):gsub('.', {h = 'H', e = false, l = 1})",
                        "('hello'):gsub('(l)(o)', '%2%1%0%%')",
                        "('hello'):gsub('l', function(c) return c:upper() end)",
                        "('hello'):gsub('^h', 'x')",
                        "('hello'):gsub('l', function() end)",
                        "('abc'):gsub('%w', '%0%0')",
                        "('hello'):gsub('l', {})",
                        "('hello'):gsub('x*', '-')",
                        "('a b c'):gmatch('%a')()",
                        "('k=v, x=y'):gmatch('(%w+)=(%w+)')()",
                        "(('a,b'):gsub(',', '%%'))",
                        "pcall(string.find, 'a', '[a')",
                        "pcall(string.find, 'a', '%')",
                        "pcall(string.match, 'a', '(a')",
                        "pcall(string.match, 'a', 'a)')",
                        "pcall(string.match, 'a', '%1')",
                        "pcall(string.gsub, 'a', 'a', true)",
                        "pcall(string.gsub, 'a', 'a', '%9')",
                        "pcall(string.gsub, 'a', 'a', function() return {} end)",
                        "pcall(string.match, 'a', '%b')",
                        "pcall(string.match, 'a', '%f')",
                        "pcall(string.find, nil, 'a')",
                        "pcall(string.find, 'a')",
                        "pcall(string.match, ('x'):rep(300), ('x?'):rep(300))",
                        "(5):find(5)",
                        "('x'):rep(40):match(('(x)'):rep(32))",
                        "pcall(string.match, ('x'):rep(40), ('(x)'):rep(33))"})
    s.compare(e);
  s.compare(
      "(function() local t = {} for k, v in ('a=1, b=2'):gmatch('(%w+)=(%w+)') do t[#t + 1] = k .. v end return table.concat(t, "
      "' ') end)()");
  s.compare("(function() local n = 0 for w in ('one two  three'):gmatch('%a*') do n = n + 1 end return n end)()");
}

TEST_CASE("texts and patterns made at random give the same") {
  States s;
  std::mt19937 random(7);  // NOLINT: the same ones each time
  const std::string letters = "ab1 ", parts[] = {"a",   "b",  ".",    "%a",     "%d", "[ab]", "[^a]", "%s", "()", "(a)",
                                                 "(.)", "%1", "%b a", "%f[%a]", "$",  "^",    "%",    "[",  "("};
  const char* suffixes[] = {"", "", "*", "+", "-", "?"};
  for (int i = 0; i < 1500; ++i) {
    std::string text, pattern;
    for (unsigned n = random() % 9; n > 0; --n) text += letters[random() % letters.size()];
    for (unsigned n = 1 + random() % 4; n > 0; --n)
      pattern += parts[random() % std::size(parts)] + std::string(suffixes[random() % 6]);
    const auto both = quoted(text) + ", " + quoted(pattern);
    s.compare("pcall(string.find, " + both + ")");
    s.compare("pcall(string.match, " + both + ", " + (text.empty() ? "1" : "2") + ")");
    s.compare("pcall(string.gsub, " + both + ", '<%0>')");
    s.compare("pcall(function() local t = {} for a, b in string.gmatch(" + both +
              ") do t[#t + 1] = a .. '.' .. tostring(b) end return table.concat(t, ' ') end)");
  }
}

TEST_CASE("a search that would take for ever is ended") {
  Vm vm({.instructions_per_run_max = 200'000});
  for (const char* code :
       {"return (('a'):rep(5000)):find(('a*'):rep(30) .. 'b')", "return (('a'):rep(5000)):match(('.-'):rep(30) .. 'b')",
        "return (('a'):rep(5000)):gsub(('a*'):rep(30) .. 'b', '')",
        "for _ in (('a'):rep(5000)):gmatch(('a?'):rep(90) .. 'b') do end",
        "while true do pcall(string.find, ('a'):rep(5000), ('a*'):rep(30) .. 'b') end"}) {
    INFO(code);
    const auto said = vm.load(code);
    REQUIRE(said.has_value());
    CHECK_THAT(*said, Catch::Contains("the script has run for too long"));
  }
}
