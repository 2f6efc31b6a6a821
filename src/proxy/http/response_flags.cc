#include "proxy/http/response_flags.h"

namespace outrigger::http {

namespace {
struct Names {
  std::string_view s, l;
};
constexpr Names kNames[] = {
#define X(id, s, l) {s, l},
    OUTRIGGER_RESPONSE_FLAGS(X)
#undef X
};
template <class F>
void append(std::uint32_t bits, std::string& out, F text) {
  if (bits == 0) out += '-';
  bool first = true;
  for (std::size_t i = 0; i < std::size(kNames); ++i) {
    if ((bits >> i & 1u) == 0) continue;
    if (!first) out += ',';
    out += text(kNames[i]);
    first = false;
  }
}
}  // namespace

void ResponseFlags::append_short(std::string& out) const {
  append(bits_, out, [](const Names& n) { return n.s; });
}
void ResponseFlags::append_long(std::string& out) const {
  append(bits_, out, [](const Names& n) { return n.l; });
}
bool ResponseFlags::parse_short(std::string_view text, Flag& out) noexcept {
  for (std::size_t i = 0; i < std::size(kNames); ++i)
    if (kNames[i].s == text) {
      out = static_cast<Flag>(i);
      return true;
    }
  return false;
}

}  // namespace outrigger::http
