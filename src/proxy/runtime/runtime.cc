#include "proxy/runtime/runtime.h"

#include <charconv>
#include <cmath>

namespace outrigger::runtime {

Value make_value(std::string_view text) {
  Value v;
  v.text = text;
  const char* end = text.data() + text.size();
  std::uint64_t integer = 0;
  if (const auto r = std::from_chars(text.data(), end, integer); r.ec == std::errc{} && r.ptr == end) v.integer = integer;
  double number = 0;
  if (const auto r = std::from_chars(text.data(), end, number); r.ec == std::errc{} && r.ptr == end) v.number = number;
  if (v.number && !v.integer && *v.number >= 0 && *v.number < 1e18 && std::floor(*v.number) == *v.number)
    v.integer = static_cast<std::uint64_t>(*v.number);
  if (text == "true" || text == "True" || text == "TRUE") v.boolean = true;
  if (text == "false" || text == "False" || text == "FALSE") v.boolean = false;
  return v;
}

Snapshot::Snapshot(std::vector<std::pair<std::string, Layer>> layers) : layers_(std::move(layers)) {
  for (const auto& [name, layer] : layers_)
    for (const auto& [key, value] : layer) {
      if (value.text.empty() && !value.percent)
        final_.erase(key);  // an empty override removes
      else
        final_[key] = value;
    }
}

const Value* Snapshot::find(std::string_view key) const noexcept {
  if (final_.empty()) return nullptr;
  const auto at = final_.find(key);
  return at == final_.end() ? nullptr : &at->second;
}

bool Snapshot::has_any(std::string_view prefix) const noexcept {
  const auto at = final_.lower_bound(prefix);
  return at != final_.end() && at->first.starts_with(prefix);
}

std::uint64_t Snapshot::integer(std::string_view key, std::uint64_t fallback) const noexcept {
  const Value* v = find(key);
  return v != nullptr && v->integer ? *v->integer : fallback;
}
bool Snapshot::boolean(std::string_view key, bool fallback) const noexcept {
  const Value* v = find(key);
  return v != nullptr && v->boolean ? *v->boolean : fallback;
}
double Snapshot::number(std::string_view key, double fallback) const noexcept {
  const Value* v = find(key);
  return v != nullptr && v->number ? *v->number : fallback;
}

bool Snapshot::enabled(std::string_view key, const FractionalPercent& fallback, std::uint64_t random) const noexcept {
  const Value* v = find(key);
  if (v == nullptr) return fallback.hit(random);
  if (v->percent) return v->percent->hit(random);
  if (v->integer) return random % 100 < *v->integer;
  return fallback.hit(random);
}

}  // namespace outrigger::runtime
