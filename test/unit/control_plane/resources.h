// Resources to serve, made in one line of a test; and a directory that goes with its owner.
#pragma once
#include <stdlib.h>
#include <filesystem>
#include <fstream>
#include <initializer_list>
#include <string>
#include "control_plane/resources.h"

namespace outrigger::control_plane {

/// "name=content" of each; "name=content>service": a cluster whose endpoints come as well. Content stands for the body.
inline TypeItemsPtr type_items(std::string_view type_url, std::initializer_list<std::string> list) {
  auto out = std::make_shared<TypeItems>();
  for (const auto& text : list) {
    auto item = std::make_shared<Item>();
    item->type_url = type_url;
    item->name = text.substr(0, text.find('='));
    item->body = text.substr(text.find('=') + 1);
    if (const auto more = item->body.find('>'); more != std::string::npos) {
      item->endpoints_of = item->body.substr(more + 1);
      item->body.resize(more);
    }
    item->version = item->body;
    out->items[item->name] = item;
  }
  out->version = version_of(out->items);
  return out;
}

class Folder {
 public:
  Folder() {
    std::string name = std::filesystem::temp_directory_path() / "outrigger-test-XXXXXX";
    if (::mkdtemp(name.data()) != nullptr) path = name;
  }
  ~Folder() {
    std::error_code ignored;
    if (!path.empty()) std::filesystem::remove_all(path, ignored);
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  void write(const std::string& name, const std::string& text) const {
    const auto whole = std::filesystem::path(path) / name;
    std::filesystem::create_directories(whole.parent_path());
    std::ofstream(whole) << text;
  }
  /// As editors do it: a new file takes the place.
  void replace(const std::string& name, const std::string& text) const {
    write(name + ".new", text);
    std::filesystem::rename(path + "/" + name + ".new", path + "/" + name);
  }
  std::string path;
};

}  // namespace outrigger::control_plane
