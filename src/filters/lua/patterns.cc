// string.find, match, gmatch and gsub once more: those of the library may take time without end for one instruction, these are
// charged for each step.
#include <cctype>
#include <cstring>

#include "filters/lua/vm.h"

namespace outrigger::filters::lua {

namespace {

constexpr int kCapturesMax = 32, kDepthMax = 200;
constexpr std::ptrdiff_t kOpen = -1, kPosition = -2;
constexpr unsigned kStepsPerCharge = 256;

using At = const char*;

unsigned char byte(At s) noexcept { return static_cast<unsigned char>(*s); }

/// One pattern on one text. Null: no match.
class Matcher {
 public:
  Matcher(lua_State* state, std::string_view text, std::string_view pattern) noexcept
      : L(state), begin(text.data()), end(text.data() + text.size()), pattern_end(pattern.data() + pattern.size()) {}

  At match_from(At s, At p) {
    level = 0;
    depth = 0;
    return match(s, p);
  }
  /// Those of a match; all of it when there are none and `whole` says so.
  int push_captures(At from, At to, bool whole) {
    const int n = level == 0 && whole ? 1 : level;
    luaL_checkstack(L, n, "too many captures");
    for (int i = 0; i < n; ++i) push_capture(i, from, to);
    return n;
  }
  void push_capture(int i, At from, At to) {
    if (i >= level) {
      if (i != 0) luaL_error(L, "invalid capture index");
      lua_pushlstring(L, from, static_cast<std::size_t>(to - from));
      return;
    }
    const auto& c = captures[i];
    if (c.size == kOpen) luaL_error(L, "unfinished capture");
    if (c.size == kPosition)
      lua_pushnumber(L, static_cast<double>(c.at - begin + 1));
    else
      lua_pushlstring(L, c.at, static_cast<std::size_t>(c.size));
  }

 private:
  void step() {
    if (++steps % kStepsPerCharge == 0) Vm::of(L).charge(L, kStepsPerCharge);
  }

  static bool in_class(unsigned char c, unsigned char letter) noexcept {
    bool is = false;
    switch (std::tolower(letter)) {
      case 'a': is = std::isalpha(c) != 0; break;
      case 'c': is = std::iscntrl(c) != 0; break;
      case 'd': is = std::isdigit(c) != 0; break;
      case 'g': is = std::isgraph(c) != 0; break;
      case 'l': is = std::islower(c) != 0; break;
      case 'p': is = std::ispunct(c) != 0; break;
      case 's': is = std::isspace(c) != 0; break;
      case 'u': is = std::isupper(c) != 0; break;
      case 'w': is = std::isalnum(c) != 0; break;
      case 'x': is = std::isxdigit(c) != 0; break;
      case 'z': is = c == 0; break;
      default: return letter == c;
    }
    return is == (std::islower(letter) != 0);
  }

  /// Behind the single-character class at p.
  At class_end(At p) {
    if (p == pattern_end) luaL_error(L, "malformed pattern (missing character)");
    const char first = *p++;
    if (first == '%') {
      if (p == pattern_end) luaL_error(L, "malformed pattern (ends with '%%')");
      return p + 1;
    }
    if (first != '[') return p;
    if (p != pattern_end && *p == '^') ++p;
    do {  // a ']' that comes first stands for itself
      if (p == pattern_end) luaL_error(L, "malformed pattern (missing ']')");
      if (*p++ == '%' && p != pattern_end) ++p;
    } while (p == pattern_end || *p != ']');
    return p + 1;
  }

  /// Of a set that begins with its '['; `last` is its ']'.
  static bool in_set(unsigned char c, At p, At last) noexcept {
    bool positive = true;
    if (p[1] == '^') positive = false, ++p;
    while (++p < last) {
      if (*p == '%') {
        ++p;
        if (in_class(c, byte(p))) return positive;
      } else if (p[1] == '-' && p + 2 < last) {
        p += 2;
        if (byte(p - 2) <= c && c <= byte(p)) return positive;
      } else if (byte(p) == c) {
        return positive;
      }
    }
    return !positive;
  }

  bool single(At s, At p, At behind) const noexcept {
    if (s >= end) return false;
    switch (*p) {
      case '.': return true;
      case '%': return in_class(byte(s), byte(p + 1));
      case '[': return in_set(byte(s), p, behind - 1);
      default: return *p == *s;
    }
  }

  At balanced(At s, At p) {
    if (pattern_end - p < 2) luaL_error(L, "unbalanced pattern");
    if (s >= end || *s != p[0]) return nullptr;
    int open = 1;
    for (++s; s < end; ++s) {
      step();
      if (*s == p[1]) {
        if (--open == 0) return s + 1;
      } else if (*s == p[0]) {
        ++open;
      }
    }
    return nullptr;
  }

  At longest(At s, At p, At behind) {
    std::ptrdiff_t n = 0;
    while (single(s + n, p, behind)) ++n, step();
    for (; n >= 0; --n) {
      step();
      if (const At r = match(s + n, behind + 1)) return r;
    }
    return nullptr;
  }

  At shortest(At s, At p, At behind) {
    for (;;) {
      step();
      if (const At r = match(s, behind + 1)) return r;
      if (!single(s, p, behind)) return nullptr;
      ++s;
    }
  }

  At open_capture(At s, At p, std::ptrdiff_t what) {
    if (level >= kCapturesMax) luaL_error(L, "too many captures");
    captures[level++] = {s, what};
    const At r = match(s, p);
    if (r == nullptr) --level;
    return r;
  }

  At close_capture(At s, At p) {
    int i = level;
    while (--i >= 0 && captures[i].size != kOpen) {}
    if (i < 0) luaL_error(L, "invalid pattern capture");
    captures[i].size = s - captures[i].at;
    const At r = match(s, p);
    if (r == nullptr) captures[i].size = kOpen;
    return r;
  }

  /// The text of an earlier capture.
  At again(At s, unsigned char digit) {
    const int i = digit - '1';
    if (i < 0 || i >= level || captures[i].size == kOpen) luaL_error(L, "invalid capture index");
    const auto n = captures[i].size;
    if (n < 0 || end - s < n) return nullptr;
    for (std::ptrdiff_t k = 0; k < n; k += kStepsPerCharge) step();
    return std::memcmp(captures[i].at, s, static_cast<std::size_t>(n)) == 0 ? s + n : nullptr;
  }

  bool at_frontier(At s, At p, At behind) const noexcept {
    const unsigned char before = s == begin ? 0 : byte(s - 1), here = s == end ? 0 : byte(s);
    return !in_set(before, p, behind - 1) && in_set(here, p, behind - 1);
  }

  At match(At s, At p) {
    if (++depth > kDepthMax) luaL_error(L, "pattern too complex");
    const At r = match_here(s, p);
    --depth;
    return r;
  }

  At match_here(At s, At p) {
    for (;;) {
      step();
      if (p == pattern_end) return s;
      switch (*p) {
        case '(': return p + 1 < pattern_end && p[1] == ')' ? open_capture(s, p + 2, kPosition) : open_capture(s, p + 1, kOpen);
        case ')': return close_capture(s, p + 1);
        case '$':
          if (p + 1 == pattern_end) return s == end ? s : nullptr;
          break;
        case '%':
          if (p + 1 == pattern_end) break;
          if (p[1] == 'b') {
            s = balanced(s, p + 2);
            if (s == nullptr) return nullptr;
            p += 4;
            continue;
          }
          if (p[1] == 'f') {
            p += 2;
            if (p == pattern_end || *p != '[') luaL_error(L, "missing '[' after '%%f' in pattern");
            const At behind = class_end(p);
            if (!at_frontier(s, p, behind)) return nullptr;
            p = behind;
            continue;
          }
          if (std::isdigit(byte(p + 1)) != 0) {
            s = again(s, byte(p + 1));
            if (s == nullptr) return nullptr;
            p += 2;
            continue;
          }
          break;
        default: break;
      }
      const At behind = class_end(p);
      const char suffix = behind == pattern_end ? '\0' : *behind;
      if (suffix == '*') return longest(s, p, behind);
      if (suffix == '-') return shortest(s, p, behind);
      const bool is = single(s, p, behind);
      if (suffix == '+') return is ? longest(s + 1, p, behind) : nullptr;
      if (suffix == '?') {
        if (is)
          if (const At r = match(s + 1, behind + 1)) return r;
        p = behind + 1;
        continue;
      }
      if (!is) return nullptr;
      ++s;
      p = behind;
    }
  }

  struct Capture {
    At at;
    std::ptrdiff_t size;
  };
  lua_State* L;
  At begin, end, pattern_end;
  int level = 0, depth = 0;
  unsigned steps = 0;
  Capture captures[kCapturesMax];
};

std::string_view text_at(lua_State* L, int index) {
  std::size_t size = 0;
  const char* text = luaL_checklstring(L, index, &size);
  return {text, size};
}

/// Where the third argument says to begin: 0 and on; beyond the end: more than the size.
std::size_t begin_at(lua_State* L, std::size_t size) {
  const double n = luaL_optnumber(L, 3, 1), length = static_cast<double>(size);
  const double at = n < 0 ? n + length : n - 1;
  if (!(at > 0)) return 0;
  return at > length ? size + 1 : static_cast<std::size_t>(at);
}

int find_plain(lua_State* L, std::string_view text, std::string_view pattern, std::size_t from) {
  const void* found =
      pattern.empty() ? text.data() + from : memmem(text.data() + from, text.size() - from, pattern.data(), pattern.size());
  if (found == nullptr) {
    lua_pushnil(L);
    return 1;
  }
  const auto at = static_cast<std::size_t>(static_cast<const char*>(found) - text.data());
  lua_pushnumber(L, static_cast<double>(at + 1));
  lua_pushnumber(L, static_cast<double>(at + pattern.size()));
  return 2;
}

int search(lua_State* L, bool find) {
  const auto text = text_at(L, 1);
  auto pattern = text_at(L, 2);
  const std::size_t from = begin_at(L, text.size());
  if (from > text.size()) {
    lua_pushnil(L);
    return 1;
  }
  if (find && (lua_toboolean(L, 4) != 0 || pattern.find_first_of("^$*+?.([%-") == std::string_view::npos))
    return find_plain(L, text, pattern, from);
  const bool anchored = pattern.starts_with('^');
  if (anchored) pattern.remove_prefix(1);
  Matcher m(L, text, pattern);
  for (At s = text.data() + from; s <= text.data() + text.size(); ++s) {
    if (const At to = m.match_from(s, pattern.data())) {
      if (!find) return m.push_captures(s, to, true);
      lua_pushnumber(L, static_cast<double>(s - text.data() + 1));
      lua_pushnumber(L, static_cast<double>(to - text.data()));
      return 2 + m.push_captures(nullptr, nullptr, false);
    }
    if (anchored) break;
  }
  lua_pushnil(L);
  return 1;
}

int find(lua_State* L) { return search(L, true); }
int match(lua_State* L) { return search(L, false); }

/// Upvalues: text, pattern, where to go on.
int next_match(lua_State* L) {
  const auto text = text_at(L, lua_upvalueindex(1)), pattern = text_at(L, lua_upvalueindex(2));
  Matcher m(L, text, pattern);
  const auto from = static_cast<std::size_t>(lua_tonumber(L, lua_upvalueindex(3)));
  for (std::size_t at = from; at <= text.size(); ++at) {
    const At s = text.data() + at;
    const At to = m.match_from(s, pattern.data());
    if (to == nullptr) continue;
    lua_pushnumber(L, static_cast<double>(to - text.data() + (to == s ? 1 : 0)));
    lua_replace(L, lua_upvalueindex(3));
    return m.push_captures(s, to, true);
  }
  return 0;
}

int gmatch(lua_State* L) {
  text_at(L, 1);
  text_at(L, 2);
  lua_settop(L, 2);
  lua_pushnumber(L, 0);
  lua_pushcclosure(L, &next_match, 3);
  return 1;
}

/// What stands for a match: the string at 3, with its %1 and the like.
void add_text(lua_State* L, luaL_Buffer& out, Matcher& m, At from, At to) {
  const auto with = text_at(L, 3);
  for (std::size_t i = 0; i < with.size(); ++i) {
    if (with[i] != '%' || ++i == with.size()) {
      luaL_addchar(&out, i == with.size() ? '\0' : with[i]);
    } else if (std::isdigit(static_cast<unsigned char>(with[i])) == 0) {
      luaL_addchar(&out, with[i]);
    } else if (with[i] == '0') {
      luaL_addlstring(&out, from, static_cast<std::size_t>(to - from));
    } else {
      m.push_capture(with[i] - '1', from, to);
      luaL_addvalue(&out);
    }
  }
}

void add_replacement(lua_State* L, luaL_Buffer& out, Matcher& m, At from, At to) {
  const int type = lua_type(L, 3);
  if (type == LUA_TNUMBER || type == LUA_TSTRING) return add_text(L, out, m, from, to);
  if (type == LUA_TFUNCTION) {
    lua_pushvalue(L, 3);
    lua_call(L, m.push_captures(from, to, true), 1);
  } else {
    m.push_capture(0, from, to);
    lua_gettable(L, 3);
  }
  if (lua_toboolean(L, -1) == 0) {
    lua_pop(L, 1);
    lua_pushlstring(L, from, static_cast<std::size_t>(to - from));
  } else if (lua_isstring(L, -1) == 0) {
    luaL_error(L, "invalid replacement value (a %s)", luaL_typename(L, -1));
  }
  luaL_addvalue(&out);
}

int gsub(lua_State* L) {
  const auto text = text_at(L, 1);
  auto pattern = text_at(L, 2);
  const int type = lua_type(L, 3);
  if (type != LUA_TNUMBER && type != LUA_TSTRING && type != LUA_TFUNCTION && type != LUA_TTABLE)
    return luaL_argerror(L, 3, "string/function/table expected");
  const double most = luaL_optnumber(L, 4, static_cast<double>(text.size()) + 1);
  const bool anchored = pattern.starts_with('^');
  if (anchored) pattern.remove_prefix(1);
  const At end = text.data() + text.size();
  Matcher m(L, text, pattern);
  luaL_Buffer out;
  luaL_buffinit(L, &out);
  double n = 0;
  At s = text.data();
  while (n < most) {
    const At to = m.match_from(s, pattern.data());
    if (to != nullptr) {
      ++n;
      add_replacement(L, out, m, s, to);
    }
    if (to != nullptr && to > s)
      s = to;
    else if (s < end)
      luaL_addchar(&out, *s++);
    else
      break;
    if (anchored) break;
  }
  luaL_addlstring(&out, s, static_cast<std::size_t>(end - s));
  luaL_pushresult(&out);
  lua_pushnumber(L, n);
  return 2;
}

}  // namespace

void open_patterns(lua_State* L) {
  lua_getglobal(L, LUA_STRLIBNAME);
  constexpr luaL_Reg kFunctions[] = {{"find", &find}, {"match", &match}, {"gmatch", &gmatch}, {"gsub", &gsub}};
  for (const auto& f : kFunctions) {
    lua_pushcfunction(L, f.func);
    lua_setfield(L, -2, f.name);
  }
  lua_pop(L, 1);
}

}  // namespace outrigger::filters::lua
