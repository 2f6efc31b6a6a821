#include "proxy/route/header_mutation.h"

#include "proxy/http/removed_status.h"

namespace outrigger::route {

namespace {

/// The value in the arena; a literal is referenced as it is.
std::string_view render(const HeaderAdd& a, const format::Context& c, Arena& arena) {
  if (const std::string* literal = a.value.literal()) return *literal;
  thread_local std::string text;
  text.clear();
  a.value.append(c, format::Missing::empty, text);
  return arena.copy(text);
}

bool overwrites(const HeaderAdd& a) noexcept {
  return a.action == HeaderAdd::overwrite_or_add || a.action == HeaderAdd::overwrite_if_exists;
}

/// Does it apply to a message that has, or has not, the header?
bool applies(const HeaderAdd& a, std::string_view value, const http::HeaderMap& h) noexcept {
  if (value.empty() && !a.keep_empty) return false;
  const bool there = h.find(std::string_view(a.name)) != nullptr;
  return a.action == HeaderAdd::add_if_absent ? !there : a.action != HeaderAdd::overwrite_if_exists || there;
}

void put(const HeaderAdd& a, std::string_view value, http::HeaderMap& h) {
  if (!overwrites(a)) return h.append(std::string_view(a.name), value);
  h.remove(std::string_view(a.name));
  h.add(std::string_view(a.name), value);
}

}  // namespace

/// All values and conditions are looked at before anything is put in place, and what overwrites goes first, as in
/// Envoy: no addition sees another of its level.
void HeaderMutations::apply(http::HeaderMap& headers, const format::Context& c) const {
  for (const auto& name : remove) headers.remove(std::string_view(name));
  if (add.empty()) return;
  Arena& arena = headers.arena();
  auto* values = static_cast<std::string_view*>(arena.allocate(add.size() * sizeof(std::string_view), alignof(std::string_view)));
  auto* used = static_cast<bool*>(arena.allocate(add.size(), 1));
  for (std::size_t i = 0; i < add.size(); ++i) {
    values[i] = render(add[i], c, arena);
    used[i] = applies(add[i], values[i], headers);
  }
  for (const bool overwriting : {true, false})
    for (std::size_t i = 0; i < add.size(); ++i)
      if (used[i] && overwrites(add[i]) == overwriting) put(add[i], values[i], headers);
}

namespace {

void apply(const HeaderMutationStep& s, http::HeaderMap& headers, const format::Context& c) {
  switch (s.kind) {
    case HeaderMutationStep::add: {
      const auto value = render(s.value, c, headers.arena());
      if (applies(s.value, value, headers)) put(s.value, value, headers);
      break;
    }
    case HeaderMutationStep::remove: headers.remove(std::string_view(s.name)); break;
    case HeaderMutationStep::remove_on_match:
      for (std::size_t i = headers.size(); i-- > 0;)
        if (s.match.match(headers.at(i).name)) headers.remove_at(i);
  }
}

bool removes(const HeaderMutationStep& s, std::string_view name) {
  return s.kind == HeaderMutationStep::remove_on_match ? s.match.match(name)
                                                       : s.kind == HeaderMutationStep::remove && s.name == name;
}

}  // namespace

void apply(const HeaderMutationSteps& steps, http::HeaderMap& headers, const format::Context& c) {
  for (const auto& s : steps) apply(s, headers, c);
}

void apply(const HeaderMutationSteps& steps, http::RequestHead& head, const format::Context& c) {
  const std::pair<std::string_view, std::string_view*> all[] = {{":method", &head.method},
                                                                {":path", &head.path},
                                                                {":authority", &head.authority},
                                                                {":scheme", &head.scheme},
                                                                {":protocol", &head.protocol_upgrade}};
  for (const auto& s : steps) {
    for (const auto& [name, value] : all)
      if (removes(s, name)) *value = {};
    if (s.kind == HeaderMutationStep::remove && s.name == "host") head.authority = {};
    apply(s, head.headers, c);
  }
}

void apply(const HeaderMutationSteps& steps, http::ResponseHead& head, const format::Context& c) {
  for (const auto& s : steps) {
    if (removes(s, ":status")) head.status = http::kRemovedStatus;
    apply(s, head.headers, c);
  }
}

}  // namespace outrigger::route
