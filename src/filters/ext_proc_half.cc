#include "filters/ext_proc_half.h"

#include <algorithm>
#include <utility>

#include "filters/body_end.h"
#include "proxy/base/numbers.h"
#include "proxy/event/timers.h"

namespace outrigger::filters {

using http::Name;

namespace {

constexpr std::size_t kChunksMax = 256;  // that wait for an answer, before no more is read

void change_body(const ProcessorAnswer& a, Buffer& body) {
  using Change = ProcessorAnswer::Body;
  if (a.body == Change::given || a.body == Change::cleared) body.clear();
  if (a.body == Change::given) body.append(a.bytes);
}

}  // namespace

ProcessorHalf::ProcessorHalf(hcm::Stream& stream, hcm::HttpFilter& filter, ProcessorTalk& talk, const ExtProcConfig& config,
                             bool is_request)
    : stream_(stream),
      filter_(filter),
      talk_(talk),
      config_(config),
      is_request_(is_request),
      mode_(is_request ? config.mode.request : config.mode.response),
      timer_(stream.thread().loop.timers(), *this) {}

/// The processor may change the body, and its length would have been told before.
bool ProcessorHalf::drops_length() const noexcept {
  return mode_.body == Body::streamed || mode_.body == Body::buffered_partial ||
         (mode_.body == Body::buffered && !mode_.sends_head());
}

http::HeaderMap* ProcessorHalf::head_fields() const noexcept {
  return request_ != nullptr ? &request_->headers : response_ != nullptr ? &response_->headers : nullptr;
}

/// `part`: 0: the head, 1: the body, 2: trailers.
ProcessorRequest::Kind ProcessorHalf::kind(int part) const noexcept {
  return static_cast<ProcessorRequest::Kind>(2 * part + (is_request_ ? 0 : 1));
}

// ---- what comes

bool ProcessorHalf::on_head(http::RequestHead* request, http::ResponseHead* response, bool end_stream) {
  complete_ = end_stream;
  auto& fields = request != nullptr ? request->headers : response->headers;
  const bool asks = !talk_.over() && mode_.sends_head() && talk_.ready();
  if (asks) {
    request_ = request;
    response_ = response;
    no_body_ = end_stream;
    ProcessorRequest r;
    r.kind = kind(0);
    r.request = request;
    r.response = response;
    r.ends = end_stream;
    start(Call::head);
    talk_.ask(r);
    head_waits_ = true;
  }
  if (!talk_.over() && drops_length()) fields.remove(Name::content_length);
  return !asks;
}

/// In HTTP/1 the end comes apart, as in Envoy.
bool ProcessorHalf::on_body(Buffer& body, bool end_stream) {
  const bool apart = is_request_ ? request_end_comes_apart(stream_) : response_end_comes_apart(stream_);
  if (!end_stream || !apart || body.empty()) return take_piece(body, end_stream);
  const bool goes_on = take_piece(body, false);
  if (dropped_ || goes_on) {
    complete_ = true;
    return goes_on;
  }
  Buffer end;
  if (!take_piece(end, true)) return false;
  body.append(std::move(end));
  return true;
}

bool ProcessorHalf::take_piece(Buffer& body, bool end_stream) {
  body_seen_ = true;
  if (end_stream) complete_ = true;
  if (refused_) return body.clear(), false;
  if (replaced_) body.clear();
  if (replaced_ || talk_.over()) return true;
  if (call_ == Call::head) {
    end_waits_ = end_stream;
    held_.append(std::move(body));
    const bool full = held_.size() > stream_.buffer_bytes_max();
    if (full && mode_.body == Body::buffered) return too_large();
    pause(full);
    return false;
  }
  switch (mode_.body) {
    case Body::none: return true;
    case Body::buffered: return take_whole(body, end_stream);
    case Body::streamed: return take_streamed(body, end_stream);
    case Body::buffered_partial: return take_partial(body, end_stream);
  }
  return true;
}

bool ProcessorHalf::take_whole(Buffer& body, bool end_stream) {
  held_.append(std::move(body));
  if (held_.size() > stream_.buffer_bytes_max()) return too_large();
  if (!end_stream) return false;
  if (!talk_.ready()) {
    body.append(std::move(held_));
    return true;
  }
  end_waits_ = true;
  ask_body(Call::buffered, true, held_);
  return false;
}

bool ProcessorHalf::take_streamed(Buffer& body, bool end_stream) {
  if (!talk_.ready()) return true;
  ask_body(Call::streamed, end_stream, body);
  chunks_.push_back({body.size(), end_stream});
  held_.append(std::move(body));
  end_waits_ = end_stream;
  pause(held_.size() > stream_.buffer_bytes_max() || chunks_.size() > kChunksMax || talk_.full());
  return false;
}

bool ProcessorHalf::take_partial(Buffer& body, bool end_stream) {
  if (partial_done_) return true;
  held_.append(std::move(body));
  end_waits_ = end_stream;
  const bool full = held_.size() > stream_.buffer_bytes_max();
  pause(full);
  if (call_ == Call::partial || !(end_stream || full)) return false;
  if (!talk_.ready()) {
    body.append(std::move(held_));
    end_waits_ = false;
    return true;
  }
  shown_ = held_.size();
  shown_end_ = end_stream;
  ask_body(Call::partial, end_stream, held_);
  return false;
}

bool ProcessorHalf::on_trailers(http::HeaderMap& trailers) {
  if (refused_) return false;
  if (talk_.over()) return true;
  const bool body_told = std::exchange(complete_, true);
  trailers_ = &trailers;
  if (!is_request_) {  // those are the codec's
    trailers_ = stream_.arena().make<http::HeaderMap>(stream_.arena(), http::MapOf::response_trailers);
    trailers_->copy_from(trailers);
  }
  trailers_wait_ = true;
  if (call_ != Call::idle) return false;
  const bool whole = mode_.body == Body::buffered && body_seen_;
  const bool partial = mode_.body == Body::buffered_partial && !held_.empty();
  if (!body_told && (whole || partial) && talk_.ready()) {
    shown_ = held_.size();
    shown_end_ = false;
    ask_body(whole ? Call::buffered : Call::partial, false, held_);
    return false;
  }
  if (mode_.sends_trailers() && talk_.ready()) {
    ask_trailers();
    return false;
  }
  if (!head_waits_ && held_.empty()) {
    trailers_wait_ = false;
    return true;
  }
  go_on();
  return false;
}

// ---- what is asked

void ProcessorHalf::start(Call call) {
  call_ = call;
  extended_ = false;
  timer_.arm(config_.message_timeout);
}

void ProcessorHalf::ask_body(Call call, bool end_stream, const Buffer& body) {
  ProcessorRequest r;
  r.kind = kind(1);
  r.body = &body;
  r.ends = end_stream;
  start(call);
  talk_.ask(r);
}

void ProcessorHalf::ask_trailers() {
  ProcessorRequest r;
  r.kind = kind(2);
  r.trailers = trailers_;
  start(Call::trailers);
  talk_.ask(r);
}

bool ProcessorHalf::extend(Duration timeout) {
  if (!timer_.armed() || extended_) return false;
  extended_ = true;
  timer_.arm(timeout);
  return true;
}

void ProcessorHalf::stop() noexcept {
  timer_.cancel();
  call_ = Call::idle;
  extended_ = false;
}

void ProcessorHalf::drop() noexcept {
  stop();
  if (is_request_) pause(false);
  dropped_ = true;
  held_.clear();
  chunks_.clear();
}

// ---- answers

std::string_view ProcessorHalf::on_answer(const ProcessorAnswer& a) {
  switch (a.kind) {
    case ProcessorAnswer::request_head:
    case ProcessorAnswer::response_head: return answer_head(a);
    case ProcessorAnswer::request_body:
    case ProcessorAnswer::response_body: return answer_body(a);
    default: return answer_trailers(a);
  }
}

std::string_view ProcessorHalf::change(const ProcessorAnswer& a, HeadFields fields, bool keeps_length) {
  std::uint64_t rejected = 0;
  ChangeTerms terms{.rules = config_.rules, .replaces = a.replaces, .keeps_length = keeps_length};
  const auto& limits = stream_.config().http1;
  terms.count_max = limits.headers_max;
  terms.bytes_max = std::size_t{limits.headers_kb_max} * 1024;
  if (!is_request_) {  // an upstream may be allowed more
    terms.count_max = std::max(terms.count_max, fields.count());
    terms.bytes_max = std::max(terms.bytes_max, fields.bytes());
  }
  const auto why = apply(a.changes, terms, fields, rejected);
  if (rejected > 0) talk_.count(ExtProcStat::rejected_header_mutations, rejected);
  return why;
}

/// Only of a body that is shown whole can the processor say how long it is.
std::string_view ProcessorHalf::change_head(const ProcessorAnswer& a) {
  if (!a.changes.given || head_fields() == nullptr) return kDone;
  const bool keeps_length = no_body_ || a.replaces || mode_.body != Body::buffered || drops_length();
  const std::string_view before = head_fields()->get(Name::content_length);
  const auto why = request_ != nullptr ? change(a, HeadFields(*request_), keeps_length)
                                       : change(a, HeadFields(*response_), keeps_length);
  length_told_ = length_told_ || head_fields()->get(Name::content_length) != before;
  return why;
}

void ProcessorHalf::clear_route(const ProcessorAnswer& a) {
  using Action = ExtProcConfig::RouteCache;
  if (!is_request_) return;
  if (!a.changes.given) {
    if (a.clear_route) talk_.count(ExtProcStat::clear_route_cache_ignored);
  } else if (config_.route_cache == Action::clear || (config_.route_cache == Action::as_told && a.clear_route)) {
    stream_.clear_route_cache();
  } else if (config_.route_cache == Action::retain && a.clear_route) {
    talk_.count(ExtProcStat::clear_route_cache_disabled);
  }
}

std::string_view ProcessorHalf::answer_head(const ProcessorAnswer& a) {
  if (call_ != Call::head) return kSpurious;
  if (const auto why = change_head(a); !why.empty()) return why;
  clear_route(a);
  stop();
  if (refused_) return kDone;
  // With its answer the mode may be another one.
  if (!no_body_ && drops_length() && head_fields() != nullptr) head_fields()->remove(Name::content_length);
  if (a.replaces) {
    replace(a);
    go_on();
  } else {
    after_head();
  }
  return kDone;
}

/// Nothing more of this message is shown.
void ProcessorHalf::replace(const ProcessorAnswer& a) {
  mode_.body = Body::none;
  mode_.trailers = ProcessingMode::Send::skip;
  if (a.body == ProcessorAnswer::Body::as_is) return;
  head_fields()->remove(Name::content_length);
  replaced_ = true;
  change_body(a, held_);
}

void ProcessorHalf::after_head() {
  const bool full = held_.size() > stream_.buffer_bytes_max();
  if (!no_body_ && complete_ && mode_.body != Body::none) {
    if (body_seen_) {  // all of it was there before the answer: it is shown whole, however it should have been
      ask_body(Call::buffered, trailers_ == nullptr, held_);
      return pause(false);
    }
  } else if (!no_body_ && mode_.body == Body::buffered) {
    if (full) return void(too_large());
    return pause(false);
  } else if (!no_body_ && mode_.body == Body::streamed) {
    if (!held_.empty()) {
      ask_body(Call::streamed, false, held_);
      chunks_.push_back({held_.size(), false});
    }
    pause(full);
    return give_head();
  } else if (!no_body_ && mode_.body == Body::buffered_partial) {
    if (!full) return pause(false);
    shown_ = held_.size();
    shown_end_ = false;
    return ask_body(Call::partial, false, held_);
  }
  if (mode_.sends_trailers() && trailers_ != nullptr) {
    ask_trailers();
    return pause(false);
  }
  go_on();
}

std::string_view ProcessorHalf::answer_body(const ProcessorAnswer& a) {
  std::string_view why = kDone;
  bool ends = true;
  if (call_ == Call::buffered) {
    why = answer_buffered(a);
  } else if (call_ == Call::streamed) {
    if (a.streamed) return kNotStreamed;
    ends = chunks_.front().ends;
    answer_streamed(a);
  } else if (call_ == Call::partial) {
    why = answer_partial(a);
  } else {
    return kSpurious;
  }
  if (!why.empty() || dropped_) return why;
  clear_route(a);
  request_ = nullptr;
  response_ = nullptr;
  if (mode_.sends_trailers() && trailers_wait_ && chunks_.empty())
    ask_trailers();
  else if (ends || (trailers_wait_ && chunks_.empty()))
    go_on();
  return kDone;
}

std::string_view ProcessorHalf::answer_buffered(const ProcessorAnswer& a) {
  if (const auto why = change_head(a); !why.empty()) return why;
  auto* fields = head_fields();
  const auto* length = fields == nullptr ? nullptr : fields->find(Name::content_length);
  const auto number = length == nullptr ? std::optional<std::size_t>{} : to_number<std::size_t>(length->value);
  const std::size_t told = number.value_or(0);
  if (a.body != ProcessorAnswer::Body::as_is && number && told != a.bytes.size())
    return "mismatch between content length and the length of the mutated body";
  change_body(a, held_);
  // A length that was changed without the body would have the next message begin somewhere in this one.
  const bool head_request = !is_request_ && stream_.is_head_request();
  if (length != nullptr && !head_request && (!number || told != held_.size())) fields->remove(Name::content_length);
  length_told_ = false;
  stop();
  chunks_.clear();
  return kDone;
}

bool ProcessorHalf::may_read_more() const noexcept {
  return held_.size() <= stream_.buffer_bytes_max() / 2 && chunks_.size() < kChunksMax / 2 && !talk_.full();
}

void ProcessorHalf::answer_streamed(const ProcessorAnswer& a) {
  const auto chunk = chunks_.front();
  chunks_.pop_front();
  Buffer piece;
  piece.move_from(held_, chunk.size);
  change_body(a, piece);
  if (chunks_.empty())
    stop();
  else
    timer_.cancel();
  if (may_read_more()) pause(false);
  if (!piece.empty()) give(piece, chunk.ends);
}

std::string_view ProcessorHalf::answer_partial(const ProcessorAnswer& a) {
  if (const auto why = change_head(a); !why.empty()) return why;
  Buffer piece;
  piece.move_from(held_, shown_);
  change_body(a, piece);
  stop();
  partial_done_ = true;
  if (!piece.empty()) give(piece, shown_end_);
  return kDone;
}

std::string_view ProcessorHalf::answer_trailers(const ProcessorAnswer& a) {
  if (call_ != Call::trailers) return kSpurious;
  if (a.changes.given)
    if (const auto why = change(a, HeadFields(*trailers_), true); !why.empty()) return why;
  stop();
  go_on();
  return kDone;
}

// ---- what goes on

void ProcessorHalf::pause(bool on) {
  if (std::exchange(paused_, on) == on || dropped_) return;
  if (is_request_)
    stream_.pause_request(on);
  else if (on)
    stream_.on_output_above();
  else
    stream_.on_output_below();
}

/// What the processor has been asked of a request it may still answer.
bool ProcessorHalf::too_large() {
  held_.clear();
  if (is_request_) {
    refused_ = true;
    // Also when no more of it comes, as Envoy looks at a body before its end; not when the answer goes after that.
    if (!talk_.holds_responses()) stream_.close_connection();
    stream_.request_too_large();
  } else {
    stop();
    stream_.response_too_large();
  }
  return false;
}

void ProcessorHalf::give(Buffer& body, bool end_stream) {
  if (end_stream) end_waits_ = false;
  const bool first = std::exchange(head_waits_, false);
  if (is_request_)
    first ? stream_.continue_request(filter_, body, end_stream) : stream_.inject_request_body(filter_, body, end_stream);
  else if (first && no_body_ && body.empty())
    stream_.continue_response(filter_);
  else
    stream_.inject_response_body(filter_, body, end_stream);
}

void ProcessorHalf::give_head() {
  if (!head_waits_) return;
  Buffer none;
  give(none, false);
}

void ProcessorHalf::go_on() {
  // A length that the body was not compared with would have the next message begin somewhere in this one.
  if (std::exchange(length_told_, false) && head_fields() != nullptr) head_fields()->remove(Name::content_length);
  request_ = nullptr;
  response_ = nullptr;
  pause(false);
  Buffer body(std::move(held_));
  chunks_.clear();
  const bool ends = (end_waits_ || (head_waits_ && no_body_)) && !trailers_wait_;
  if (head_waits_ || !body.empty() || ends) give(body, ends);
  if (dropped_ || !std::exchange(trailers_wait_, false)) return;
  Buffer none;
  if (is_request_)
    stream_.end_request(filter_, none, *trailers_);
  else
    stream_.end_response(filter_, none, *trailers_);
}

void ProcessorHalf::let_go() {
  stop();
  if (!refused_) go_on();
}

}  // namespace outrigger::filters
