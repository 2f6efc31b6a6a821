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
}  // namespace

template <class F>
void ResponseFlags::append(std::string& out, F text) const {
  if (count_ == 0) out += '-';
  for (std::size_t i = 0; i < count_; ++i) {
    if (i > 0) out += ',';
    out += text(kNames[static_cast<std::size_t>(order_[i])]);
  }
}

void ResponseFlags::append_short(std::string& out) const {
  append(out, [](const Names& n) { return n.s; });
}
void ResponseFlags::append_long(std::string& out) const {
  append(out, [](const Names& n) { return n.l; });
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
