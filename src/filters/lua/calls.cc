#include "filters/lua/calls.h"

#include <algorithm>

#include "filters/lua/api.h"
#include "filters/shadow.h"
#include "proxy/base/numbers.h"

namespace outrigger::filters::lua {

Calls::~Calls() {
  // In the arena: they may have been on the stack when the next one was made.
  for (Made* m = last_; m != nullptr; m = m->before) m->call.~SideCall();
}

http::RequestHead& Calls::prepare(const CallOptions& options) {
  options_ = options;
  SideCallEvents& told = *this;
  last_ = stream_.arena().make<Made>(stream_, told, last_);
  body_.clear();
  return last_->call.head();
}

bool Calls::begin() {
  answer_body_.clear();
  answer_ = nullptr;
  settled_ = false;
  beginning_ = true;
  last_->call.start(*options_.cluster, std::move(body_), options_.timeout, options_.sends_xff);
  beginning_ = false;
  return settled_;
}

void Calls::send_and_forget() {
  filters::send_and_forget(stream_, *options_.cluster, last_->call.head(), body_, options_.timeout, options_.sends_xff);
  body_.clear();
}

void Calls::cancel() {
  if (last_ != nullptr) last_->call.cancel();
}

void Calls::on_side_answer(http::ResponseHead& head, Buffer& body, const http::HeaderMap*) {
  answer_ = &head;
  answer_body_.append(std::move(body));
  settle();
}

void Calls::on_side_failure() { settle(); }

void Calls::settle() {
  settled_ = true;
  if (!beginning_) events_.on_answer();
}

namespace {

/// The values of a name that is there more than once become a list; otherwise the last one counts, as in Envoy.
void put(lua_State* L, int table, std::string_view name, std::string_view value, bool keeps_duplicates) {
  push(L, name);
  if (keeps_duplicates) {
    lua_pushvalue(L, -1);
    lua_rawget(L, table);
    if (lua_isstring(L, -1)) {
      lua_createtable(L, 2, 0);
      lua_insert(L, -2);
      lua_rawseti(L, -2, 1);
    }
    if (lua_istable(L, -1)) {
      push(L, value);
      lua_rawseti(L, -2, static_cast<int>(lua_objlen(L, -2)) + 1);
      return lua_rawset(L, table);
    }
    lua_pop(L, 1);
  }
  push(L, value);
  lua_rawset(L, table);
}

}  // namespace

void Calls::push_answer(lua_State* L) {
  luaL_checkstack(L, 12, nullptr);
  lua_newtable(L);
  const int table = lua_gettop(L);
  if (answer_ == nullptr) {
    const auto& failure = last_->call.failure();
    put(L, table, ":status", decimal(failure.status, stream_.arena()), false);
    if (failure.is_answer) {
      put(L, table, "content-length", decimal(failure.text.size(), stream_.arena()), false);
      put(L, table, "content-type", "text/plain", false);
    }
    return push(L, failure.text);
  }
  put(L, table, ":status", decimal(answer_->status, stream_.arena()), false);
  for (const auto& e : answer_->headers) put(L, table, e.name, e.value, options_.keeps_duplicates);
  if (answer_body_.empty()) return lua_pushnil(L);
  const auto all = answer_body_.linearize(answer_body_.size());
  lua_pushlstring(L, all.data(), all.size());
}

}  // namespace outrigger::filters::lua
