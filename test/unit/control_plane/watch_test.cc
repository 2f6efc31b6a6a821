// Changes in directories, told once they have come to rest. Real directories, a test's time.
#include "control_plane/watch.h"
#include <catch2/catch.hpp>

#include "unit/control_plane/resources.h"
#include "unit/sim/clock.h"

namespace outrigger::control_plane {
namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;

struct World {
  Folder folder;
  sim::Clock clock;
  event::Loop loop{clock};
  int told = 0;
  DirectoriesWatch watch{loop, [this] { ++told; }};
  World() { watch.set({folder.path}); }
  int after(Duration d) {
    loop.poll();
    clock.go_to(clock.now() + d);
    for (int i = 0; i < 3; ++i) loop.poll();
    return std::exchange(told, 0);
  }
};

TEST_CASE("writes, moves, removals and swapped links are told", "[control_plane]") {
  World w;
  CHECK(w.after(1s) == 0);
  w.folder.write("a.yaml", "x");
  CHECK(w.after(60ms) == 1);
  w.folder.replace("a.yaml", "y");
  CHECK(w.after(60ms) == 1);
  fs::create_symlink("one", w.folder.path + "/link");
  CHECK(w.after(60ms) == 1);
  fs::create_symlink("two", w.folder.path + "/next");
  fs::rename(w.folder.path + "/next", w.folder.path + "/link");
  CHECK(w.after(60ms) == 1);
  fs::remove(w.folder.path + "/a.yaml");
  CHECK(w.after(60ms) == 1);
  CHECK(w.after(1s) == 0);
}

TEST_CASE("many changes are told once, but not later than the longest wait", "[control_plane]") {
  World w;
  int told = 0;
  Duration waited{};
  for (; told == 0 && waited < 2s; waited += 30ms) {
    w.folder.write("a.yaml", std::to_string(waited.count()));
    told = w.after(30ms);
  }
  CHECK(told == 1);
  CHECK(waited > DirectoriesWatch::kQuiet);
  CHECK(waited <= DirectoriesWatch::kMost + 30ms);
}

TEST_CASE("directories can be added and taken away", "[control_plane]") {
  World w;
  w.folder.write("sub/a.yaml", "x");
  CHECK(w.after(60ms) == 1);
  w.folder.write("sub/a.yaml", "y");
  CHECK(w.after(60ms) == 0);
  w.watch.set({w.folder.path, w.folder.path + "/sub"});
  w.folder.write("sub/a.yaml", "z");
  CHECK(w.after(60ms) == 1);
  w.watch.set({w.folder.path + "/sub"});
  w.folder.write("b.yaml", "z");
  CHECK(w.after(60ms) == 0);
  w.watch.set({"/does/not/exist"});
  CHECK(w.after(60ms) == 0);
}

}  // namespace
}  // namespace outrigger::control_plane
