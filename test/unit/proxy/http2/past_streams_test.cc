#include "proxy/http2/past_streams.h"

#include <catch2/catch.hpp>

using outrigger::http2::PastStreams;
using End = PastStreams::End;

TEST_CASE("ids that a client left out, or ended itself, are known for a while", "[http2]") {
  PastStreams past;
  CHECK(past.on_head(1));
  CHECK(past.find(1) == End::unknown);  // it is open, or ended by us
  past.on_closed(1, End::ended);
  CHECK(past.on_head(3));
  CHECK(past.find(1) == End::ended);
  past.on_closed(3, End::reset);
  CHECK_FALSE(past.on_head(3));
  CHECK(past.find(3) == End::reset);
  CHECK(past.find(5) == End::unknown);
  CHECK(past.on_head(11));
  for (const int id : {5, 7, 9}) {
    CHECK(past.find(id) == End::left_out);
    CHECK_FALSE(past.on_head(id));
  }
  CHECK(past.find(11) == End::unknown);
  CHECK(past.on_head(13));
  CHECK(past.find(7) == End::unknown);  // too long ago
}

TEST_CASE("a first id that is not 1 leaves out those before", "[http2]") {
  PastStreams past;
  CHECK(past.on_head(5));
  CHECK(past.find(1) == End::left_out);
  CHECK(past.find(3) == End::left_out);
  CHECK(past.find(5) == End::unknown);
}

TEST_CASE("the oldest ends are forgotten", "[http2]") {
  PastStreams past;
  for (int id = 1; id <= 101; id += 2) {
    past.on_head(id);
    past.on_closed(id, End::ended);
  }
  CHECK(past.find(101) == End::ended);
  CHECK(past.find(71) == End::ended);
  CHECK(past.find(69) == End::unknown);
  CHECK(past.find(0x7fffffff) == End::unknown);
}
