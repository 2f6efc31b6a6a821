#include "proxy/server/json.h"

#include "proxy/base/json_text.h"

namespace outrigger::server {

void JsonWriter::member(std::string_view name) {
  if (levels_.empty()) return;
  if (!levels_.back().empty) out_ += ',';
  levels_.back().empty = false;
  out_ += '\n';
  out_.append(levels_.size(), ' ');
  if (levels_.back().close == ']') return;
  append_protobuf_string(name, out_);
  out_ += ": ";
}

void JsonWriter::begin(std::string_view name, char open) {
  const std::size_t start = out_.size();
  const bool first = levels_.empty() || levels_.back().empty;
  member(name);
  out_ += open;
  levels_.push_back({open == '{' ? '}' : ']', start, first});
}

void JsonWriter::end_unless_empty() {
  const Level l = levels_.back();
  if (!l.empty) return end();
  levels_.pop_back();
  out_.resize(l.start);
  if (!levels_.empty()) levels_.back().empty = l.first;
}

void JsonWriter::end() {
  const Level l = levels_.back();
  levels_.pop_back();
  if (!l.empty) {
    out_ += '\n';
    out_.append(levels_.size(), ' ');
  }
  out_ += l.close;
}

void JsonWriter::text(std::string_view name, std::string_view value) {
  member(name);
  append_protobuf_string(value, out_);
}

void JsonWriter::raw(std::string_view name, std::string_view value) {
  member(name);
  out_ += value;
}

}  // namespace outrigger::server
