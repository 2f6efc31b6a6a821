// The directory of resource files: which files there are for whom, what is in them, and whether they fit together. What can
// be served is a Snapshot; the last good one stays while something is wrong. Main thread.
#pragma once
#include <sys/stat.h>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>
#include "control_plane/codec.h"
#include "control_plane/file.h"

namespace outrigger::control_plane {

/// All that is served, at one time. Resources in nodes/ID and clusters/NAME are for the proxies of that node id and node
/// cluster: they come on top of all others, and take the place of those with the same type and name; a node's win.
class Snapshot {
 public:
  View root;
  std::map<std::string, View, std::less<>> clusters, nodes;
  ViewPtr select(const NodeInfo& node) const;
  /// As a whole.
  std::string version() const;

 private:
  mutable std::map<std::pair<std::string, std::string>, ViewPtr> selected_;  // by cluster and node, empty: none of their own
};
using SnapshotPtr = std::shared_ptr<const Snapshot>;

class Directory {
 public:
  Directory(std::string path, FileOptions options) : path_(std::move(path)), options_(options) {}
  /// Reads what has changed since the last time. False: something is wrong (see problems()), and the last state stays.
  bool read();
  /// Null: there has been no good one yet.
  const SnapshotPtr& good() const noexcept { return good_; }
  /// Of the last reading, in the order of files and lines.
  const xds::Problems& problems() const noexcept { return problems_; }
  const std::string& path() const noexcept { return path_; }
  std::size_t files() const noexcept { return files_.size(); }
  std::vector<std::string> file_names() const;
  /// All that a change can come from.
  std::vector<std::string> directories() const;

 private:
  struct File {
    std::string layer;  // "", "clusters/NAME", "nodes/ID"
    struct stat stamp {};
    LoadedFile loaded;
  };
  void list(const std::string& directory, const std::string& layer);
  void list_layers(const std::string& kind);
  void take(const std::string& name, const std::string& layer);
  void wrong(xds::Severity s, const Place& at, const std::string& file, std::string text);
  void check_references();
  bool is_known(const Reference& r, const std::string& layer) const;
  SnapshotPtr assemble();
  std::string path_;
  FileOptions options_;
  std::map<std::string, File> files_, before_;  // by name
  std::vector<std::string> directories_;
  /// Layer, type and name; in which file.
  std::map<std::string, std::map<std::pair<std::string_view, std::string_view>, const LoadedFile*>> known_;
  xds::Problems problems_;
  SnapshotPtr good_;
};

}  // namespace outrigger::control_plane
