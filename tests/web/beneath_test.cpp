#include "web/beneath.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>

#include "reactor/file.hpp"
#include "support/peer.hpp"

namespace fs = std::filesystem;
using reactor::File;
using web::Links;

namespace {

// A home with a folder, a file and links in it, and a secret next to it.
struct Tree {
  const fs::path top = unused_path();
  const fs::path home = top / "home";
  File folder;

  Tree() {
    fs::create_directories(home / "a/b");
    std::ofstream(home / "a/b/file") << "mine";
    std::ofstream(top / "secret") << "secret";
    fs::create_symlink(top / "secret", home / "to_secret");
    fs::create_symlink("..", home / "a/up");
    fs::create_symlink("a", home / "inside");
    fs::create_symlink("/", home / "root");
    folder = File::own(open(home.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  }
  ~Tree() { fs::remove_all(top); }
  Tree(const Tree&) = delete;
  Tree& operator=(const Tree&) = delete;
};

std::string read_all(const File& file) {
  char text[100];
  const ssize_t size = read(file.fd(), text, sizeof text);
  return {text, size < 0 ? 0 : static_cast<std::size_t>(size)};
}

int by_kernel(int folder, const std::string& path, int flags, mode_t mode = 0) {
  return web::open_beneath(folder, path, flags, Links::refused, mode);
}

int by_walking(int folder, const std::string& path, int flags, mode_t mode = 0) {
  return web::open_beneath_by_walking(folder, path, flags, mode);
}

}  // namespace

TEST_SUITE("beneath") {
  TEST_CASE("with openat2 and without, only paths beneath the folder are opened") {
    const Tree tree;
    for (const auto open_path : {by_kernel, by_walking}) {
      CAPTURE((open_path == by_walking));
      for (const char* path : {"a/b/file", "a//b/file", "./a/b/file", "a/./b/file"}) {
        CAPTURE(path);
        const File file = File::own(open_path(tree.folder.fd(), path, O_RDONLY | O_CLOEXEC, 0));
        CHECK(read_all(file) == "mine");
      }
      for (const char* path : {".", "a", "a/", "a/b/."}) {
        CAPTURE(path);
        const int flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC;
        CHECK(File::own(open_path(tree.folder.fd(), path, flags, 0)));
      }
      struct Refused {
        const char* path;
        int reason;
      };
      const Refused refused[] = {
          {"to_secret", ELOOP},
          {"inside/b/file", ELOOP},
          {"a/up/a/b/file", ELOOP},
          {"a/up", ELOOP},
          {"root/etc/passwd", ELOOP},
          {"inside/", ELOOP},
          {"../secret", EXDEV},
          {"..", EXDEV},
          {"a/../../secret", EXDEV},
          {"/etc/passwd", EXDEV},
          {"/", EXDEV},
          {"", ENOENT},
          {"nix", ENOENT},
          {"nix/file", ENOENT},
          {"a/b/file/x", ENOTDIR},
          {"a/b/file/", ENOTDIR},
      };
      for (const auto& [refused_path, reason] : refused) {
        const std::string path = refused_path;  // clang 14 captures no binding.
        CAPTURE(path);
        errno = 0;
        CHECK(open_path(tree.folder.fd(), path, O_RDONLY | O_CLOEXEC, 0) == -1);
        CHECK(errno == reason);
      }
    }
  }

  TEST_CASE(
      "with openat2 and without, a file is made beneath the folder and not at the target of a "
      "link") {
    const Tree tree;
    for (const auto open_path : {by_kernel, by_walking}) {
      const std::string name = open_path == by_kernel ? "kernel" : "walk";
      const int flags = O_WRONLY | O_CREAT | O_CLOEXEC;
      CHECK(File::own(open_path(tree.folder.fd(), "a/" + name, flags, 0600)));
      CHECK(fs::exists(tree.home / "a" / name));
      for (const std::string& path :
           {"a/up/" + name, "root/tmp/" + name, std::string("to_secret")}) {
        CHECK(open_path(tree.folder.fd(), path, flags, 0600) == -1);
        CHECK(errno == ELOOP);
      }
      CHECK_FALSE(fs::exists(tree.home / name));
    }
  }

  // A folder that becomes a link, and again a folder, while a path through it is opened.
  TEST_CASE(
      "with openat2 and without, exchanging a folder for a link does not open a file outside") {
    const Tree tree;
    fs::create_directory(tree.top / "outside");
    std::ofstream(tree.top / "outside/file") << "secret";
    fs::create_directory(tree.home / "x");
    std::ofstream(tree.home / "x/file") << "mine";
    fs::create_symlink(tree.top / "outside", tree.home / "y");
    std::atomic<bool> over = false;
    std::thread exchanging([&] {
      while (!over) {
        renameat2(tree.folder.fd(), "x", tree.folder.fd(), "y", RENAME_EXCHANGE);
      }
    });
    int opened = 0;
    for (const auto open_path : {by_kernel, by_walking}) {
      for (int i = 0; i < 5000; ++i) {
        const File file = File::own(open_path(tree.folder.fd(), "x/file", O_RDONLY | O_CLOEXEC, 0));
        if (!file) continue;
        ++opened;
        const std::string text = read_all(file);
        if (text != "mine") FAIL(text);
      }
    }
    over = true;
    exchanging.join();
    CHECK(opened > 0);
  }
}
