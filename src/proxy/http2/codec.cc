#include "proxy/http2/codec.h"

#include <nghttp2/nghttp2.h>

#include <algorithm>
#include <cstring>
#include <vector>

#include "proxy/http2/memory.h"

namespace outrigger::http2 {

using stats::Http2Stat;

namespace {

constexpr std::string_view kInvalidField = "http2.invalid.header.field";
constexpr std::size_t kOutputEnough = 64 * 1024;  // bodies wait for the socket beyond this
constexpr std::size_t kCopyBytes = 2048;          // less is copied: cheaper than a slice of its own
constexpr std::size_t kFrameHeadBytes = 9;

const std::vector<nghttp2_nv>& to_nv(std::span<const Field> fields) {
  thread_local std::vector<nghttp2_nv> out;
  out.clear();
  constexpr int kBorrowed = NGHTTP2_NV_FLAG_NO_COPY_NAME | NGHTTP2_NV_FLAG_NO_COPY_VALUE;
  for (const auto& f : fields)
    out.push_back({reinterpret_cast<std::uint8_t*>(const_cast<char*>(f.name.data())),
                   reinterpret_cast<std::uint8_t*>(const_cast<char*>(f.value.data())), f.name.size(), f.value.size(),
                   static_cast<std::uint8_t>(f.unique ? kBorrowed | NGHTTP2_NV_FLAG_NO_INDEX : kBorrowed)});
  return out;
}

Codec& self(void* p) { return *static_cast<Codec*>(p); }

/// Envoy's words for what nghttp2 found wrong.
std::string_view details_of(int error) noexcept {
  switch (error) {
    case NGHTTP2_ERR_HTTP_HEADER: return kInvalidField;
    case NGHTTP2_ERR_HTTP_MESSAGING: return "http2.violation.of.messaging.rule";
    default: return "http2.unknown.nghttp2.error";
  }
}

}  // namespace

void CodecStream::reset_state() {
  send.clear();
  received.clear();
  trailers.clear();
  id = 0;
  unconsumed = header_bytes = 0;
  pauses = header_count = 0;
  wire_sent = wire_received = header_wire_sent = header_wire_received = 0;
  has_trailers = send_end = starved = local_closed = remote_closed = remote_reset = reset_sent = above = false;
  details = {};
}

void Codec::Deleter::operator()(nghttp2_session* s) const noexcept { nghttp2_session_del(s); }

/// What nghttp2 calls. All run inside feed() or fill().
struct Codec::Callbacks {
  static int on_begin_frame(nghttp2_session*, const nghttp2_frame_hd* hd, void* p) {
    Codec& c = self(p);
    if (hd->type == NGHTTP2_HEADERS) c.block_wire_ = 0;
    if (hd->type == NGHTTP2_HEADERS || hd->type == NGHTTP2_CONTINUATION) c.block_wire_ += kFrameHeadBytes + hd->length;
    if (hd->type == NGHTTP2_HEADERS && c.side_ == Side::server && !c.past_.on_head(hd->stream_id))
      c.on_past_stream(hd->type, hd->stream_id);
    if (hd->type == NGHTTP2_DATA && (hd->flags & NGHTTP2_FLAG_PADDED) != 0) return 0;  // how much is padding is yet to come
    return c.on_inbound_frame(hd->type, hd->flags, hd->stream_id, hd->length);
  }

  static int on_begin_headers(nghttp2_session* session, const nghttp2_frame* frame, void* p) {
    Codec& c = self(p);
    if (frame->hd.type != NGHTTP2_HEADERS) return 0;
    CodecStream* s = c.stream(frame->hd.stream_id);
    if (frame->headers.cat == NGHTTP2_HCAT_REQUEST) {
      c.guard_.on_stream_opened();
      s = c.events_.on_request_begin(frame->hd.stream_id);
      if (s == nullptr) return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
      s->id = frame->hd.stream_id;
      nghttp2_session_set_stream_user_data(session, s->id, s);
      c.count_stream();
    } else if (s != nullptr) {
      if (frame->headers.cat == NGHTTP2_HCAT_HEADERS && c.side_ == Side::server) c.cells_.add(c.stats_, Http2Stat::trailers);
      s->header_count = 0;
      s->header_bytes = 0;
      c.events_.on_block_begin(*s);
    }
    return 0;
  }

  static int on_header(nghttp2_session*, const nghttp2_frame* frame, const std::uint8_t* name, std::size_t name_size,
                       const std::uint8_t* value, std::size_t value_size, std::uint8_t, void* p) {
    Codec& c = self(p);
    CodecStream* s = c.stream(frame->hd.stream_id);
    if (s == nullptr) return 0;
    s->header_bytes += name_size + value_size;
    if (s->header_bytes > std::size_t{c.options_.headers_kb_max} * 1024) {
      s->details = "http2.header_list_size_too_large";
      c.cells_.add(c.stats_, Http2Stat::header_list_size_too_large);
      return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    }
    if (++s->header_count > c.options_.headers_max) {
      s->details = "http2.too_many_headers";
      c.cells_.add(c.stats_, Http2Stat::header_overflow);
      return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    }
    const std::string_view n{reinterpret_cast<const char*>(name), name_size};
    if (c.options_.underscores != http::UnderscoreAction::allow && n.find('_') != std::string_view::npos) {
      if (c.options_.underscores == http::UnderscoreAction::drop) {
        c.cells_.add(c.stats_, Http2Stat::dropped_headers_with_underscores);
        return 0;
      }
      s->details = "http2.unexpected_underscore";
      c.cells_.add(c.stats_, Http2Stat::requests_rejected_with_underscores_in_headers);
      return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    }
    const std::string_view v{reinterpret_cast<const char*>(value), value_size};
    if ((n == ":authority" || n == "host") && v.find('@') != std::string_view::npos) return c.malformed(*s);
    return c.events_.on_header(*s, n, v) ? 0 : NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
  }

  /// nghttp2 found it, or malformed(). The connection ends, or only the stream.
  static int on_invalid_header(nghttp2_session*, const nghttp2_frame* frame, const std::uint8_t*, std::size_t,
                               const std::uint8_t*, std::size_t, std::uint8_t, void* p) {
    Codec& c = self(p);
    CodecStream* s = c.stream(frame->hd.stream_id);
    if (s != nullptr) s->details = kInvalidField;
    if (c.options_.stream_error_on_invalid_message) return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;  // on_invalid_frame follows
    c.cells_.add(c.stats_, Http2Stat::rx_messaging_error);
    return c.fail();
  }

  static int on_invalid_frame(nghttp2_session*, const nghttp2_frame* frame, int error, void* p) {
    Codec& c = self(p);
    if (error == NGHTTP2_ERR_REFUSED_STREAM) {
      c.cells_.add(c.stats_, Http2Stat::stream_refused_errors);
      return 0;
    }
    CodecStream* s = frame->hd.stream_id == 0 ? nullptr : c.stream(frame->hd.stream_id);
    if (s != nullptr) s->details = details_of(error);
    if (error == NGHTTP2_ERR_FLOW_CONTROL && c.side_ == Side::server) return 0;  // nghttp2 sends RST_STREAM or GOAWAY
    if (error == NGHTTP2_ERR_HTTP_HEADER || error == NGHTTP2_ERR_HTTP_MESSAGING) {
      c.cells_.add(c.stats_, Http2Stat::rx_messaging_error);
      if (c.options_.stream_error_on_invalid_message) return 0;  // nghttp2 resets the stream
    }
    return c.fail();
  }

  static int on_frame_recv(nghttp2_session*, const nghttp2_frame* frame, void* p) {
    Codec& c = self(p);
    CodecStream* s = frame->hd.stream_id == 0 ? nullptr : c.stream(frame->hd.stream_id);
    const bool end = (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
    if (s != nullptr && frame->hd.type == NGHTTP2_HEADERS) s->wire_received += c.block_wire_;
    if (s != nullptr && frame->hd.type == NGHTTP2_DATA) s->wire_received += kFrameHeadBytes + frame->hd.length;
    switch (frame->hd.type) {
      case NGHTTP2_HEADERS:
        if (s == nullptr) break;
        s->header_wire_received += c.block_wire_;
        s->remote_closed = end;
        c.events_.on_headers_end(*s, end);
        break;
      case NGHTTP2_DATA:
        if ((frame->hd.flags & NGHTTP2_FLAG_PADDED) != 0 &&
            c.on_inbound_frame(NGHTTP2_DATA, frame->hd.flags, frame->hd.stream_id, frame->hd.length - frame->data.padlen) != 0)
          return NGHTTP2_ERR_CALLBACK_FAILURE;
        if (s == nullptr) break;
        s->remote_closed = end;
        c.deliver(*s, end);
        break;
      case NGHTTP2_RST_STREAM:
        if (s == nullptr) break;
        c.cells_.add(c.stats_, Http2Stat::rx_reset);
        c.events_.on_reset(*s, frame->rst_stream.error_code);
        s->remote_reset = true;
        break;
      case NGHTTP2_GOAWAY: c.events_.on_goaway(frame->goaway.last_stream_id, frame->goaway.error_code); break;
      case NGHTTP2_SETTINGS:
        if ((frame->hd.flags & NGHTTP2_FLAG_ACK) == 0) c.events_.on_settings();
        break;
      case NGHTTP2_PING:
        if ((frame->hd.flags & NGHTTP2_FLAG_ACK) != 0) c.events_.on_ping_answer();
        break;
      default: break;
    }
    return c.failed_ ? NGHTTP2_ERR_CALLBACK_FAILURE : 0;
  }

  static int on_data_chunk(nghttp2_session* session, std::uint8_t, std::int32_t id, const std::uint8_t* data, std::size_t size,
                           void* p) {
    Codec& c = self(p);
    CodecStream* s = c.stream(id);
    if (s == nullptr) {
      nghttp2_session_consume(session, id, size);
      return 0;
    }
    const std::string_view bytes{reinterpret_cast<const char*>(data), size};
    if (size <= kCopyBytes)
      s->received.append_small(bytes);
    else
      c.in_->share_front(bytes, s->received);
    if (s->pauses > 0)
      s->unconsumed += size;
    else
      nghttp2_session_consume(session, id, size);
    return 0;
  }

  static int on_stream_close(nghttp2_session* session, std::int32_t id, std::uint32_t code, void* p) {
    Codec& c = self(p);
    CodecStream* s = c.stream(id);
    if (s == nullptr) return 0;
    c.found_id_ = 0;
    if (s->unconsumed > 0) nghttp2_session_consume_connection(session, s->unconsumed);
    nghttp2_session_set_stream_user_data(session, id, nullptr);
    if (c.side_ == Side::server && (s->remote_closed || s->remote_reset))
      c.past_.on_closed(id, s->remote_reset ? PastStreams::End::reset : PastStreams::End::ended);
    --c.streams_;
    c.cells_.dec(c.stats_, Http2Stat::streams_active);
    c.events_.on_closed(*s, code);
    return c.failed_ ? NGHTTP2_ERR_CALLBACK_FAILURE : 0;
  }

  static int on_frame_send(nghttp2_session*, const nghttp2_frame* frame, void* p) {
    Codec& c = self(p);
    CodecStream* s = frame->hd.stream_id == 0 ? nullptr : c.stream(frame->hd.stream_id);
    const std::size_t wire = kFrameHeadBytes + frame->hd.length;
    const bool bearing = frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA;
    if (s != nullptr && bearing) s->wire_sent += wire;
    if (s != nullptr && frame->hd.type == NGHTTP2_HEADERS) s->header_wire_sent += wire;
    if (s != nullptr && bearing && (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0) {
      s->local_closed = true;
      c.events_.on_local_end(*s);
    }
    if (frame->hd.type == NGHTTP2_RST_STREAM) c.cells_.add(c.stats_, Http2Stat::tx_reset);
    if (frame->hd.type == NGHTTP2_GOAWAY && frame->goaway.error_code != NGHTTP2_NO_ERROR) c.closing_ = true;
    const Flood f = c.guard_.on_outbound(frame->hd.type, c.output_total_);
    if (f != Flood::none) c.outbound_flood_ = f;  // what is ready still goes out
    return 0;
  }

  static ssize_t read_body(nghttp2_session*, std::int32_t, std::uint8_t*, std::size_t length, std::uint32_t* flags,
                           nghttp2_data_source* source, void* p) {
    Codec& c = self(p);
    auto& s = *static_cast<CodecStream*>(source->ptr);
    if (c.out_->size() >= kOutputEnough) return NGHTTP2_ERR_PAUSE;
    if (s.send.empty() && !s.send_end) {
      s.starved = true;
      return NGHTTP2_ERR_DEFERRED;
    }
    const std::size_t n = std::min(length, s.send.size());
    *flags |= NGHTTP2_DATA_FLAG_NO_COPY;
    if (s.send_end && n == s.send.size()) {
      *flags |= NGHTTP2_DATA_FLAG_EOF;
      if (s.has_trailers) {
        *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
        c.submit_packed_trailers(s);
      }
    }
    return static_cast<ssize_t>(n);
  }

  static int send_data(nghttp2_session*, nghttp2_frame*, const std::uint8_t* head, std::size_t length,
                       nghttp2_data_source* source, void* p) {
    Codec& c = self(p);
    auto& s = *static_cast<CodecStream*>(source->ptr);
    c.out_->append({reinterpret_cast<const char*>(head), kFrameHeadBytes});
    if (length > 0 && length <= kCopyBytes && s.send.front().size() >= length) {
      c.out_->append(s.send.front().substr(0, length));
      s.send.drain(length);
    } else {
      c.out_->move_from(s.send, length);
    }
    c.output_total_ += kFrameHeadBytes + length;
    c.below(s);
    return 0;
  }

  static nghttp2_session_callbacks* all() {
    static nghttp2_session_callbacks* made = [] {
      nghttp2_session_callbacks* c = nullptr;
      nghttp2_session_callbacks_new(&c);
      nghttp2_session_callbacks_set_on_begin_frame_callback(c, on_begin_frame);
      nghttp2_session_callbacks_set_on_begin_headers_callback(c, on_begin_headers);
      nghttp2_session_callbacks_set_on_header_callback(c, on_header);
      nghttp2_session_callbacks_set_on_invalid_header_callback(c, on_invalid_header);
      nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(c, on_invalid_frame);
      nghttp2_session_callbacks_set_on_frame_recv_callback(c, on_frame_recv);
      nghttp2_session_callbacks_set_on_data_chunk_recv_callback(c, on_data_chunk);
      nghttp2_session_callbacks_set_on_stream_close_callback(c, on_stream_close);
      nghttp2_session_callbacks_set_on_frame_send_callback(c, on_frame_send);
      nghttp2_session_callbacks_set_send_data_callback(c, send_data);
      return c;
    }();
    return made;
  }
};

Codec::Codec(Side side, const Options& options, stats::Cells& cells, stats::BlockHandle stats, CodecEvents& events,
             std::size_t send_limit)
    : side_(side), options_(options), cells_(cells), stats_(stats), events_(events), send_limit_(send_limit), guard_(options) {
  nghttp2_option* o = nullptr;
  nghttp2_option_new(&o);
  nghttp2_option_set_no_auto_window_update(o, 1);
  nghttp2_option_set_no_closed_streams(o, 1);
  nghttp2_option_set_no_rfc9113_leading_and_trailing_ws_validation(o, 1);
  nghttp2_option_set_max_outbound_ack(o, 10000);                         // FloodGuard counts
  nghttp2_option_set_max_continuations(o, 512);                          // bounded by the header limits
  nghttp2_option_set_max_send_header_block_length(o, 16 * 1024 * 1024);  // as much as may come in
  if (options.hpack_table_bytes != 4096) nghttp2_option_set_max_deflate_dynamic_table_size(o, options.hpack_table_bytes);
  nghttp2_session* session = nullptr;
  const bool server = side == Side::server;
  if (server)
    nghttp2_session_server_new3(&session, Callbacks::all(), this, o, memory());
  else
    nghttp2_session_client_new3(&session, Callbacks::all(), this, o, memory());
  nghttp2_option_del(o);
  session_.reset(session);
  nghttp2_settings_entry settings[5];
  std::size_t n = 0;
  if (!server) settings[n++] = {NGHTTP2_SETTINGS_ENABLE_PUSH, 0};
  settings[n++] = {NGHTTP2_SETTINGS_HEADER_TABLE_SIZE, options.hpack_table_bytes};
  settings[n++] = {NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL, options.allow_connect ? 1u : 0u};
  settings[n++] = {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, options.streams_max};
  settings[n++] = {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, options.stream_window_bytes};
  nghttp2_submit_settings(session, NGHTTP2_FLAG_NONE, settings, n);
  constexpr std::uint32_t kDefaultWindow = 65535;
  if (options.connection_window_bytes > kDefaultWindow)
    nghttp2_submit_window_update(session, NGHTTP2_FLAG_NONE, 0,
                                 static_cast<std::int32_t>(options.connection_window_bytes - kDefaultWindow));
}

Codec::~Codec() {
  for (; streams_ > 0; --streams_) cells_.dec(stats_, Http2Stat::streams_active);
}

void Codec::count_stream() noexcept {
  ++streams_;
  cells_.inc(stats_, Http2Stat::streams_active);
}

CodecStream* Codec::stream(std::int32_t id) noexcept {
  if (id == found_id_ && id != 0) return found_;
  auto* s = static_cast<CodecStream*>(nghttp2_session_get_stream_user_data(session_.get(), id));
  if (s != nullptr) {
    found_id_ = id;
    found_ = s;
  }
  return s;
}

int Codec::fail() noexcept {
  failed_ = true;
  return NGHTTP2_ERR_CALLBACK_FAILURE;
}

/// A field is wrong that nghttp2 takes.
int Codec::malformed(CodecStream& s) noexcept {
  s.details = kInvalidField;
  cells_.add(stats_, Http2Stat::rx_messaging_error);
  if (!options_.stream_error_on_invalid_message) return fail();
  nghttp2_submit_rst_stream(session_.get(), NGHTTP2_FLAG_NONE, s.id, NGHTTP2_PROTOCOL_ERROR);
  return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
}

/// HEADERS or DATA of a stream that is not there. What was under way when we ended it is taken; what follows an end that the
/// client made is an error (RFC 9113, 5.1).
void Codec::on_past_stream(std::uint8_t type, std::int32_t id) noexcept {
  const auto how = stream(id) != nullptr ? PastStreams::End::unknown : past_.find(id);
  if (how == PastStreams::End::reset) {
    nghttp2_submit_rst_stream(session_.get(), NGHTTP2_FLAG_NONE, id, NGHTTP2_STREAM_CLOSED);
  } else if (how == PastStreams::End::ended) {
    nghttp2_session_terminate_session(session_.get(), NGHTTP2_STREAM_CLOSED);
  } else if (how == PastStreams::End::left_out && type == NGHTTP2_HEADERS) {
    nghttp2_session_terminate_session(session_.get(), NGHTTP2_PROTOCOL_ERROR);
  }
}

int Codec::on_inbound_frame(std::uint8_t type, std::uint8_t flags, std::int32_t id, std::size_t bytes) noexcept {
  const Flood f = guard_.on_inbound(type, flags, bytes);
  CodecStream* s = f != Flood::empty_frames || id == 0 ? nullptr : stream(id);
  if (s != nullptr) s->details = "http2.inbound_empty_frames_flood";
  return on_flood(f);
}

void Codec::give_up() noexcept { failed_ = true; }

int Codec::on_flood(Flood f) noexcept {
  if (f == Flood::none) return 0;
  static constexpr Http2Stat kStats[] = {Http2Stat::inbound_empty_frames_flood,    Http2Stat::inbound_empty_frames_flood,
                                         Http2Stat::inbound_priority_frames_flood, Http2Stat::inbound_window_update_frames_flood,
                                         Http2Stat::outbound_control_flood,        Http2Stat::outbound_flood};
  cells_.add(stats_, kStats[static_cast<std::size_t>(f)]);
  failure_.flood = true;
  switch (f) {
    case Flood::empty_frames: failure_.details = "Too_many_consecutive_frames_with_an_empty_payload"; break;
    case Flood::priority: failure_.details = "Too_many_PRIORITY_frames"; break;
    case Flood::window_updates: failure_.details = "Too_many_WINDOW_UPDATE_frames"; break;
    default: failure_.details = "http2.outbound_frames_flood"; break;
  }
  return fail();
}

// ---- in

void Codec::deliver(CodecStream& s, bool end_stream) {
  if (s.received.empty() && !end_stream) return;
  Buffer data = std::move(s.received);
  events_.on_data(s, data, end_stream);
}

bool Codec::receive(std::string_view run) {
  while (!run.empty() && !failed_) {
    const auto n = nghttp2_session_mem_recv(session_.get(), reinterpret_cast<const std::uint8_t*>(run.data()), run.size());
    if (n < 0) fail();
    if (!failed_) run.remove_prefix(static_cast<std::size_t>(n));
  }
  return !failed_;
}

/// Stops before each DATA frame to see whether its stream is still there.
bool Codec::receive_checked(std::string_view run) {
  for (std::size_t fed = 0, at = 0; at < run.size();) {
    const auto data = cursor_.next_data(run.substr(at));
    at += data.bytes;
    if (!receive(run.substr(fed, at - fed))) return false;
    fed = at;
    if (data.stream_id < 0) break;
    on_past_stream(NGHTTP2_DATA, data.stream_id);
    if (++at == run.size()) return receive(run.substr(fed));
  }
  return true;
}

bool Codec::feed(Buffer& in) {
  Buffer bytes = std::move(in);  // a callback may close the connection, which clears its buffers
  in_ = &bytes;
  while (!bytes.empty() && !failed_) {
    const std::string_view front = bytes.front();
    if (!(side_ == Side::server ? receive_checked(front) : receive(front))) break;
    bytes.drain(front.size());
  }
  in_ = nullptr;
  bytes.clear();
  in = std::move(bytes);  // its capacity
  return !failed_;
}

void Codec::pause(CodecStream& s, bool pause) {
  if (pause) {
    ++s.pauses;
    return;
  }
  if (s.pauses == 0 || --s.pauses > 0 || s.unconsumed == 0) return;
  nghttp2_session_consume(session_.get(), s.id, s.unconsumed);
  s.unconsumed = 0;
}

// ---- out

bool Codec::fill(Buffer& out) {
  if (failed_) return false;
  if (in_ != nullptr || out_ != nullptr) return true;  // inside a callback: the turn's end fills
  out_ = &out;
  while (!failed_ && !closing_) {
    const std::uint8_t* bytes = nullptr;
    const auto n = nghttp2_session_mem_send(session_.get(), &bytes);
    if (n < 0) fail();
    if (n <= 0) break;
    out.append({reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(n)});
    output_total_ += static_cast<std::uint64_t>(n);
  }
  out_ = nullptr;
  on_flood(outbound_flood_);
  return !failed_;
}

void Codec::on_written(std::size_t bytes) noexcept {
  output_done_ += bytes;
  guard_.on_written(output_done_);
}

bool Codec::wants_write() const noexcept { return !failed_ && !closing_ && nghttp2_session_want_write(session_.get()) != 0; }

void Codec::submit_response(CodecStream& s, std::span<const Field> fields, bool end_stream) {
  const auto& nv = to_nv(fields);
  nghttp2_data_provider body{};
  body.source.ptr = &s;
  body.read_callback = Callbacks::read_body;
  nghttp2_submit_response(session_.get(), s.id, nv.data(), nv.size(), end_stream ? nullptr : &body);
}

void Codec::submit_informational(CodecStream& s, std::span<const Field> fields) {
  const auto& nv = to_nv(fields);
  nghttp2_submit_headers(session_.get(), NGHTTP2_FLAG_NONE, s.id, nullptr, nv.data(), nv.size(), nullptr);
}

bool Codec::submit_request(CodecStream& s, std::span<const Field> fields, bool end_stream) {
  const auto& nv = to_nv(fields);
  nghttp2_data_provider body{};
  body.source.ptr = &s;
  body.read_callback = Callbacks::read_body;
  const auto id = nghttp2_submit_request(session_.get(), nullptr, nv.data(), nv.size(), end_stream ? nullptr : &body, &s);
  if (id < 0) return false;
  s.id = id;
  guard_.on_stream_opened();
  count_stream();
  return true;
}

void Codec::send_body(CodecStream& s, Buffer& body, bool end_stream) {
  s.send.append(std::move(body));
  s.send_end = s.send_end || end_stream;
  if (s.starved) {
    s.starved = false;
    nghttp2_session_resume_data(session_.get(), s.id);
  }
  if (!s.above && send_limit_ != 0 && s.send.size() > send_limit_) {
    s.above = true;
    events_.on_send_above(s);
  }
}

void Codec::below(CodecStream& s) {
  if (!s.above || s.send.size() > send_limit_ / 2) return;
  s.above = false;
  events_.on_send_below(s);
}

void Codec::send_trailers(CodecStream& s, std::span<const Field> fields) {
  s.trailers.clear();
  for (const auto& f : fields) {
    const std::uint32_t sizes[] = {static_cast<std::uint32_t>(f.name.size()), static_cast<std::uint32_t>(f.value.size())};
    s.trailers.append(reinterpret_cast<const char*>(sizes), sizeof sizes).append(f.name).append(f.value);
  }
  s.has_trailers = !fields.empty();
  Buffer none;
  send_body(s, none, true);
}

void Codec::submit_packed_trailers(CodecStream& s) {
  thread_local std::vector<Field> fields;
  fields.clear();
  for (std::size_t at = 0; at < s.trailers.size();) {
    std::uint32_t sizes[2];
    std::memcpy(sizes, s.trailers.data() + at, sizeof sizes);
    at += sizeof sizes;
    fields.push_back({{s.trailers.data() + at, sizes[0]}, {s.trailers.data() + at + sizes[0], sizes[1]}});
    at += sizes[0] + sizes[1];
  }
  const auto& nv = to_nv(fields);
  nghttp2_submit_trailer(session_.get(), s.id, nv.data(), nv.size());
}

void Codec::reset(CodecStream& s, std::uint32_t code) {
  if (s.reset_sent || s.id == 0) return;
  s.reset_sent = true;
  nghttp2_submit_rst_stream(session_.get(), NGHTTP2_FLAG_NONE, s.id, code);
}

void Codec::submit_ping() { nghttp2_submit_ping(session_.get(), NGHTTP2_FLAG_NONE, nullptr); }

void Codec::submit_goaway(bool notice) {
  if (notice) {
    nghttp2_submit_shutdown_notice(session_.get());
    return;
  }
  cells_.add(stats_, Http2Stat::goaway_sent);
  nghttp2_submit_goaway(session_.get(), NGHTTP2_FLAG_NONE, nghttp2_session_get_last_proc_stream_id(session_.get()),
                        NGHTTP2_NO_ERROR, nullptr, 0);
}

std::uint32_t Codec::peer_streams_max() const noexcept {
  return nghttp2_session_get_remote_settings(session_.get(), NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS);
}

}  // namespace outrigger::http2
