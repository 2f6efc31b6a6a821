#include "xds/load/bootstrap.h"

#include <google/protobuf/io/tokenizer.h>
#include <google/protobuf/text_format.h>
#include <sys/stat.h>
#include <algorithm>
#include <fstream>
#include <sstream>
#include "xds/load/node.h"
#include "xds/load/to_proto.h"
#include "xds/load/validate.h"

namespace outrigger::xds {

namespace pb = google::protobuf;

namespace {

constexpr const char* kOverlayName = "--config-yaml";

bool ends_with(std::string_view s, std::string_view end) {
  return s.size() >= end.size() && s.substr(s.size() - end.size()) == end;
}

bool read_file(const std::string& name, std::string& into, Problems& problems) {
  struct stat info {};
  std::ifstream in(name, std::ios::binary);
  if (::stat(name.c_str(), &info) != 0 || !in) {
    problems.add({Severity::error, "", "Invalid path: " + name + ": cannot be read", name, 0, 0});
    return false;
  }
  if (S_ISDIR(info.st_mode)) {
    problems.add({Severity::error, "", "Invalid path: " + name + " is a directory", name, 0, 0});
    return false;
  }
  std::ostringstream text;
  text << in.rdbuf();
  into = std::move(text).str();
  return true;
}

class TextErrors final : public pb::io::ErrorCollector {
 public:
  TextErrors(const std::string& file, Problems& problems) : file_(file), problems_(problems) {}
  void AddError(int line, int column, const std::string& text) override {
    problems_.add({Severity::error, "", text, file_, line + 1, column + 1});
  }
  void AddWarning(int, int, const std::string&) override {}

 private:
  const std::string& file_;
  Problems& problems_;
};

bool read_message(const Options& o, const std::string& text, LoadedBootstrap& b, Problems& problems) {
  if (ends_with(o.config_path, ".pb")) {
    if (b.message.ParseFromString(text)) return true;
    problems.add({Severity::error, "", "not a binary envoy.config.bootstrap.v3.Bootstrap", o.config_path, 0, 0});
    return false;
  }
  if (ends_with(o.config_path, ".pb_text") || ends_with(o.config_path, ".pb_txt") || ends_with(o.config_path, ".textproto")) {
    TextErrors errors(o.config_path, problems);
    pb::TextFormat::Parser parser;
    parser.RecordErrorsTo(&errors);
    return parser.ParseFromString(text, &b.message);
  }
  if (!parse_yaml(text, o.config_path, b.file, problems)) return false;
  if (b.file.kind == Node::null) {
    problems.add({Severity::error, "", "there is no config in it: an empty one is {}", o.config_path, 1, 1});
    return false;
  }
  b.unknown_fields += to_proto(b.file, b.message, {o.config_path, o.allow_unknown_static_fields}, problems);
  return true;
}

}  // namespace

bool load_bootstrap(const Options& o, LoadedBootstrap& b, Problems& problems) {
  if (o.config_path.empty() && o.config_yaml.empty()) {
    problems.add({Severity::error, "", "no config: give a bootstrap with -c FILE or --config-yaml", "", 0, 0});
    return false;
  }
  b.file_name = o.config_path;
  if (!o.config_path.empty()) {
    std::string text;
    if (!read_file(o.config_path, text, problems) || !read_message(o, text, b, problems)) return false;
  }
  if (!o.config_yaml.empty()) {
    if (!parse_yaml(o.config_yaml, kOverlayName, b.overlay, problems)) return false;
    envoy::config::bootstrap::v3::Bootstrap over;
    b.unknown_fields += to_proto(b.overlay, over, {kOverlayName, o.allow_unknown_static_fields}, problems);
    b.message.MergeFrom(over);
  }
  auto& node = *b.message.mutable_node();
  if (!o.service_node.empty()) node.set_id(o.service_node);
  if (!o.service_cluster.empty()) node.set_cluster(o.service_cluster);
  if (!o.service_zone.empty()) node.mutable_locality()->set_zone(o.service_zone);
  describe_node(node);
  validate(b.message, Path(), problems);
  return true;
}

namespace {
bool is_below(const std::string& path, const std::string& top) {
  return path.starts_with(top) && (path.size() == top.size() || path[top.size()] == '.' || path[top.size()] == '[');
}
/// A value of the wrong kind is not read: that it is missing then, too, is not worth telling. Only
/// what was found while reading has its file already.
void drop_consequences(std::vector<Problem>& list) {
  std::vector<std::string> unread;
  for (const auto& p : list)
    if (!p.file.empty() && !p.path.empty() && p.severity == Severity::error) unread.push_back(p.path);
  std::erase_if(list, [&](const Problem& p) {
    return p.file.empty() && std::any_of(unread.begin(), unread.end(), [&](const std::string& u) { return is_below(p.path, u); });
  });
}
}  // namespace

void locate_problems(const LoadedBootstrap& loaded, Problems& problems) {
  drop_consequences(problems.list());
  for (auto& p : problems.list()) {
    if (!p.file.empty()) continue;
    const Node* at = locate(loaded.file, p.path);
    const bool found = at != nullptr && at != &loaded.file;
    const Node* over = found ? nullptr : locate(loaded.overlay, p.path);
    const Node* use = over != nullptr && over != &loaded.overlay ? over : at;
    p.file = use == over && over != nullptr ? kOverlayName : loaded.file_name;
    if (p.file.empty()) p.file = kOverlayName;
    if (use == nullptr) continue;
    p.line = use->key_line != 0 ? use->key_line : use->line;
    p.column = use->key_line != 0 ? use->key_column : use->column;
  }
  std::stable_sort(problems.list().begin(), problems.list().end(),
                   [](const Problem& a, const Problem& b) { return a.file != b.file ? a.file < b.file : a.line < b.line; });
}

std::string problems_text(const Problems& problems) {
  std::string out;
  for (const auto& p : problems.list()) {
    if (!p.file.empty()) {
      out += p.file;
      if (p.line > 0) out += ":" + std::to_string(p.line) + ":" + std::to_string(p.column);
      out += ": ";
    }
    out += p.severity == Severity::error ? "error: " : "warning: ";
    if (!p.path.empty()) out += p.path + ": ";
    out += p.text + "\n";
  }
  return out;
}

}  // namespace outrigger::xds
