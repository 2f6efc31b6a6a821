#include "filters/lua/filter.h"

#include <algorithm>

#include "filters/lua/api.h"
#include "filters/lua/half.h"
#include "proxy/base/log.h"

namespace outrigger::filters::lua {

using hcm::FilterStatus;

Result<std::shared_ptr<const Script>> Script::compile(std::string code, std::size_t workers) {
  Vm vm;
  register_api(vm.state());
  if (const auto error = vm.load(code)) return invalid("script load error: " + *error);
  return std::shared_ptr<const Script>(new Script(std::move(code), std::max(workers, std::size_t{1})));
}

Script::Loaded& Script::on(std::size_t worker) const {
  auto& loaded = loaded_[worker];
  if (loaded == nullptr) {
    loaded = std::make_unique<Loaded>();
    register_api(loaded->vm.state());
    if (const auto error = loaded->vm.load(code_)) {  // it went well on the main thread
      LOG_ERROR(logger::lua, "script log: a script does not load on worker ", worker, ": ", *error);
      loaded->broken = true;
      return *loaded;
    }
    loaded->on_request = loaded->vm.function("envoy_on_request");
    loaded->on_response = loaded->vm.function("envoy_on_response");
  }
  return *loaded;
}

namespace {

class Filter final : public hcm::HttpFilter, private HalfEvents {
 public:
  Filter(hcm::Stream& stream, const LuaFactory& factory)
      : HttpFilter(stream), factory_(factory), request_(stream, factory, *this, true), response_(stream, factory, *this, false) {}

  FilterStatus on_request_head(http::RequestHead& head, bool end_stream) override {
    const auto* script = find_script(request_);
    if (script == nullptr) return FilterStatus::go_on;
    auto& loaded = script->on(stream_.worker().index);
    if (loaded.broken) {
      stream_.local_reply({.status = 500, .details = "lua_script_not_loaded"});
      return FilterStatus::stop;
    }
    if (loaded.on_request == LUA_REFNIL) return FilterStatus::go_on;
    request_.request = &head;
    request_.start(loaded, loaded.on_request, end_stream);
    if (answered()) return FilterStatus::stop;
    request_held_ = request_.blocks();
    return request_held_ ? FilterStatus::stop : FilterStatus::go_on;
  }

  FilterStatus on_request_body(Buffer& body, bool end_stream) override {
    if (!request_held_) {
      if (request_.active()) feed(request_, body, end_stream, stream_.info().protocol);
      return FilterStatus::go_on;
    }
    request_.saw_body = request_.saw_body || !body.empty() || stream_.request_trailers() == nullptr;
    if (request_.state == Half::State::calling) {
      request_.ends = request_.ends || end_stream;
      if (end_stream) request_.trailers = stream_.request_trailers();
      return FilterStatus::go_on;
    }
    if (body.size() > stream_.buffer_bytes_max()) {
      request_held_ = false;
      request_.drop();
      stream_.close_connection();  // also when no more of it comes, as Envoy looks at a body before its end
      stream_.request_too_large();
      return FilterStatus::go_on;
    }
    if (!end_stream) return FilterStatus::stop;
    request_.trailers = stream_.request_trailers();
    request_.take_whole(body);
    go_on_with_request();
    return FilterStatus::go_on;
  }

  FilterStatus on_request_trailers(http::HeaderMap& trailers) override {
    if (request_.active()) request_.take_trailers(trailers);
    return FilterStatus::go_on;
  }

  FilterStatus on_response_head(http::ResponseHead& head, bool end_stream) override {
    const auto* script = find_script(response_);
    if (script == nullptr) return FilterStatus::go_on;
    auto& loaded = script->on(stream_.worker().index);
    if (loaded.on_response == LUA_REFNIL) return FilterStatus::go_on;
    response_.response = &head;
    response_.start(loaded, loaded.on_response, end_stream);
    response_held_ = response_.blocks();
    return response_held_ ? FilterStatus::stop : FilterStatus::go_on;
  }

  FilterStatus on_response_body(Buffer& body, bool end_stream) override {
    if (!response_held_) {
      const bool local = stream_.info().details != "via_upstream";
      if (response_.active()) feed(response_, body, end_stream, local ? http::Protocol::http2 : response_.response->protocol);
      return FilterStatus::go_on;
    }
    response_.saw_body = true;
    held_.append(std::move(body));
    if (held_.size() > stream_.buffer_bytes_max()) {
      response_held_ = false;
      response_.drop();
      held_.clear();
      stream_.response_too_large();
      return FilterStatus::stop;
    }
    response_.ends = response_.ends || end_stream;
    if (!end_stream || response_.state == Half::State::calling) return FilterStatus::stop;
    response_.take_whole(held_);
    if (response_.blocks()) return FilterStatus::stop;
    release_response();
    body.append(std::move(held_));
    return FilterStatus::go_on;
  }

  FilterStatus on_response_trailers(http::HeaderMap& trailers) override {
    if (response_held_) {
      response_.trailers = &trailers;
      if (response_.state == Half::State::calling)
        response_.fail("the trailers of a response can't wait for the answer of httpCall()");
      else
        response_.take_whole(held_);
      release_response();
      if (!held_.empty()) stream_.inject_response_body(*this, held_, false);
    } else if (response_.active()) {
      response_.take_trailers(trailers);
    }
    return FilterStatus::go_on;
  }

  void on_stream_end() override {
    request_.drop();
    response_.drop();
  }

 private:
  /// Null: none for this route.
  const Script* find_script(Half& half) {
    const auto* o = stream_.override_for(factory_.name);
    half.of_route = o == nullptr ? nullptr : o->as<LuaPerRoute>();
    if (const auto* own = half.of_route) {
      if (own->disabled) return nullptr;
      if (!own->name.empty()) {
        const auto at = factory_.config().named.find(own->name);
        return at == factory_.config().named.end() ? nullptr : at->second.get();
      }
      if (own->script != nullptr) return own->script.get();
    }
    return factory_.config().script.get();
  }

  /// In HTTP/1 scripts are told of the end after the body, as by Envoy.
  static void feed(Half& half, Buffer& body, bool end_stream, http::Protocol protocol) {
    const bool apart = end_stream && !body.empty() && protocol < http::Protocol::http2;
    half.take_body(body, end_stream && !apart);
    if (!apart || !half.active()) return;
    Buffer tail;
    half.take_body(tail, true);
    body.append(std::move(tail));
  }

  /// The script has answered the request.
  bool answered() {
    if (request_.state != Half::State::responded) return false;
    request_held_ = false;
    request_.drop();
    request_.state = Half::State::running;
    stream_.local_reply(request_.reply);
    return true;
  }

  /// Unless the script waits for something again.
  void go_on_with_request() {
    if (answered() || request_.blocks()) return;
    request_.headers_continued = true;
    request_held_ = false;
    stream_.continue_request(*this);
  }

  void release_response() {
    response_.headers_continued = true;
    response_held_ = false;
  }

  void on_resumed(Half& half) override {
    if (&half == &request_) return go_on_with_request();
    if (response_.blocks()) return;
    release_response();
    stream_.inject_response_body(*this, held_, response_.ends);
  }

  const LuaFactory& factory_;
  Half request_, response_;
  Buffer held_;  // of the response's body
  bool request_held_ = false, response_held_ = false;
};

}  // namespace

stats::BlockDef block_def(LuaStat) {
  static constexpr stats::StatDef kStats[] = {{stats::Kind::counter, "errors"}, {stats::Kind::counter, "executions"}};
  return {kStats, {}};
}

hcm::HttpFilter* LuaFactory::make(hcm::Stream& stream, Arena& arena) const { return arena.make<Filter>(stream, *this); }

}  // namespace outrigger::filters::lua
