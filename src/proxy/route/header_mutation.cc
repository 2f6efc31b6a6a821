#include "proxy/route/header_mutation.h"

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

void add_one(const HeaderAdd& a, std::string_view value, http::HeaderMap& h) {
  if (value.empty() && !a.keep_empty) return;
  switch (a.action) {
    case HeaderAdd::append_or_add: return h.append(std::string_view(a.name), value);
    case HeaderAdd::add_if_absent:
      if (h.find(std::string_view(a.name)) == nullptr) h.add(std::string_view(a.name), value);
      return;
    case HeaderAdd::overwrite_if_exists:
      if (h.remove(std::string_view(a.name)) > 0) h.add(std::string_view(a.name), value);
      return;
    case HeaderAdd::overwrite_or_add: h.remove(std::string_view(a.name)); return h.add(std::string_view(a.name), value);
  }
}

}  // namespace

void HeaderMutations::apply(http::HeaderMap& headers, const format::Context& c) const {
  for (const auto& name : remove) headers.remove(std::string_view(name));
  for (const auto& a : add) add_one(a, render(a, c, headers.arena()), headers);
}

namespace {
void add_to_request(const HeaderAdd& a, http::RequestHead& head, const format::Context& c) {
  const auto value = render(a, c, head.headers.arena());
  std::string_view* pseudo = a.name == ":path"                            ? &head.path
                             : a.name == ":authority" || a.name == "host" ? &head.authority
                             : a.name == ":method"                        ? &head.method
                             : a.name == ":scheme"                        ? &head.scheme
                                                                          : nullptr;
  if (pseudo == nullptr)
    add_one(a, value, head.headers);
  else if (!value.empty() &&
           (a.action == HeaderAdd::overwrite_or_add || a.action == HeaderAdd::overwrite_if_exists || pseudo->empty()))
    *pseudo = value;
}
}  // namespace

void HeaderMutations::apply(http::RequestHead& head, const format::Context& c) const {
  for (const auto& name : remove) head.headers.remove(std::string_view(name));
  for (const auto& a : add) add_to_request(a, head, c);
}

void apply(const HeaderMutationSteps& steps, http::RequestHead& head, const format::Context& c) {
  for (const auto& s : steps) {
    switch (s.kind) {
      case HeaderMutationStep::add: add_to_request(s.value, head, c); break;
      case HeaderMutationStep::remove: head.headers.remove(std::string_view(s.name)); break;
      case HeaderMutationStep::remove_on_match:
        for (std::size_t i = head.headers.size(); i-- > 0;)
          if (s.match.match(head.headers.at(i).name)) head.headers.remove_at(i);
    }
  }
}

}  // namespace outrigger::route
