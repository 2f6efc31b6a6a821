// Equal things are made once and shared while anybody has them: what many clusters and listeners name
// alike (a CA bundle, a certificate). Main thread.
#pragma once
#include <map>
#include <memory>
#include <string>

namespace outrigger::tls {

template <class T>
class ContentCache {
 public:
  /// Null: nobody has it.
  std::shared_ptr<T> find(const std::string& key) {
    const auto at = made_.find(key);
    return at == made_.end() ? nullptr : at->second.lock();
  }
  void add(const std::string& key, const std::shared_ptr<T>& made) {
    std::erase_if(made_, [](const auto& m) { return m.second.expired(); });
    made_[key] = made;
  }

 private:
  std::map<std::string, std::weak_ptr<T>> made_;
};

}  // namespace outrigger::tls
