// One direction of a stream as its script sees it: what the script waits for, the message, and what it asked for. Owned by the
// filter; in the arena, so what it holds is given back when the stream ends.
#pragma once
#include <cstdint>
#include <string_view>

#include "filters/lua/calls.h"
#include "filters/lua/filter.h"
#include "proxy/hcm/stream.h"

namespace outrigger::filters::lua {

/// What an object of the script's stands for, besides its type.
enum Which : std::uint8_t { own, of_request, of_trailers };

class Half;

/// Told that a script went on because of an answer to a call.
class HalfEvents {
 public:
  virtual void on_resumed(Half& half) = 0;

 protected:
  ~HalfEvents() = default;
};

class Half final : private CallEvents {
 public:
  enum class State : std::uint8_t {
    running,  // or at its end
    chunk,    // waits for the next piece of the body
    body,     // for all of it
    trailers,
    calling,
    responded,  // has nothing more to say
  };
  Half(hcm::Stream& s, const LuaFactory& f, HalfEvents& e, bool request) noexcept
      : stream(s), factory(f), is_request(request), calls(s, *this), events_(e) {}
  ~Half() { drop(); }

  /// Calls the function with a handle of this half.
  void start(Script::Loaded& loaded, int function, bool ends);
  bool active() const noexcept { return coroutine_ != nullptr; }
  /// The message is to wait for the script.
  bool blocks() const noexcept {
    return state == State::responded || (active() && (state == State::body || state == State::calling));
  }
  /// May it block now? Neither what has gone on can be held back, nor a response that has ended with its head or with trailers.
  bool can_wait() const noexcept { return !headers_continued && (is_request || (trailers == nullptr && (!ends || saw_body))); }
  /// An error of what the script does where it can't be helped.
  void fail(std::string_view why);
  /// More of the body: all of it so far when the script waits for that.
  void take_body(Buffer& bytes, bool ends);
  void take_trailers(http::HeaderMap& map);
  /// The body that the script waited for is whole.
  void take_whole(Buffer& all);
  /// The script is not called any more.
  void drop() noexcept;

  // For the functions that scripts call (see api.h).
  /// For so much more in the stream's arena. An error when it gets too much.
  void charge(lua_State* L, std::size_t bytes);
  lua_State* coroutine() const noexcept { return coroutine_; }
  http::HeaderMap& headers() noexcept { return is_request ? request->headers : response->headers; }

  hcm::Stream& stream;
  const LuaFactory& factory;
  const bool is_request;
  Calls calls;
  const LuaPerRoute* of_route = nullptr;  // null: it has none
  http::RequestHead* request = nullptr;
  http::ResponseHead* response = nullptr;
  http::HeaderMap* trailers = nullptr;
  Buffer* body = nullptr;  // all of it; null: there is none, or not yet
  State state = State::running;
  std::uint64_t id = 0;         // of its handle
  std::uint32_t iterating = 0;  // bits of what the script walks through
  bool ends = false, headers_continued = false, asked_for_body = false, saw_body = false, wraps_body = false;
  hcm::LocalReply reply;  // when responded

 private:
  void run(int arguments);
  void end_of_failed();
  void on_answer() override;

  HalfEvents& events_;
  Vm* vm_ = nullptr;
  lua_State* coroutine_ = nullptr;  // null: not started, or over
  int reference_ = LUA_NOREF;
  std::size_t kept_ = 0;  // bytes
};

}  // namespace outrigger::filters::lua
