#include "filters/lua/half.h"

#include "filters/lua/api.h"
#include "proxy/base/log.h"

namespace outrigger::filters::lua {

namespace {
constexpr std::size_t kKeptMax = std::size_t{1} << 20;  // of headers and the like that a script makes
}

void Half::start(Script::Loaded& loaded, int function, bool end) {
  drop();
  vm_ = &loaded.vm;
  ends = end;
  id = vm_->new_id();
  coroutine_ = vm_->start(function, reference_);
  push_handle(coroutine_, id);
  stream.thread().cells.add(factory.config().stats, LuaStat::executions);
  run(1);
  if (!blocks()) headers_continued = true;
}

void Half::run(int arguments) {
  for (bool again = false;; again = true) {
    iterating = 0;
    switch (vm_->resume(coroutine_, arguments, this, again)) {
      case Vm::Outcome::finished: return drop();
      case Vm::Outcome::yielded: break;
      case Vm::Outcome::failed: return end_of_failed();
    }
    if (state == State::running) return fail("script performed an unexpected yield");
    if (state != State::calling || !calls.begin()) return;
    state = State::running;
    calls.push_answer(coroutine_);
    arguments = 2;
  }
}

/// A request whose script has been stopped by our limits, which Envoy doesn't have, is not let through: clients could bring
/// that about.
void Half::end_of_failed() {
  const bool denies = vm_->over_limits() && is_request && !headers_continued;
  fail(Vm::error_of(coroutine_));
  if (!denies) return;
  reply = {.status = 500, .details = "lua_limit_exceeded"};
  state = State::responded;
}

void Half::on_answer() {
  state = State::running;
  calls.push_answer(coroutine_);
  run(2);
  events_.on_resumed(*this);
}

void Half::fail(std::string_view why) {
  stream.thread().cells.add(factory.config().stats, LuaStat::errors);
  LOG_ERROR(logger::lua, "script log: ", why);
  drop();
}

void Half::drop() noexcept {
  if (coroutine_ == nullptr) return;
  calls.cancel();
  vm_->release(reference_);
  coroutine_ = nullptr;
  state = State::running;
}

void Half::take_body(Buffer& bytes, bool end) {
  ends = end;
  saw_body = true;
  if (state == State::chunk) {
    state = State::running;
    push_object(coroutine_, kBuffer, own, &bytes);
    run(1);
  } else if (state == State::trailers && end) {
    state = State::running;
    run(0);
  }
}

void Half::take_whole(Buffer& all) {
  ends = true;
  state = State::running;
  body = saw_body ? &all : nullptr;
  if (body == nullptr && !wraps_body) return run(0);
  push_object(coroutine_, kBuffer, own, body);
  run(1);
}

void Half::take_trailers(http::HeaderMap& map) {
  ends = true;
  trailers = &map;
  if (state == State::chunk) {
    state = State::running;
    run(0);
  }
  if (!active() || state != State::trailers) return;
  state = State::running;
  push_object(coroutine_, kHeaders, of_trailers);
  run(1);
}

void Half::charge(lua_State* L, std::size_t bytes) {
  kept_ += bytes + 32;  // and what holds them
  Vm::of(L).charge(L, bytes / 16 + 1);
  if (kept_ > kKeptMax) luaL_error(L, "the script makes too many headers");
}

}  // namespace outrigger::filters::lua
