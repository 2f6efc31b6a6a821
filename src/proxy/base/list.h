// Intrusive doubly linked list: no allocation, O(1) unlink. A Link unlinks itself when destroyed.
#pragma once

namespace outrigger {

struct Link {
  Link* prev = nullptr;
  Link* next = nullptr;
  Link() = default;
  Link(const Link&) = delete;
  Link& operator=(const Link&) = delete;
  ~Link() { unlink(); }
  bool linked() const noexcept { return next != nullptr; }
  void unlink() noexcept {
    if (next == nullptr) return;
    prev->next = next;
    next->prev = prev;
    prev = next = nullptr;
  }
};

/// T derives from Link (or from Tag, a Link, when it is in several lists).
template <class T, class Tag = Link>
class List {
 public:
  List() noexcept { head_.prev = head_.next = &head_; }
  ~List() {
    while (!empty()) head_.next->unlink();
    head_.prev = head_.next = nullptr;
  }
  List(const List&) = delete;
  List& operator=(const List&) = delete;
  bool empty() const noexcept { return head_.next == &head_; }
  void push_back(T& t) noexcept { insert_before(&head_, static_cast<Tag&>(t)); }
  void push_front(T& t) noexcept {
    static_cast<Tag&>(t).unlink();  // it may be the first
    insert_before(head_.next, static_cast<Tag&>(t));
  }
  T* front() noexcept { return empty() ? nullptr : to_item(head_.next); }
  T* back() noexcept { return empty() ? nullptr : to_item(head_.prev); }
  T* pop_front() noexcept {
    T* t = front();
    if (t != nullptr) static_cast<Tag*>(t)->unlink();
    return t;
  }
  /// Calls f on each; f may unlink the item it is given.
  template <class F>
  void each(F&& f) {
    for (Link* l = head_.next; l != &head_;) {
      Link* next = l->next;
      f(*to_item(l));
      l = next;
    }
  }

 private:
  static T* to_item(Link* l) noexcept { return static_cast<T*>(static_cast<Tag*>(l)); }
  static void insert_before(Link* at, Link& l) noexcept {
    l.unlink();
    l.next = at;
    l.prev = at->prev;
    at->prev->next = &l;
    at->prev = &l;
  }
  Link head_;
};

}  // namespace outrigger
