#include "samples/support/folder_reader.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <stop_token>
#include <string>
#include <vector>

using samples::FolderReader;

namespace {

struct Folder {
  Folder() {
    std::string name = std::filesystem::temp_directory_path() / "uvreactor-XXXXXX";
    REQUIRE(mkdtemp(name.data()));
    path = name;
  }
  ~Folder() { std::filesystem::remove_all(path); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;

  [[nodiscard]] reactor::File open(int flags) const {
    return reactor::File::own(::open(path.c_str(), flags | O_DIRECTORY | O_CLOEXEC));
  }

  std::filesystem::path path;
};

}  // namespace

TEST_SUITE("folder_reader") {
  TEST_CASE("every name is read once, in pieces of any size, also by two readers in turn") {
    const Folder folder;
    std::vector<std::string> expected;
    for (int i = 0; i < 100; ++i) {
      expected.push_back(std::to_string(i));
      std::ofstream(folder.path / expected.back());
    }
    std::sort(expected.begin(), expected.end());
    for (const int flags : {O_RDONLY, O_PATH}) {
      const auto opened = folder.open(flags);
      auto one = FolderReader::open(opened), two = FolderReader::open(opened);
      REQUIRE(one);
      REQUIRE(two);
      for (FolderReader* reader : {&*one, &*two}) {
        std::vector<std::string> names;
        for (bool more = true; more;) {
          int left = 7;
          const auto read = reader->read({}, [&](const char* name) {
            names.emplace_back(name);
            return --left > 0;
          });
          REQUIRE(read);
          more = *read;
          CHECK(left >= 0);
        }
        std::sort(names.begin(), names.end());
        CHECK(names == expected);
      }
    }
  }

  TEST_CASE("reading stops when a stop is requested") {
    const Folder folder;
    for (const char* name : {"a", "b", "c"}) std::ofstream(folder.path / name);
    auto reader = FolderReader::open(folder.open(O_RDONLY));
    REQUIRE(reader);
    std::stop_source stop;
    int names = 0;
    const auto read = reader->read(stop.get_token(), [&](const char*) {
      ++names;
      return stop.request_stop();
    });
    CHECK(read.value_or(false));
    CHECK(names == 1);
  }

  TEST_CASE("a file that is no folder is an error") {
    const auto null = reactor::File::own(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    const auto reader = FolderReader::open(null);
    REQUIRE_FALSE(reader);
    CHECK(reader.error().code == std::errc::not_a_directory);
  }
}
