// One file of the directory: its resources, checked, and what is wrong with it, with line and column. Main thread.
#pragma once
#include <string>
#include <vector>
#include "control_plane/resources.h"
#include "xds/problems.h"

namespace outrigger::control_plane {

/// A place in a file.
struct Place {
  int line = 0, column = 0;
  std::string path;  // of the field
};

/// What a resource says that another one, which proxies get from here too, is called.
struct Reference {
  std::string_view type_url;
  std::string name;
  Place place;
};

struct LoadedItem {
  ItemPtr item;
  Place place;
  std::vector<Reference> references;
};

struct LoadedFile {
  std::string name;
  std::vector<LoadedItem> items;
  xds::Problems problems;
};

struct FileOptions {
  bool strict = false;  // what Outrigger would refuse is an error, not a warning
};

/// Is it one by its name?
bool is_resource_file(std::string_view name);
/// Never fails without a problem that says so.
LoadedFile load_file(const std::string& name, const FileOptions& o);

}  // namespace outrigger::control_plane
