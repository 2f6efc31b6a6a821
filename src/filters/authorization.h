// What an authorization service is told of a request and what it says, without the bytes of its protocol. Worker's thread;
// strings live in the request's arena or outlive it.
#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include "proxy/base/arena.h"
#include "proxy/base/metadata.h"
#include "proxy/base/time.h"
#include "proxy/net/address.h"

namespace outrigger::filters {

/// A list in an arena, in order.
template <class T>
class Chain {
 public:
  struct Node {
    T item;
    Node* next;
  };
  void add(Arena& arena, T item) {
    Node* n = arena.make<Node>(Node{std::move(item), nullptr});
    (last_ == nullptr ? first_ : last_->next) = n;
    last_ = n;
  }
  bool empty() const noexcept { return first_ == nullptr; }
  struct Iterator {
    Node* at;
    T& operator*() const noexcept { return at->item; }
    Iterator& operator++() noexcept {
      at = at->next;
      return *this;
    }
    bool operator!=(const Iterator& o) const noexcept { return at != o.at; }
  };
  Iterator begin() const noexcept { return {first_}; }
  Iterator end() const noexcept { return {nullptr}; }

 private:
  Node* first_ = nullptr;
  Node* last_ = nullptr;
};

struct CheckPeer {
  const net::Address* address = nullptr;
  std::string_view service, principal, certificate;
  const std::map<std::string, std::string>* labels = nullptr;  // null: none
};

struct CheckRequest {
  struct Field {
    std::string_view name, value;
  };
  CheckPeer source, destination;
  bool of_connection = false;  // then there is no more than these, metadata and the server's name
  WallTime time{};
  std::uint64_t id = 0;
  std::string_view method, path, host, scheme, protocol;
  std::uint64_t size = 0;
  Chain<Field> fields;      // of the head; names once, unless raw
  bool raw_fields = false;  // not only text
  std::string_view body;
  bool body_is_text = true;
  bool partial_body = false, has_body = false;
  Chain<Field> extensions;                 // names once
  MetadataValue metadata, route_metadata;  // objects by namespace; null: none
  std::optional<std::string_view> server_name;
};

struct CheckAnswer {
  enum Verdict : std::uint8_t { error, denied, ok } verdict = error;
  struct Header {
    enum Action : std::uint8_t { set, append, add, add_if_absent, overwrite_if_exists } action = set;
    std::string_view name, value;  // name: lower case
  };
  struct Parameter {
    std::string_view name, value;
  };
  std::uint16_t status = 0;  // of the response to the client; 0: as the filter's config says
  std::string_view body;
  Chain<Header> request;   // of ok
  Chain<Header> response;  // of ok: added to the response; of denied: of the response
  Chain<std::string_view> remove;
  Chain<Parameter> query_set;
  Chain<std::string_view> query_remove;
  MetadataValue metadata;  // an object, or null
};

/// The messages of envoy.service.auth.v3, as bytes.
struct AuthorizationMessages {
  void (*encode)(const CheckRequest& request, std::string& out);
  /// False: it is none.
  bool (*decode)(std::string_view bytes, Arena& arena, CheckAnswer& out);
};

}  // namespace outrigger::filters
