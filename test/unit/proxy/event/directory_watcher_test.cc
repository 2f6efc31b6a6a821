// Files that are moved into directories, told to those who still want to know. Real directories.
#include "proxy/event/directory_watcher.h"
#include <catch2/catch.hpp>

#include "unit/control_plane/resources.h"
#include "unit/sim/clock.h"

namespace outrigger::event {
namespace {

using control_plane::Folder;

TEST_CASE("each move is told to those who hold a watch, until they let go of it", "[event]") {
  Folder folder;
  sim::Clock clock;
  Loop loop{clock};
  std::string told;
  DirectoryWatcher watcher(loop);
  auto one = watcher.watch(folder.path, [&](std::string_view name) { told += "one " + std::string(name) + ";"; });
  DirectoryWatcher::Watch two = watcher.watch(folder.path, [&](std::string_view name) {
    told += "two " + std::string(name) + ";";
    two.reset();  // may be let go of while it is told
  });
  CHECK(watcher.watch(folder.path + "/none", [](std::string_view) {}) == nullptr);
  const auto moved = [&] {
    folder.replace("a", "x");
    loop.poll();
    return std::exchange(told, {});
  };
  CHECK(moved() == "one a;two a;");
  CHECK(moved() == "one a;");
  one.reset();
  CHECK(moved().empty());
  one = watcher.watch(folder.path, [&](std::string_view) { told += "again;"; });
  CHECK(moved() == "again;");
}

TEST_CASE("a watch may outlive its watcher", "[event]") {
  Folder folder;
  sim::Clock clock;
  Loop loop{clock};
  auto watcher = std::make_unique<DirectoryWatcher>(loop);
  const auto watch = watcher->watch(folder.path, [](std::string_view) {});
  watcher.reset();
  CHECK(watch != nullptr);
}

}  // namespace
}  // namespace outrigger::event
