// Posts from one thread to the loop of another, one by one and in batches.
#include <catch2/catch.hpp>

#include <atomic>
#include <thread>
#include "proxy/event/loop.h"

namespace outrigger::event {
namespace {

TEST_CASE("a batch wakes another loop at its end, once, and keeps the order", "[event]") {
  Loop here, there;
  std::vector<int> seen;
  {
    const PostBatch batch;
    for (int i = 0; i < 3; ++i) there.post([&seen, i] { seen.push_back(i); });
    {
      const PostBatch inner;
      there.post([&seen] { seen.push_back(3); });
      here.post([&seen] { seen.push_back(10); });
    }
  }
  there.post([&seen] { seen.push_back(4); });
  there.poll();
  CHECK(seen == std::vector<int>{0, 1, 2, 3, 4});
  here.poll();
  CHECK(seen.back() == 10);
}

TEST_CASE("a post of another thread wakes a loop though a batch holds others back", "[event]") {
  Loop loop;
  std::atomic<int> ran{0};
  std::thread runner([&] { loop.run(); });
  {
    const PostBatch batch;
    loop.post([&] { ++ran; });
    std::thread([&] { loop.post([&] { ++ran; }); }).join();
    while (ran.load() < 2) std::this_thread::yield();  // without the end of the batch
  }
  loop.post([&] { loop.stop(); });
  runner.join();
  CHECK(ran.load() == 2);
}

}  // namespace
}  // namespace outrigger::event
