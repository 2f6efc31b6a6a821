// The overload manager's limit of connections.
#include <catch2/catch.hpp>

#include <thread>
#include <vector>
#include "proxy/server/worker_listener.h"

namespace outrigger::server {
namespace {

TEST_CASE("as many connections as the limit allows are taken, and more once some ended", "[server]") {
  ConnectionLimit limit{{}, 2, {}};
  CHECK(limit.take());
  CHECK(limit.take());
  CHECK_FALSE(limit.take());
  CHECK(limit.connections == 2);
  limit.give_back();
  CHECK(limit.take());
  CHECK_FALSE(limit.take());
}

TEST_CASE("several threads never take more than the limit", "[server]") {
  ConnectionLimit limit{{}, 1000, {}};
  std::atomic<unsigned> taken{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&] {
      for (int i = 0; i < 500; ++i)
        if (limit.take()) ++taken;
    });
  for (auto& t : threads) t.join();
  CHECK(taken <= 1000);
  CHECK(limit.connections == taken);
}

}  // namespace
}  // namespace outrigger::server
