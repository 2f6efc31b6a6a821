// csrf: which host an origin or a URL is of. As Envoy 1.40 reads them.
#include "filters/csrf.h"

#include <catch2/catch.hpp>

using outrigger::filters::host_and_port;

TEST_CASE("hosts of origins", "[csrf]") {
  struct Row {
    const char *text, *want;
  };
  for (const Row& r : {
           Row{"", ""},
           Row{"null", "null"},
           Row{"h.example", "h.example"},
           Row{"h.example:80", "h.example:80"},
           Row{"http://h.example", "h.example"},
           Row{"https://h.example:443/", "h.example:443"},
           Row{"HTTP://H.example/x?y", "H.example"},
           Row{"http://h.example?x=http://other", "h.example"},
           Row{"http://user:pass@h.example/", "h.example"},
           Row{"http://h.example#x", "h.example#x"},
           Row{"http://[::1]:81", "[::1]:81"},
           Row{"http://", "http://"},
           Row{"http:///x", "http:///x"},
           Row{"://h.example", "://h.example"},
           Row{"h1://h.example", "h1://h.example"},
           Row{"//h.example", "//h.example"},
       }) {
    INFO(r.text);
    CHECK(host_and_port(r.text) == r.want);
  }
}
