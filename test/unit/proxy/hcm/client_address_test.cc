// Whose request is it: x-forwarded-*, detection extensions, internal addresses. As Envoy 1.40 decides.
#include <catch2/catch.hpp>

#include "proxy/hcm/hygiene.h"
#include "support/message.h"
#include "support/stream.h"

using namespace outrigger;
using namespace outrigger::hcm;
using test::ip;

namespace {

net::CidrRange range(std::string_view address, unsigned bits) { return net::CidrRange::parse(address, bits).value(); }

struct Outcome {
  std::uint16_t status;
  std::string client, fields;
  bool internal;
};

/// The request id is left out, as in a config with generate_request_id: false.
Outcome run(Config c, const test::Fields& fields, std::string_view peer = "9.9.9.9") {
  c.generate_request_id = false;
  test::Facts facts;
  facts.connection.remote = ip(peer, 1111);
  test::Request m("/", fields);
  Random random(1);
  Outcome o;
  o.status = mutate_request(c, c.routes.get(), m.head, facts.info, random);
  o.client = facts.info.remote().ip_text();
  o.fields = m.text();
  o.internal = facts.info.is_internal;
  return o;
}

Config internal_10() {
  Config c;
  c.internal_ranges.push_back(range("10.0.0.0", 8));
  return c;
}

}  // namespace

TEST_CASE("the client of a trusted x-forwarded-for is counted from its end", "[hygiene]") {
  struct Row {
    const char* xff;
    const char* client[3];  // with 0, 1 and 2 trusted hops
    bool internal;          // with 0
  };
  for (const Row& r : {
           Row{"1.1.1.1", {"1.1.1.1", "9.9.9.9", "9.9.9.9"}, false},
           Row{"1.1.1.1, 2.2.2.2", {"2.2.2.2", "1.1.1.1", "9.9.9.9"}, false},
           Row{"1.1.1.1,2.2.2.2 ,3.3.3.3", {"3.3.3.3", "2.2.2.2", "1.1.1.1"}, false},
           Row{"bad", {"9.9.9.9", "9.9.9.9", "9.9.9.9"}, false}, Row{"1.1.1.1,bad", {"9.9.9.9", "1.1.1.1", "9.9.9.9"}, false},
           Row{"1.1.1.1,", {"9.9.9.9", "1.1.1.1", "9.9.9.9"}, false}, Row{"1.1.1.1:80", {"9.9.9.9", "9.9.9.9", "9.9.9.9"}, false},
           Row{"[::1]", {"9.9.9.9", "9.9.9.9", "9.9.9.9"}, false}, Row{"::1", {"::1", "9.9.9.9", "9.9.9.9"}, false},
           Row{"", {"9.9.9.9", "9.9.9.9", "9.9.9.9"}, false}, Row{"10.0.0.1", {"10.0.0.1", "9.9.9.9", "9.9.9.9"}, true},
           Row{"10.0.0.1, 10.0.0.2", {"10.0.0.2", "10.0.0.1", "9.9.9.9"}, false},  // internal only when alone
       }) {
    INFO(r.xff);
    for (std::uint32_t hops = 0; hops < 3; ++hops) {
      Config c = internal_10();
      c.xff_trusted_hops = hops;
      const Outcome o = run(c, {{"x-forwarded-for", r.xff}});
      CHECK(o.client == r.client[hops]);
      if (hops == 0) CHECK(o.internal == r.internal);
      CHECK(o.fields == "x-forwarded-for: " + std::string(r.xff) + "|x-forwarded-proto: http" +
                            (o.internal ? "|x-envoy-internal: true" : ""));
    }
  }
}

TEST_CASE("use_remote_address believes the socket, and appends its peer", "[hygiene]") {
  struct Row {
    const char *peer, *xff;
    std::uint32_t hops;
    const char *client, *want;
    bool internal;
  };
  for (const Row& r : {
           Row{"9.9.9.9", nullptr, 0, "9.9.9.9", "9.9.9.9", false},
           Row{"9.9.9.9", "1.1.1.1", 0, "9.9.9.9", "1.1.1.1,9.9.9.9", false},
           Row{"9.9.9.9", "", 0, "9.9.9.9", "9.9.9.9", false},
           Row{"9.9.9.9", "1.1.1.1", 1, "1.1.1.1", "1.1.1.1,9.9.9.9", false},
           Row{"9.9.9.9", "1.1.1.1, 2.2.2.2", 1, "2.2.2.2", "1.1.1.1, 2.2.2.2,9.9.9.9", false},
           Row{"9.9.9.9", "1.1.1.1, 2.2.2.2", 2, "1.1.1.1", "1.1.1.1, 2.2.2.2,9.9.9.9", false},
           Row{"9.9.9.9", "1.1.1.1", 2, "9.9.9.9", "1.1.1.1,9.9.9.9", false},
           Row{"9.9.9.9", "bad", 1, "9.9.9.9", "bad,9.9.9.9", false},
           Row{"10.0.0.1", nullptr, 0, "10.0.0.1", "10.0.0.1", true},
           Row{"10.0.0.1", "1.1.1.1", 0, "10.0.0.1", "1.1.1.1,10.0.0.1", false},
           Row{"::2", nullptr, 0, "::2", "::2", false},
       }) {
    INFO(r.peer << ' ' << (r.xff == nullptr ? "-" : r.xff) << ' ' << r.hops);
    Config c = internal_10();
    c.use_remote_address = true;
    c.xff_trusted_hops = r.hops;
    const Outcome o = run(c, r.xff == nullptr ? test::Fields{} : test::Fields{{"x-forwarded-for", r.xff}}, r.peer);
    CHECK(o.client == r.client);
    CHECK(o.internal == r.internal);
    CHECK(o.fields == "x-forwarded-for: " + std::string(r.want) + "|x-forwarded-proto: http|" +
                          (r.internal ? "x-envoy-internal: true" : "x-envoy-external-address: " + std::string(r.client)));
  }
}

TEST_CASE("a peer on this machine is appended under the machine's own address", "[hygiene]") {
  Config c;
  c.use_remote_address = true;
  CHECK(run(c, {}, "127.0.0.1").fields ==
        "x-forwarded-for: 127.0.0.1|x-forwarded-proto: http|x-envoy-external-address: 127.0.0.1");
  c.local_address_text = "192.0.2.2";
  CHECK(run(c, {}, "127.0.0.1").fields ==
        "x-forwarded-for: 192.0.2.2|x-forwarded-proto: http|x-envoy-external-address: 127.0.0.1");
  CHECK(run(c, {}, "::1").fields == "x-forwarded-for: 192.0.2.2|x-forwarded-proto: http|x-envoy-external-address: ::1");
  CHECK(run(c, {}, "9.9.9.9").fields == "x-forwarded-for: 9.9.9.9|x-forwarded-proto: http|x-envoy-external-address: 9.9.9.9");
  c.skip_xff_append = true;
  CHECK(run(c, {}).fields == "x-forwarded-proto: http|x-envoy-external-address: 9.9.9.9");
}

TEST_CASE("a peer on a Unix socket has no address to append", "[hygiene]") {
  Config c;
  c.use_remote_address = true;
  for (const bool internal : {false, true}) {
    c.internal_unix_sockets = internal;
    c.generate_request_id = false;
    test::Facts facts;
    facts.connection.remote = net::Address::pipe("/s").value();
    test::Request m;
    Random random(1);
    CHECK(mutate_request(c, c.routes.get(), m.head, facts.info, random) == 0);
    CHECK(facts.info.is_internal == internal);
    CHECK(m.text() == (internal ? "x-forwarded-proto: http|x-envoy-internal: true" : "x-forwarded-proto: http"));
  }
}

TEST_CASE("x-forwarded-proto and x-forwarded-port", "[hygiene]") {
  struct Row {
    bool remote_address;
    std::uint32_t hops;
    test::Fields fields;
    const char *want, *scheme;
  };
  for (const Row& r : {
           Row{false, 0, {}, "x-forwarded-proto: http|x-forwarded-port: 2222", "http"},
           Row{false,
               0,
               {{"x-forwarded-proto", "https"}, {"x-forwarded-port", "1"}},
               "x-forwarded-proto: https|x-forwarded-port: 1",
               "https"},
           Row{false, 0, {{"x-forwarded-proto", "ftp"}}, "x-forwarded-proto: ftp|x-forwarded-port: 2222", "http"},
           Row{true,
               0,
               {{"x-forwarded-proto", "https"}, {"x-forwarded-port", "1"}},
               "x-forwarded-proto: http|x-forwarded-port: 2222",
               "http"},
           Row{true,
               1,
               {{"x-forwarded-proto", "https"}, {"x-forwarded-port", "1"}},
               "x-forwarded-proto: https|x-forwarded-port: 1",
               "https"},
           Row{true, 1, {}, "x-forwarded-proto: http|x-forwarded-port: 2222", "http"},
       }) {
    INFO(r.want);
    Config c;
    c.generate_request_id = false;
    c.use_remote_address = r.remote_address;
    c.xff_trusted_hops = r.hops;
    c.append_x_forwarded_port = c.skip_xff_append = true;
    test::Facts facts;
    test::Request m("/", r.fields);
    m.head.scheme = {};
    Random random(1);
    CHECK(mutate_request(c, c.routes.get(), m.head, facts.info, random) == 0);
    m.head.headers.remove("x-envoy-external-address");
    CHECK(m.text() == r.want);
    CHECK(m.head.scheme == r.scheme);
  }
  Config c;
  c.scheme_to_overwrite = "https";
  CHECK(run(c, {{"x-forwarded-proto", "http"}}).fields == "x-forwarded-proto: https");
}

TEST_CASE("detection by x-forwarded-for with ranges of trusted proxies", "[hygiene]") {
  struct Row {
    const char *peer, *xff, *client;
    bool internal, appended;
  };
  Config c = internal_10();
  auto& d = c.ip_detection.emplace_back();
  d.skip_xff_append = true;
  d.trusted_cidrs.push_back(range("10.0.0.0", 8));
  for (const Row& r : {
           Row{"10.0.0.9", nullptr, "10.0.0.9", false, false},
           Row{"10.0.0.9", "1.1.1.1", "1.1.1.1", false, false},
           Row{"10.0.0.9", "1.1.1.1, 2.2.2.2, 10.0.0.1,10.0.0.2", "2.2.2.2", false, false},
           Row{"10.0.0.9", "10.0.0.1", "10.0.0.1", true, false},
           Row{"10.0.0.9", "10.0.0.3, 10.0.0.1", "10.0.0.3", false, false},
           Row{"10.0.0.9", "bad, 10.0.0.1", "10.0.0.9", false, false},
           Row{"10.0.0.9", "1.1.1.1,, 10.0.0.1", "10.0.0.9", false, false},
           Row{"10.0.0.9", "1.1.1.1, bad", "10.0.0.9", false, false},
           Row{"9.9.9.9", "1.1.1.1", "9.9.9.9", false, true},  // the peer is no proxy of ours
           Row{"9.9.9.9", "10.0.0.1", "9.9.9.9", false, true},
       }) {
    INFO(r.peer << " after " << (r.xff == nullptr ? "-" : r.xff));
    const Outcome o = run(c, r.xff == nullptr ? test::Fields{} : test::Fields{{"x-forwarded-for", r.xff}}, r.peer);
    CHECK(o.client == r.client);
    CHECK(o.internal == r.internal);
    CHECK((o.fields.find(",9.9.9.9") != std::string::npos) == r.appended);
  }
}

TEST_CASE("detection by a header of one's own", "[hygiene]") {
  struct Row {
    test::Fields fields;
    const char* client;
    std::uint16_t status;  // when it may reject
  };
  for (const Row& r : {
           Row{{{"x-real", "3.3.3.3"}}, "3.3.3.3", 0},
           Row{{{"x-real", " 10.0.0.7 "}}, "10.0.0.7", 0},
           Row{{{"x-real", "3.3.3.3"}, {"x-forwarded-for", "1.1.1.1"}}, "3.3.3.3", 0},
           Row{{{"x-real", "3.3.3.3:80"}}, "9.9.9.9", 401},
           Row{{{"x-real", "bad"}}, "9.9.9.9", 401},
           Row{{{"x-real", ""}}, "9.9.9.9", 401},
           Row{{{"x-forwarded-for", "1.1.1.1"}}, "9.9.9.9", 401},
       }) {
    for (const bool trusted : {false, true}) {
      Config c = internal_10();
      auto& d = c.ip_detection.emplace_back();
      d.kind = IpDetection::custom_header;
      d.header = "x-real";
      d.allow_trusted = trusted;
      const Outcome o = run(c, r.fields);
      CHECK(o.status == 0);
      CHECK(o.client == r.client);
      CHECK(o.internal == (trusted && std::string_view(r.client) == "10.0.0.7"));
      c.ip_detection[0].reject_status = 401;
      CHECK(run(c, r.fields).status == r.status);
    }
  }
}

TEST_CASE("the first extension that finds an address decides, and each asked one may append the peer", "[hygiene]") {
  Config c;
  auto& xff = c.ip_detection.emplace_back();
  xff.skip_xff_append = false;
  auto& own = c.ip_detection.emplace_back();
  own.kind = IpDetection::custom_header;
  own.header = "x-real";
  const auto text = [&](const test::Fields& fields) {
    const Outcome o = run(c, fields);
    return o.client + " " + o.fields;
  };
  CHECK(text({}) == "9.9.9.9 x-forwarded-for: 9.9.9.9|x-forwarded-proto: http");
  CHECK(text({{"x-real", "3.3.3.3"}}) == "3.3.3.3 x-real: 3.3.3.3|x-forwarded-for: 9.9.9.9|x-forwarded-proto: http");
  CHECK(text({{"x-forwarded-for", "1.1.1.1"}, {"x-real", "3.3.3.3"}}) ==
        "1.1.1.1 x-forwarded-for: 1.1.1.1,9.9.9.9|x-real: 3.3.3.3|x-forwarded-proto: http");
  std::swap(c.ip_detection[0], c.ip_detection[1]);
  CHECK(text({{"x-forwarded-for", "1.1.1.1"}, {"x-real", "3.3.3.3"}}) ==
        "3.3.3.3 x-forwarded-for: 1.1.1.1|x-real: 3.3.3.3|x-forwarded-proto: http");
  CHECK(text({{"x-forwarded-for", "1.1.1.1"}}) == "1.1.1.1 x-forwarded-for: 1.1.1.1,9.9.9.9|x-forwarded-proto: http");
  // What the first one appended is seen by the second.
  c.ip_detection = {IpDetection{}, IpDetection{IpDetection::xff, 1}};
  CHECK(text({{"x-forwarded-for", "1.1.1.1, bad"}}) ==
        "9.9.9.9 x-forwarded-for: 1.1.1.1, bad,9.9.9.9,9.9.9.9|x-forwarded-proto: http");
}
