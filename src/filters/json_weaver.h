// What a path and a query are bound to, woven into the JSON of a body: text in, text out, for whoever makes a message of it. The
// text is looked at no closer than needed; what is wrong with it is left for the reader to tell. Pure.
#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace outrigger::filters {

struct JsonField {
  std::string_view name;  // as in the .proto file; lives as long as the types
  bool repeated = false;
};
struct JsonBinding {
  std::vector<JsonField> path;
  std::string value;
};

/// How `json` begins: white space.
std::size_t json_space(std::string_view json) noexcept;

class JsonWeaver {
 public:
  /// `reject`: a binding that says something else than the body is wrong, instead of giving way to it.
  JsonWeaver(std::span<const JsonBinding> bindings, bool reject);
  /// `json` as the value of the field `at` ("a.b"; empty: the message itself), and the bindings. False: it can't be told apart;
  /// then it is no JSON either.
  bool weave(std::string_view json, std::string_view at, std::string& out);
  /// Why a binding is refused; empty: none is.
  const std::string& collision() const noexcept { return collision_; }

 private:
  struct Leaf {  // a field and all that is bound to it
    JsonField field;
    std::vector<std::string_view> values;
  };
  struct Node {  // a message that something is bound to
    std::string_view name;
    std::vector<Leaf> leaves;
    std::vector<Node> messages;
    Node* find(std::string_view message) noexcept;
    bool empty() const noexcept { return leaves.empty() && messages.empty(); }
  };
  bool value_at(Node* in, std::string_view at);
  bool object(Node* node);
  bool key(std::string_view& name, std::string_view& quoted);
  bool member(Node* in, std::string_view name, std::string_view quoted);
  bool raw(std::string_view& value);
  void collide(Node& in, std::string_view name, std::string_view value);
  void compare(const Leaf& leaf, std::string_view value);
  void put_name(std::string_view name);
  void put_leaf(const Leaf& leaf);
  void put_rest(Node* node);
  void skip_space() noexcept;
  bool take(char c) noexcept;

  Node root_;
  bool reject_;
  std::string_view rest_;
  std::string* out_ = nullptr;
  std::string collision_;
};

/// The elements of an array, as its text comes.
class JsonArray {
 public:
  enum class Next : std::uint8_t { more, element, end, object, scalar, wrong };
  void append(std::string_view text) { text_ += text; }
  /// more: of the text. element: `out` has it until the next call. object, scalar: it is no array.
  Next next(std::string_view& out);
  std::size_t pending() const noexcept { return text_.size() - begin_; }
  std::string_view rest() const noexcept { return std::string_view(text_).substr(begin_); }
  bool begun() const noexcept { return state_ != State::before; }

 private:
  enum class State : std::uint8_t { before, first, elements, after } state_ = State::before;
  Next scan(std::string_view& out);
  void forget() noexcept;
  std::string text_;
  std::size_t begin_ = 0, at_ = 0;  // of the element; looked at so far
  std::size_t depth_ = 0;
  char quote_ = 0;
  bool escaped_ = false;
};

}  // namespace outrigger::filters
