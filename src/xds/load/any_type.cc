#include "xds/load/any_type.h"

#include <algorithm>
#include <charconv>
#include <unordered_map>
#include <unordered_set>
#include <vector>
#include "api/known.h"
#include "xds/load/to_proto.h"

namespace outrigger::xds {

namespace {

std::unordered_set<std::string_view> lines_of(std::string_view text) {
  std::unordered_set<std::string_view> lines;
  while (!text.empty()) {
    const auto end = text.find('\n');
    lines.insert(text.substr(0, end));
    text = end == std::string_view::npos ? std::string_view{} : text.substr(end + 1);
  }
  return lines;
}

/// "message field number", one per line.
struct KnownFields {
  std::unordered_map<std::string_view, int> by_name;                 // of "message field"
  std::unordered_map<std::string, std::string_view> name_by_number;  // of "message number"
  KnownFields() {
    for (const auto line : lines_of(api::known_fields())) {
      const auto number = line.rfind(' '), name = line.find(' ');
      if (name == std::string_view::npos || name == number) continue;
      std::from_chars(line.data() + number + 1, line.data() + line.size(), by_name[line.substr(0, number)]);
      name_by_number.emplace(std::string(line.substr(0, name)) + std::string(line.substr(number)),
                             line.substr(name + 1, number - name - 1));
    }
  }
};
const KnownFields& known_fields() {
  static const KnownFields all;
  return all;
}

std::string not_implemented(const std::string& field, const std::string& message) {
  return "field '" + field + "' of " + message + " is known to Envoy and not implemented by Outrigger";
}

std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t before = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t up = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, before + (a[i - 1] != b[j - 1])});
      before = up;
    }
  }
  return row[b.size()];
}

std::string snake(std::string_view s) {
  std::string out;
  for (const char c : s) {
    if (c >= 'A' && c <= 'Z') {
      out += '_';
      out += static_cast<char>(c + 32);
    } else {
      out += c;
    }
  }
  return out;
}

}  // namespace

const google::protobuf::Descriptor* find_any_type(std::string_view type_url) {
  const std::string name(message_name(type_url));
  if (name.empty()) return nullptr;
  return google::protobuf::DescriptorPool::generated_pool()->FindMessageTypeByName(name);
}

std::string canonical_type_url(const google::protobuf::Descriptor& d) { return "type.googleapis.com/" + d.full_name(); }

bool is_typed_struct(std::string_view type_url) {
  const auto name = message_name(type_url);
  return name == "udpa.type.v1.TypedStruct" || name == "xds.type.v3.TypedStruct";
}

bool can_be_optional(const google::protobuf::Descriptor& d) {
  return d.full_name() == "envoy.config.route.v3.FilterConfig" ||
         d.full_name() == "envoy.extensions.filters.network.http_connection_manager.v3.HttpFilter";
}

namespace {
const std::unordered_set<std::string_view>& known_types() {
  static const auto all = lines_of(api::known_extensions());
  return all;
}
}  // namespace

bool is_known_type(std::string_view type_url) { return known_types().contains(message_name(type_url)); }

std::string unknown_type_text(const std::string& type_url) {
  const auto& known = known_types();
  const auto name = message_name(type_url);
  if (known.count(name) != 0) return "'" + type_url + "' is known to Envoy and not implemented by Outrigger";
  std::string text = "unknown type '" + type_url + "'";
  std::string_view best;
  std::size_t least = 4;
  for (const auto k : known)
    if (const auto d = distance(name, k); d < least) least = d, best = k;
  if (!best.empty()) text += "; did you mean '" + std::string(best) + "'?";
  return text;
}

int unimplemented_field(const google::protobuf::Descriptor& message, const std::string& field) {
  const auto& all = known_fields().by_name;
  const auto at = all.find(message.full_name() + " " + snake(field));
  return at == all.end() ? 0 : at->second;
}

std::string unknown_field_text(const google::protobuf::Descriptor& message, const std::string& field) {
  const std::string name = snake(field);
  if (unimplemented_field(message, field) != 0) return not_implemented(name, message.full_name());
  std::string text = "no such field: " + message.full_name() + " has no '" + field + "'";
  std::string best;
  std::size_t least = std::max<std::size_t>(3, name.size() / 3 + 1);
  for (int i = 0; i < message.field_count(); ++i)
    if (const auto d = distance(name, message.field(i)->name()); d < least) least = d, best = message.field(i)->name();
  if (!best.empty()) text += "; did you mean '" + best + "'?";
  return text;
}

std::string unknown_field_text(const google::protobuf::Descriptor& message, int number, std::string& name) {
  const auto& all = known_fields().name_by_number;
  const auto at = all.find(message.full_name() + " " + std::to_string(number));
  name = at == all.end() ? std::string_view() : at->second;
  if (!name.empty()) return not_implemented(name, message.full_name());
  return message.full_name() + " has no field of the number " + std::to_string(number);
}

}  // namespace outrigger::xds
