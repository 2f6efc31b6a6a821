#include "proxy/http/h1_codec.h"

#include <algorithm>
#include <cstring>

namespace outrigger::http {

namespace {

constexpr H1Error kBad{400, "Bad Request", "http1.codec_error"};
constexpr std::uint32_t kInformationalMax = 100;

void skip_empty_lines(Buffer& in) {
  for (;;) {
    const std::string_view f = in.front();
    if (f.empty() || (f[0] != '\r' && f[0] != '\n')) return;
    in.drain(1);
  }
}

/// The complete head copied to the arena; null: not complete yet, or too large (`error`).
/// `requests`: an HTTP/0.9 request is complete with its only line; null: responses are read.
char* take_head(Buffer& in, Arena* (*arena_of)(void*), void* ctx, std::size_t bytes_max, const Http1Options* requests,
                std::size_t& scanned, std::size_t& size, bool& error) {
  const auto have = in.linearize(std::min(in.size(), bytes_max + 1));
  size = find_head_end({have.data(), have.size()}, scanned);
  if (size == 0 && requests != nullptr) size = find_simple_request({have.data(), have.size()}, requests->allow_custom_methods);
  if (size == 0 || size > bytes_max) {
    error = size > bytes_max || have.size() > bytes_max;
    return nullptr;
  }
  scanned = 0;
  auto* text = static_cast<char*>(arena_of(ctx)->allocate(size, 1));
  std::memcpy(text, have.data(), size);
  in.drain(size);
  return text;
}

}  // namespace

void H1ServerCodec::fail(Events& events, const H1Error& e) {
  state_ = State::dead;
  events.on_codec_error(e);
}

void H1ServerCodec::next_request() noexcept {
  if (state_ == State::dead) return;
  state_ = State::head;
  scanned_ = 0;
  chunks_.reset();
  head_ = nullptr;
  trailers_ = nullptr;
}

bool H1ServerCodec::read_head(Buffer& in, Events& events) {
  skip_empty_lines(in);
  if (in.empty()) return false;
  const std::size_t bytes_max = std::size_t{options_.headers_kb_max} * 1024;
  bool error = false;
  std::size_t size = 0;
  struct Ctx {
    Events& events;
    RequestHead* head;
  } ctx{events, nullptr};
  char* text = take_head(
      in,
      [](void* p) -> Arena* {
        auto& c = *static_cast<Ctx*>(p);
        c.head = &c.events.on_request_start();
        return &c.head->headers.arena();
      },
      &ctx, bytes_max, &options_, scanned_, size, error);
  message_bytes_ = text == nullptr ? in.size() : size;
  if (text == nullptr) {
    if (error) {
      events.on_request_start();
      fail(events, kHeadersTooLarge);
    }
    return false;
  }
  head_ = ctx.head;
  Framing framing;
  if (const H1Error e = parse_request_head(text, size, options_, *head_, framing)) {
    fail(events, e);
    return false;
  }
  left_ = framing.bytes;
  const bool end = framing.kind == Framing::none;
  state_ = framing.kind == Framing::chunked ? State::chunked : end ? State::complete : State::length;
  events.on_request_head(framing, end);
  return true;
}

void H1ServerCodec::read_chunks(Buffer& in, Events& events) {
  Buffer body;
  Arena& arena = head_->headers.arena();
  if (trailers_ == nullptr && options_.enable_trailers) trailers_ = arena.make<HeaderMap>(arena, MapOf::request_trailers);
  const std::size_t before = in.size();
  const auto status = chunks_.feed(in, body, options_, arena, trailers_);
  message_bytes_ += before - in.size();
  if (status == ChunkDecoder::Status::error) {
    if (chunks_.payload_complete() && !body.empty()) events.on_request_body(body, false);  // as Envoy counts it
    if (state_ == State::chunked) fail(events, chunks_.error());
    return;
  }
  const bool done = status == ChunkDecoder::Status::done;
  if (done) state_ = State::complete;
  const bool tell_trailers = done && trailers_ != nullptr && trailers_->size() > 0;
  if (!body.empty() || (done && !tell_trailers)) events.on_request_body(body, done && !tell_trailers);
  if (tell_trailers && state_ == State::complete) events.on_request_trailers(*trailers_);
}

void H1ServerCodec::feed(Buffer& in, Events& events) {
  while (!in.empty()) {
    switch (state_) {
      case State::head:
        if (!read_head(in, events)) return;
        break;
      case State::length: {
        Buffer body;
        const auto n = static_cast<std::size_t>(std::min<std::uint64_t>(left_, in.size()));
        body.move_from(in, n);
        message_bytes_ += n;
        left_ -= n;
        if (left_ == 0) state_ = State::complete;
        events.on_request_body(body, left_ == 0);
        break;
      }
      case State::chunked: {
        const std::size_t before = in.size();
        read_chunks(in, events);
        if (in.size() == before && state_ == State::chunked) return;
        break;
      }
      case State::tunnel: {
        Buffer body;
        message_bytes_ += in.size();
        body.append(std::move(in));
        events.on_request_body(body, false);
        return;
      }
      case State::complete: return;
      case State::dead: in.clear(); return;
    }
  }
}

void H1ClientCodec::expect_response(std::string_view method, bool upgrade) noexcept {
  method_ = method;
  upgrade_ = upgrade;
  state_ = State::head;
  scanned_ = 0;
  informational_ = 0;
  keep_alive_ = true;
  trailers_ = nullptr;
  chunks_.reset();
}

void H1ClientCodec::finish() noexcept { state_ = State::idle; }

void H1ClientCodec::fail(Events& events, const H1Error& e) {
  state_ = State::dead;
  keep_alive_ = false;
  events.on_codec_error(e);
}

bool H1ClientCodec::read_head(Buffer& in, Events& events) {
  bool error = false;
  std::size_t size = 0;
  char* text = take_head(
      in, [](void* p) -> Arena* { return &static_cast<Events*>(p)->response_arena(); }, &events,
      std::size_t{options_.headers_kb_max} * 1024, nullptr, scanned_, size, error);
  if (text == nullptr) {
    if (error) fail(events, kHeadersTooLarge);
    return false;
  }
  auto& head = *events.response_arena().make<ResponseHead>(events.response_arena());
  Framing framing;
  if (const H1Error e = parse_response_head(text, size, options_, method_, head, framing)) {
    fail(events, e);
    return false;
  }
  if (head.status / 100 == 1 && head.status != 101) {
    if (++informational_ > kInformationalMax)
      fail(events, kBad);
    else
      events.on_informational(head);
    return state_ == State::head;
  }
  keep_alive_ = framing.keep_alive;
  left_ = framing.bytes;
  if ((head.status == 101 && upgrade_ && framing.upgrade) || (method_ == "CONNECT" && head.status / 100 == 2)) {
    state_ = State::tunnel;
    keep_alive_ = false;
    events.on_response_head(head, false);
    return true;
  }
  const bool end = framing.kind == Framing::none;
  switch (framing.kind) {
    case Framing::none: finish(); break;
    case Framing::length: state_ = State::length; break;
    case Framing::chunked: state_ = State::chunked; break;
    case Framing::until_close: state_ = State::until_close; break;
  }
  events.on_response_head(head, end);
  return true;
}

void H1ClientCodec::feed(Buffer& in, Events& events) {
  while (!in.empty()) {
    switch (state_) {
      case State::head:
        if (!read_head(in, events)) return;
        break;
      case State::length: {
        Buffer body;
        const auto n = static_cast<std::size_t>(std::min<std::uint64_t>(left_, in.size()));
        body.move_from(in, n);
        left_ -= n;
        const bool end = left_ == 0;
        if (end) finish();
        events.on_response_body(body, end);
        break;
      }
      case State::chunked: {
        Buffer body;
        Arena& arena = events.response_arena();
        if (trailers_ == nullptr && options_.enable_trailers) trailers_ = arena.make<HeaderMap>(arena, MapOf::response_trailers);
        const std::size_t before = in.size();
        const auto status = chunks_.feed(in, body, options_, arena, trailers_);
        if (status == ChunkDecoder::Status::error) return fail(events, chunks_.error());
        const bool done = status == ChunkDecoder::Status::done;
        if (done) finish();
        const bool tell = done && trailers_ != nullptr && trailers_->size() > 0;
        if (!body.empty() || (done && !tell)) events.on_response_body(body, done && !tell);
        if (tell) events.on_response_trailers(*trailers_);
        if (in.size() == before && state_ == State::chunked) return;
        break;
      }
      case State::until_close:
      case State::tunnel: {
        Buffer body;
        body.append(std::move(in));
        events.on_response_body(body, false);
        return;
      }
      case State::idle: return;  // bytes nobody asked for: the owner closes the connection
      case State::dead: in.clear(); return;
    }
  }
}

bool H1ClientCodec::feed_eof(Events& events) {
  if (state_ != State::until_close && state_ != State::tunnel) return false;
  finish();
  Buffer none;
  events.on_response_body(none, true);
  return true;
}

}  // namespace outrigger::http
