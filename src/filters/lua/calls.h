// The calls to clusters that a script makes, one after the other; those that nobody waits for go on without it. Part of its half.
#pragma once
#include "filters/lua/vm.h"
#include "filters/side_call.h"

namespace outrigger::filters::lua {

class Calls;

/// Told of an answer that did not come at once.
class CallEvents {
 public:
  virtual void on_answer() = 0;

 protected:
  ~CallEvents() = default;
};

/// What is to be called, and how.
struct CallOptions {
  upstream::Cluster* cluster = nullptr;
  Duration timeout{};  // zero: none
  bool asynchronous = false, keeps_duplicates = false, sends_xff = true;
};

class Calls final : private SideCallEvents {
 public:
  Calls(hcm::Stream& stream, CallEvents& events) noexcept : stream_(stream), events_(events) {}
  ~Calls();
  static constexpr unsigned kMax = 100;  // of one half
  bool may_make_another() noexcept { return made_++ < kMax; }
  /// The head of a request, to be filled in.
  http::RequestHead& prepare(const CallOptions& options);
  void set_body(std::string_view body) { body_.append(body); }
  /// True: answered already.
  bool begin();
  /// The same, of a call that nobody waits for.
  void send_and_forget();
  void cancel();
  /// Pushes two values.
  void push_answer(lua_State* L);

 private:
  struct Made {
    SideCall call;
    Made* before;
    Made(hcm::Stream& s, SideCallEvents& e, Made* b) : call(s, e), before(b) {}
  };
  void on_side_answer(http::ResponseHead& head, Buffer& body, const http::HeaderMap*) override;
  void on_side_failure() override;
  void settle();

  hcm::Stream& stream_;
  CallEvents& events_;
  CallOptions options_;
  Made* last_ = nullptr;
  Buffer body_, answer_body_;
  http::ResponseHead* answer_ = nullptr;  // null: it failed
  unsigned made_ = 0;
  bool beginning_ = false, settled_ = false;
};

}  // namespace outrigger::filters::lua
