// One direction of a stream as a processor sees it: what it has been asked, what waits for its answer, and what that answer does.
// A member of the filter ext_proc, in the arena.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>
#include "filters/ext_proc.h"
#include "proxy/hcm/stream.h"

namespace outrigger::filters {

/// What both halves have in common: the stream to the processor.
class ProcessorTalk {
 public:
  /// Can the processor be asked? Opens the stream when it must.
  virtual bool ready() = 0;
  /// Nothing more is asked: all goes by.
  virtual bool over() const noexcept = 0;
  /// Are heads of responses held back, as they are shown first?
  virtual bool holds_responses() const noexcept = 0;
  /// It is slow to read what it has been asked.
  virtual bool full() const noexcept = 0;
  virtual void ask(ProcessorRequest& request) = 0;
  virtual void on_message_timeout() = 0;
  virtual void count(ExtProcStat stat, std::uint64_t n = 1) = 0;

 protected:
  ~ProcessorTalk() = default;
};

/// Pieces of a body that was shown to the processor, in the order of their answers. Without memory until there is one.
class ShownChunks {
 public:
  struct Chunk {
    std::size_t size;
    bool ends;
  };
  bool empty() const noexcept { return first_ == all_.size(); }
  std::size_t size() const noexcept { return all_.size() - first_; }
  const Chunk& front() const noexcept { return all_[first_]; }
  void push_back(Chunk c) { all_.push_back(c); }
  void pop_front() noexcept {
    if (++first_ == all_.size()) clear();
  }
  void clear() noexcept {
    all_.clear();
    first_ = 0;
  }

 private:
  std::vector<Chunk> all_;
  std::size_t first_ = 0;
};

class ProcessorHalf {
 public:
  ProcessorHalf(hcm::Stream& stream, hcm::HttpFilter& filter, ProcessorTalk& talk, const ExtProcConfig& config, bool is_request);
  void set_mode(const ProcessingMode::Half& mode) noexcept { mode_ = mode; }
  const ProcessingMode::Half& mode() const noexcept { return mode_; }

  // What comes. True: it goes on now, else it is kept.
  bool on_head(http::RequestHead& head, bool end_stream) { return on_head(&head, nullptr, end_stream); }
  bool on_head(http::ResponseHead& head, bool end_stream) { return on_head(nullptr, &head, end_stream); }
  bool on_body(Buffer& body, bool end_stream);
  bool on_trailers(http::HeaderMap& trailers);

  /// What became of an answer: done, it was not asked for, or (else) why it can't be done.
  static constexpr std::string_view kDone = {}, kSpurious = "spurious message";
  static constexpr std::string_view kNotStreamed =
      "spurious message: streamed_response is received while body_mode_ is not FULL_DUPLEX_STREAMED";
  std::string_view on_answer(const ProcessorAnswer& answer);
  bool awaits_head() const noexcept { return call_ == Call::head; }
  /// Is the answer to the body that comes next the last of this half?
  bool body_ends_next() const noexcept {
    return mode_.body == ProcessingMode::Body::streamed && !chunks_.empty() && chunks_.front().ends;
  }
  /// Is nothing asked, and nothing kept to be asked of?
  bool is_idle() const noexcept { return call_ == Call::idle && held_.empty() && !trailers_wait_; }
  /// Is its body being shown, or going by? Then its mode stays.
  bool under_way() const noexcept { return body_seen_ && call_ != Call::head; }
  /// The processor has read what it was slow to read.
  void on_room() {
    if (may_read_more()) pause(false);
  }
  bool head_waits() const noexcept { return head_waits_; }
  bool has_no_body() const noexcept { return no_body_; }
  /// False: it has no time to extend now, or has had more.
  bool extend(Duration timeout);
  /// No answer is waited for any more.
  void stop() noexcept;
  /// All that is kept goes on as it is.
  void let_go();
  /// The stream has ended.
  void drop() noexcept;

 private:
  enum class Call : std::uint8_t { idle, head, buffered, streamed, partial, trailers };
  using Body = ProcessingMode::Body;
  bool on_head(http::RequestHead* request, http::ResponseHead* response, bool end_stream);
  bool take_piece(Buffer& body, bool end_stream);
  bool take_whole(Buffer& body, bool end_stream);
  bool take_streamed(Buffer& body, bool end_stream);
  bool take_partial(Buffer& body, bool end_stream);
  std::string_view answer_head(const ProcessorAnswer& a);
  std::string_view answer_body(const ProcessorAnswer& a);
  std::string_view answer_trailers(const ProcessorAnswer& a);
  std::string_view answer_buffered(const ProcessorAnswer& a);
  void answer_streamed(const ProcessorAnswer& a);
  std::string_view answer_partial(const ProcessorAnswer& a);
  void replace(const ProcessorAnswer& a);
  void after_head();
  std::string_view change_head(const ProcessorAnswer& a);
  std::string_view change(const ProcessorAnswer& a, HeadFields fields, bool keeps_length);
  void clear_route(const ProcessorAnswer& a);
  void start(Call call);
  void ask_body(Call call, bool end_stream, const Buffer& body);
  void ask_trailers();
  bool drops_length() const noexcept;
  bool may_read_more() const noexcept;
  http::HeaderMap* head_fields() const noexcept;
  ProcessorRequest::Kind kind(int part) const noexcept;
  bool too_large();
  void pause(bool on);
  void give(Buffer& body, bool end_stream);
  void give_head();
  void go_on();
  void on_timeout() { talk_.on_message_timeout(); }

  hcm::Stream& stream_;
  hcm::HttpFilter& filter_;
  ProcessorTalk& talk_;
  const ExtProcConfig& config_;
  const bool is_request_;
  ProcessingMode::Half mode_;
  Call call_ = Call::idle;
  http::RequestHead* request_ = nullptr;  // null: it can't be changed any more
  http::ResponseHead* response_ = nullptr;
  http::HeaderMap* trailers_ = nullptr;  // they have come
  Buffer held_;                          // of the body; streamed: what the processor has been shown
  ShownChunks chunks_;                   // of that
  std::size_t shown_ = 0;                // partial: of the first bytes
  bool shown_end_ = false;
  bool no_body_ = false, complete_ = false, body_seen_ = false;
  bool head_waits_ = false, end_waits_ = false, trailers_wait_ = false;  // for us
  bool replaced_ = false, partial_done_ = false, extended_ = false, paused_ = false, dropped_ = false;
  bool length_told_ = false;  // by the processor; whether the body is as long is not known
  bool refused_ = false;      // it was too large: the rest is nobody's
  event::Alarm<ProcessorHalf, &ProcessorHalf::on_timeout> timer_;
};

}  // namespace outrigger::filters
