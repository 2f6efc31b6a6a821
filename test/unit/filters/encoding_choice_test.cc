// Which coding a client is answered in. As Envoy 1.40 chooses.
#include "filters/encoding_choice.h"

#include <catch2/catch.hpp>

using namespace outrigger::filters;

TEST_CASE("a client's wishes against what is offered", "[compression]") {
  const EncodingOffer one[] = {{"gzip"}};
  const EncodingOffer three[] = {{"br"}, {"gzip", true}, {"zstd"}};
  struct Row {
    std::string_view accept;
    EncodingChoice::Why why;
    std::string_view of_one, of_three;
  };
  using C = EncodingChoice;
  for (const Row& r : {
           Row{"gzip", C::named, "gzip", "gzip"},
           Row{"gzip, identity", C::named, "gzip", "gzip"},
           Row{" gzip ; q = 0.5 ", C::named, "gzip", "gzip"},
           Row{",,gzip,,", C::named, "gzip", "gzip"},
           Row{"gzip;a=0", C::named, "gzip", "gzip"},
           Row{"gzip;a=1;q=0", C::named, "gzip", "gzip"},
           Row{"gzip;q=inf, gzip;q=1e99", C::named, "gzip", "gzip"},
           Row{"*", C::wildcard, "gzip", "br"},
           Row{"*, *", C::wildcard, "gzip", "br"},
           Row{"gzip;q=x, *", C::wildcard, "gzip", "br"},
           Row{"identity", C::identity, "identity", "identity"},
           Row{"identity;q=0.5, gzip;q=0.4", C::identity, "identity", "identity"},
           Row{"gzip;q=1e-9, identity", C::identity, "identity", "identity"},
           Row{"", C::not_valid, "identity", "identity"},
           Row{"GZIP", C::not_valid, "identity", "identity"},
           Row{"gzip;q=0", C::not_valid, "identity", "identity"},
           Row{"gzip;q=nan", C::not_valid, "identity", "identity"},
           Row{"gzip;q=-1", C::not_valid, "identity", "identity"},
           Row{"gzip;q=0x1", C::not_valid, "identity", "identity"},
           Row{"gzip;q=++1", C::not_valid, "identity", "identity"},
           Row{"gzip;q=", C::not_valid, "identity", "identity"},
       }) {
    INFO(r.accept);
    CHECK(choose_encoding(r.accept, one).encoding == r.of_one);
    CHECK(choose_encoding(r.accept, one).why == r.why);
    CHECK(choose_encoding(r.accept, three).encoding == r.of_three);
  }
  CHECK(choose_encoding("zstd, br, gzip", three).encoding == "gzip");
  CHECK(choose_encoding("zstd, br", three).encoding == "zstd");
  CHECK(choose_encoding("br;q=0, gzip;q=0, *", three).encoding == "zstd");
  CHECK(choose_encoding("gzip", {}).why == C::not_valid);
  const std::vector<EncodingOffer> many(100, EncodingOffer{"gzip"});
  CHECK(choose_encoding("gzip", many).encoding == "gzip");
}
