#include "reactor/random_bytes.hpp"

#include <doctest/doctest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <initializer_list>
#include <set>
#include <span>
#include <string>
#include <thread>
#include <vector>

namespace {

std::string bytes_of(std::size_t size) {
  std::string bytes(size, '\0');
  reactor::fill_randomly(std::as_writable_bytes(std::span(bytes)));
  return bytes;
}

}  // namespace

TEST_SUITE("random_bytes") {
  TEST_CASE("a request of any size is filled to its last byte, and not beyond") {
    for (const auto size : std::initializer_list<std::size_t>{0, 1, 16, 255, 256, 257, 70'000}) {
      CAPTURE(size);
      std::string all(size, '\0');
      for (int i = 0; i < 64; ++i) {
        std::string bytes(size + 1, '\0');
        reactor::fill_randomly(std::as_writable_bytes(std::span(bytes).first(size)));
        REQUIRE(bytes.back() == '\0');
        for (std::size_t at = 0; at < size; ++at) all[at] |= bytes[at];
      }
      CHECK(std::find(all.begin(), all.end(), '\0') == all.end());
    }
  }

  TEST_CASE("a forked child does not repeat the numbers of its parent") {
    bytes_of(1);  // Takes more in advance.
    int pipe[2];
    REQUIRE(::pipe(pipe) == 0);
    const pid_t child = fork();
    REQUIRE(child >= 0);
    if (child == 0) {
      const std::string bytes = bytes_of(16);
      _exit(write(pipe[1], bytes.data(), bytes.size()) == 16 ? 0 : 1);
    }
    const std::string own = bytes_of(16);
    std::string others(16, '\0');
    CHECK(read(pipe[0], others.data(), others.size()) == 16);
    CHECK(others != own);
    close(pipe[0]);
    close(pipe[1]);
    int status = 0;
    CHECK(waitpid(child, &status, 0) == child);
    CHECK(status == 0);
  }

  TEST_CASE("no two nonces are equal, of one thread or of two") {
    constexpr std::size_t count = 1'000, size = 12;
    std::vector<std::string> here, there;
    std::thread other([&] {
      for (std::size_t i = 0; i < count; ++i) there.push_back(bytes_of(size));
    });
    for (std::size_t i = 0; i < count; ++i) here.push_back(bytes_of(size));
    other.join();
    std::set<std::string> all(here.begin(), here.end());
    all.insert(there.begin(), there.end());
    CHECK(all.size() == 2 * count);
  }
}
