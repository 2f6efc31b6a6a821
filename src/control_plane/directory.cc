#include "control_plane/directory.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include "proxy/base/percent.h"

namespace outrigger::control_plane {

namespace fs = std::filesystem;
using xds::Severity;

namespace {

bool same(const struct stat& a, const struct stat& b) {
  const auto equal = [](const timespec& x, const timespec& y) { return x.tv_sec == y.tv_sec && x.tv_nsec == y.tv_nsec; };
  return a.st_dev == b.st_dev && a.st_ino == b.st_ino && a.st_size == b.st_size && equal(a.st_mtim, b.st_mtim) &&
         equal(a.st_ctim, b.st_ctim);
}

/// `over` on top of `under`.
View merged(const View& under, const View& over) {
  View out = under;
  for (const auto& [type_url, items] : over) {
    auto both = std::make_shared<TypeItems>(*items);
    both->items.insert(items_of(under, type_url)->items.begin(), items_of(under, type_url)->items.end());
    both->version = version_of(both->items);
    out[type_url] = both;
  }
  return out;
}

View& view_of(Snapshot& s, const std::string& layer) {
  if (layer.empty()) return s.root;
  const auto slash = layer.find('/');
  return (layer.starts_with("nodes/") ? s.nodes : s.clusters)[layer.substr(slash + 1)];
}

const View* find(const std::map<std::string, View, std::less<>>& views, const std::string& name) {
  const auto at = views.find(name);
  return at == views.end() ? nullptr : &at->second;
}

/// What is the same as before stays the same object: nobody has to look at it again.
void keep_same(View& now, const View& before) {
  for (auto& [type_url, items] : now)
    if (const auto at = before.find(type_url); at != before.end() && at->second->version == items->version) items = at->second;
}

}  // namespace

ViewPtr Snapshot::select(const NodeInfo& node) const {
  const View* of_cluster = find(clusters, node.cluster);
  const View* of_node = find(nodes, node.id);
  auto& made = selected_[{of_cluster != nullptr ? node.cluster : "", of_node != nullptr ? node.id : ""}];
  if (made != nullptr) return made;
  View v = root;
  if (of_cluster != nullptr) v = merged(v, *of_cluster);
  if (of_node != nullptr) v = merged(v, *of_node);
  return made = std::make_shared<const View>(std::move(v));
}

std::string Snapshot::version() const {
  std::string all;
  const auto add = [&all](const std::string& layer, const View& v) {
    for (const auto& [type_url, items] : v) all += layer + '\n' + type_url + '\n' + items->version + '\n';
  };
  add("", root);
  for (const auto& [name, v] : clusters) add("clusters/" + name, v);
  for (const auto& [name, v] : nodes) add("nodes/" + name, v);
  return version_of(all);
}

void Directory::wrong(Severity s, const Place& at, const std::string& file, std::string text) {
  problems_.add({s, at.path, std::move(text), file, at.line, at.column});
}

bool Directory::read() {
  problems_ = {};
  before_ = std::exchange(files_, {});
  directories_.clear();
  known_.clear();
  list(path_, "");
  list_layers("clusters");
  list_layers("nodes");
  if (files_.empty() && problems_.ok())
    wrong(Severity::error, {}, path_,
          "there is no resource file here (.yaml, .yml, .json, .pb); to serve nothing say 'resources: []'");
  check_references();
  before_.clear();
  if (!problems_.ok()) return false;
  good_ = assemble();
  return true;
}

void Directory::list(const std::string& directory, const std::string& layer) {
  directories_.push_back(directory);
  std::error_code error;
  std::vector<fs::path> names;
  for (fs::directory_iterator i(directory, error), end; !error && i != end; i.increment(error)) names.push_back(i->path());
  if (error) return wrong(Severity::error, {}, directory, "cannot be read: " + error.message());
  std::sort(names.begin(), names.end());
  for (const auto& p : names) {
    const std::string name = p.filename();
    if (name.starts_with(".")) continue;
    if (fs::is_directory(p, error)) {
      if (!layer.empty() || (name != "nodes" && name != "clusters"))
        wrong(Severity::warning, {}, p, "a directory here is not read, but for nodes/ID and clusters/NAME");
    } else if (is_resource_file(name)) {
      take(p, layer);
    }
  }
}

void Directory::list_layers(const std::string& kind) {
  const std::string top = path_ + "/" + kind;
  std::error_code error;
  if (!fs::is_directory(top, error)) return;
  directories_.push_back(top);
  std::vector<fs::path> names;
  for (fs::directory_iterator i(top, error), end; !error && i != end; i.increment(error)) names.push_back(i->path());
  if (error) return wrong(Severity::error, {}, top, "cannot be read: " + error.message());
  std::sort(names.begin(), names.end());
  for (const auto& p : names) {
    const std::string name = p.filename();
    if (name.starts_with(".")) continue;
    if (fs::is_directory(p, error))
      list(p, kind + "/" + percent_decode(name));
    else if (is_resource_file(name))
      wrong(Severity::warning, {}, p,
            "not read: it belongs into a directory named by a proxy's " +
                (kind == "nodes" ? std::string("node id") : std::string("cluster")));
  }
}

void Directory::take(const std::string& name, const std::string& layer) {
  struct stat stamp {};
  if (::stat(name.c_str(), &stamp) != 0)
    return wrong(Severity::error, {}, name, std::string("cannot be read: ") + std::strerror(errno));
  if (!S_ISREG(stamp.st_mode)) return wrong(Severity::error, {}, name, "is not a regular file");
  File& f = files_[name];
  f.layer = layer;
  f.stamp = stamp;
  const auto at = before_.find(name);
  f.loaded = at != before_.end() && same(at->second.stamp, stamp) ? std::move(at->second.loaded) : load_file(name, options_);
  for (const auto& p : f.loaded.problems.list()) problems_.add(p);
  auto& known = known_[layer];
  for (const auto& i : f.loaded.items) {
    const auto [other, is_new] =
        known.emplace(std::pair<std::string_view, std::string_view>(i.item->type_url, i.item->name), &f.loaded);
    if (!is_new)
      wrong(
          Severity::error, i.place, name,
          "a " + std::string(short_type(i.item->type_url)) + " '" + i.item->name + "' is in " + other->second->name + " already");
  }
}

bool Directory::is_known(const Reference& r, const std::string& layer) const {
  const std::pair<std::string_view, std::string_view> what(r.type_url, r.name);
  for (const auto& [other, items] : known_) {
    // The files for a node are not for those of another; they may be for those of any cluster.
    const bool together =
        other == layer || other.empty() || layer.empty() || other.substr(0, other.find('/')) != layer.substr(0, layer.find('/'));
    if (together && items.contains(what)) return true;
  }
  return false;
}

void Directory::check_references() {
  for (const auto& [name, f] : files_)
    for (const auto& i : f.loaded.items)
      for (const auto& r : i.references)
        if (!is_known(r, f.layer))
          wrong(Severity::warning, r.place, name,
                "there is no " + std::string(short_type(r.type_url)) + " '" + r.name + "' in this directory");
}

SnapshotPtr Directory::assemble() {
  std::map<std::string, std::map<std::string, std::shared_ptr<TypeItems>>> layers;
  for (const auto& [name, f] : files_)
    for (const auto& i : f.loaded.items) {
      auto& items = layers[f.layer][i.item->type_url];
      if (items == nullptr) items = std::make_shared<TypeItems>();
      items->items.emplace(i.item->name, i.item);
    }
  auto s = std::make_shared<Snapshot>();
  for (auto& [layer, types] : layers) {
    View& v = view_of(*s, layer);
    for (auto& [type_url, items] : types) {
      items->version = version_of(items->items);
      v[type_url] = std::move(items);
    }
  }
  if (good_ == nullptr) return s;
  keep_same(s->root, good_->root);
  for (auto& [name, v] : s->clusters)
    if (const View* old = find(good_->clusters, name)) keep_same(v, *old);
  for (auto& [name, v] : s->nodes)
    if (const View* old = find(good_->nodes, name)) keep_same(v, *old);
  return s;
}

std::vector<std::string> Directory::file_names() const {
  std::vector<std::string> out;
  for (const auto& [name, f] : files_) out.push_back(name);
  return out;
}

std::vector<std::string> Directory::directories() const {
  std::vector<std::string> out = directories_;
  const auto add = [&out](const fs::path& p) {
    const std::string parent = p.parent_path().empty() ? "." : p.parent_path().string();
    if (std::find(out.begin(), out.end(), parent) == out.end()) out.push_back(parent);
  };
  std::error_code error;
  if (fs::is_symlink(path_, error) || !fs::is_directory(path_, error)) add(path_);  // it may be replaced, or come back
  for (const auto& [name, f] : files_)                                              // what is linked to may be written
    if (fs::is_symlink(name, error)) add(fs::canonical(name, error));
  return out;
}

}  // namespace outrigger::control_plane
