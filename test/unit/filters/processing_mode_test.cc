// What an external processor is shown, and what it may choose.
#include <catch2/catch.hpp>
#include "filters/ext_proc.h"

using outrigger::filters::ProcessingMode;
using Send = ProcessingMode::Send;
using Body = ProcessingMode::Body;

TEST_CASE("heads are shown unless they are skipped, trailers when they are asked for", "[ext_proc]") {
  CHECK(ProcessingMode::Half{}.sends_head());
  CHECK_FALSE(ProcessingMode::Half{}.sends_trailers());
  CHECK_FALSE(ProcessingMode::Half{Send::skip}.sends_head());
  CHECK(ProcessingMode::Half{Send::skip, Send::skip}.sends_nothing());
  CHECK(ProcessingMode::Half{Send::skip, Send::as_usual}.sends_nothing());
  CHECK_FALSE(ProcessingMode::Half{Send::skip, Send::send}.sends_nothing());
  CHECK_FALSE(ProcessingMode::Half{Send::skip, Send::skip, Body::streamed}.sends_nothing());
}

TEST_CASE("a mode that a processor asks for leaves alone what it does not name", "[ext_proc]") {
  const ProcessingMode config{{Send::send, Send::send, Body::buffered}, {Send::skip, Send::as_usual, Body::streamed}};
  const ProcessingMode asked{{Send::as_usual, Send::skip, Body::none}, {Send::as_usual, Send::send, Body::buffered_partial}};
  const auto mode = config.with(asked);
  CHECK(mode.request == ProcessingMode::Half{Send::send, Send::skip, Body::none});
  CHECK(mode.response == ProcessingMode::Half{Send::skip, Send::send, Body::buffered_partial});
  CHECK(mode.same_but_request_head({{Send::skip, Send::skip, Body::none}, mode.response}));
  CHECK_FALSE(mode.same_but_request_head({mode.request, {Send::send, Send::send, Body::buffered_partial}}));
  CHECK_FALSE(mode.same_but_request_head({{Send::send, Send::as_usual, Body::none}, mode.response}));
}
