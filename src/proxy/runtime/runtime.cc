#include "proxy/runtime/runtime.h"

#include <charconv>
#include <cmath>
#include <cstdint>
#include <cstdio>

namespace outrigger::runtime {

Value text_value(std::string_view text) {
  Value v;
  v.text = text;
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  if (text.size() > 1 && text.front() == '+' && text[1] != '-') text.remove_prefix(1);
  const bool hex = text.starts_with("0x") || text.starts_with("0X");
  if (hex) text.remove_prefix(2);
  double number = 0;
  const char* end = text.data() + text.size();
  const auto r = std::from_chars(text.data(), end, number, hex ? std::chars_format::hex : std::chars_format::general);
  if (r.ec == std::errc{} && r.ptr == end && std::isfinite(number)) v.number = number;
  return v;
}

Value number_value(double number, std::string_view text) {
  Value v;
  char printed[32];
  if (text.empty()) text = {printed, static_cast<std::size_t>(std::snprintf(printed, sizeof printed, "%g", number))};
  v.text = text;
  v.number = number;
  if (number >= INT32_MIN && number < INT32_MAX && std::floor(number) == number)
    v.integer = static_cast<std::uint64_t>(static_cast<std::int64_t>(number));
  return v;
}

Value bool_value(bool b, std::string_view text) {
  Value v;
  v.text = text.empty() ? (b ? "true" : "false") : text;
  v.boolean = b;
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
  if (v->number && *v->number >= 0) return *v->number >= 100 || static_cast<double>(random % 100) < std::floor(*v->number);
  return fallback.hit(random);
}

}  // namespace outrigger::runtime
