#include "proxy/server/disk_layer.h"

#include <filesystem>
#include <fstream>
#include <sstream>
#include <vector>

namespace outrigger::server {

namespace fs = std::filesystem;

namespace {

constexpr int kDepthMax = 16;

/// Without lines that begin with '#', and without blanks at the end, as Envoy takes it: only a line that
/// is the text's last loses its end.
std::string value_of(const std::string& text) {
  std::vector<std::string_view> lines;
  for (std::string_view rest = text; !rest.empty();) {
    const auto end = rest.find('\n');
    if (end != 0) lines.push_back(rest.substr(0, end));
    rest = end == std::string_view::npos ? std::string_view{} : rest.substr(end + 1);
  }
  std::string out;
  for (auto line : lines) {
    if (line.front() == '#') continue;
    const bool last = line == lines.back();
    while (last && !line.empty() && std::string_view(" \t\f\v\r").find(line.back()) != std::string_view::npos)
      line.remove_suffix(1);
    out.append(line);
    if (!last) out += '\n';
  }
  return out;
}

Result<void> walk(const fs::path& directory, const std::string& prefix, int depth, ParseValue parse, runtime::Layer& layer) {
  if (depth > kDepthMax) return invalid("nested too deep: " + directory.string());
  std::error_code ec;
  for (const auto& entry : fs::directory_iterator(directory, ec)) {
    const std::string name = entry.path().filename().string();
    const std::string key = prefix.empty() ? name : prefix + "." + name;
    if (entry.is_directory(ec)) {
      if (auto r = walk(entry.path(), key, depth + 1, parse, layer); !r) return r;
    } else if (entry.is_regular_file(ec)) {
      std::ifstream in(entry.path(), std::ios::binary);
      std::ostringstream text;
      text << in.rdbuf();
      if (!in) {
        if (entry.file_size(ec) != 0) return Error{Errc::io, "unable to read file: " + entry.path().string()};
      }
      const std::string value = value_of(std::move(text).str());
      auto parsed = parse(value);
      layer[key] = parsed ? std::move(*parsed) : runtime::text_value(value);
    }
  }
  if (ec) return Error{Errc::io, "unable to open directory " + directory.string() + ": " + ec.message()};
  return {};
}

}  // namespace

Result<std::optional<runtime::Layer>> read_disk_layer(const std::string& directory, ParseValue parse) {
  std::error_code ec;
  if (!fs::is_directory(directory, ec)) return std::optional<runtime::Layer>();
  runtime::Layer layer;
  if (auto r = walk(directory, "", 1, parse, layer); !r) return r.error();
  return std::optional(std::move(layer));
}

}  // namespace outrigger::server
