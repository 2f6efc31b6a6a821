// What is there as long as somebody holds it, found again by its key. Main thread.
#pragma once
#include <map>
#include <memory>
#include <string>

namespace outrigger::xds {

template <class T>
class SharedByKey {
 public:
  /// Found, or made by `make()`.
  template <class Make>
  std::shared_ptr<T> get(const std::string& key, Make&& make) {
    std::erase_if(all_, [](const auto& e) { return e.second.expired(); });
    if (const auto at = all_.find(key); at != all_.end())
      if (auto known = at->second.lock()) return known;
    std::shared_ptr<T> made = make();
    all_[key] = made;
    return made;
  }
  template <class F>
  void each(F&& f) const {
    for (const auto& [key, weak] : all_)
      if (const auto known = weak.lock()) f(static_cast<const T&>(*known));
  }

 private:
  std::map<std::string, std::weak_ptr<T>> all_;
};

}  // namespace outrigger::xds
