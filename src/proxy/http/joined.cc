#include "proxy/http/joined.h"

#include <utility>

namespace outrigger::http {

std::string_view joined(const HeaderMap& headers, std::string_view lower, std::string& scratch) {
  const auto* first = headers.find(lower);
  if (first == nullptr) return {};
  bool several = false;
  for (const auto* e = first + 1; e < headers.end(); ++e) {
    if (e->name != first->name) continue;
    if (!std::exchange(several, true)) scratch = first->value;
    (scratch += ',') += e->value;
  }
  return several ? std::string_view(scratch) : first->value.data() == nullptr ? std::string_view("") : first->value;
}

}  // namespace outrigger::http
