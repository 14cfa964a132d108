#include "web/beneath.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <span>
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
    fs::create_symlink("../secret", home / "out");
    fs::create_symlink("b/../b/file", home / "a/mine");
    fs::create_symlink("../a/up/a/b/new", home / "a/to_new");
    fs::create_symlink("loop", home / "loop");
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
  return web::open_beneath_by_walking(folder, path, flags, Links::refused, mode);
}

int by_kernel_with_links(int folder, const std::string& path, int flags, mode_t mode = 0) {
  return web::open_beneath(folder, path, flags, Links::stay_beneath, mode);
}

int by_walking_with_links(int folder, const std::string& path, int flags, mode_t mode = 0) {
  return web::open_beneath_by_walking(folder, path, flags, Links::stay_beneath, mode);
}

struct Refused {
  std::string path;
  int reason;
};

using OpenPath = int (*)(int folder, const std::string& path, int flags, mode_t mode);

void check_refused(const Tree& tree, OpenPath open_path, std::span<const Refused> refused) {
  for (const Refused& each : refused) {
    CAPTURE(each.path);
    for (const int flags : {O_RDONLY, O_PATH}) {
      errno = 0;
      CHECK(open_path(tree.folder.fd(), each.path, flags | O_CLOEXEC, 0) == -1);
      CHECK(errno == each.reason);
    }
  }
}

}  // namespace

TEST_SUITE("beneath") {
  TEST_CASE("with openat2 and without, only paths beneath the folder are opened") {
    const Tree tree;
    for (const auto open_path : {by_kernel, by_walking}) {
      CAPTURE((open_path == by_walking));
      for (const char* path :
           {"a/b/file", "a//b/file", "./a/b/file", "a/./b/file", "a/../a/./b/.//../b/file"}) {
        CAPTURE(path);
        const File file = File::own(open_path(tree.folder.fd(), path, O_RDONLY | O_CLOEXEC, 0));
        CHECK(read_all(file) == "mine");
      }
      for (const char* path : {".", "a", "a/", "a/b/."}) {
        CAPTURE(path);
        const int flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC;
        CHECK(File::own(open_path(tree.folder.fd(), path, flags, 0)));
      }
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
          {"a/b/file/..", ENOTDIR},
          {"nix/../a/b/file", ENOENT},
          {"a/./../..", EXDEV},
          {std::string(4096, '/'), ENAMETOOLONG},
      };
      check_refused(tree, open_path, refused);
    }
  }

  TEST_CASE("with openat2 and without, links are followed that stay beneath the folder") {
    const Tree tree;
    for (const auto open_path : {by_kernel_with_links, by_walking_with_links}) {
      CAPTURE((open_path == by_walking_with_links));
      const Refused refused[] = {
          {"to_secret", EXDEV}, {"root/etc/passwd", EXDEV},   {"out", EXDEV},
          {"loop", ELOOP},      {"a/up/../secret", EXDEV},    {"loop/x", ELOOP},
          {"a/to_new", ENOENT}, {"a/mine/", ENOTDIR},         {"inside/up/out", EXDEV},
          {"a/up/..", EXDEV},   {"inside/b/../../..", EXDEV}, {"a/mine/..", ENOTDIR},
      };
      check_refused(tree, open_path, refused);
      for (const char* path : {"a/mine", "inside/mine", "a/up/inside//up/./a/../a/mine"}) {
        CAPTURE(path);
        CHECK(read_all(File::own(open_path(tree.folder.fd(), path, O_RDONLY | O_CLOEXEC, 0))) ==
              "mine");
      }
      const int flags = O_RDWR | O_CREAT | O_CLOEXEC;
      CHECK(open_path(tree.folder.fd(), "a/to_new", flags | O_EXCL, 0600) == -1);
      CHECK(errno == EEXIST);
      CHECK(File::own(open_path(tree.folder.fd(), "a/to_new", flags, 0600)));
      CHECK(fs::remove(tree.home / "a/b/new"));
    }
  }

  TEST_CASE("without openat2, the way back from deep folders has an end") {
    const Tree tree;
    std::string up;
    fs::path deep = tree.home;
    for (int i = 0; i < 200; ++i) deep /= "d", up += "d/";
    fs::create_directories(deep);
    for (int i = 0; i < 200; ++i) up += "../d/";
    CHECK(by_walking(tree.folder.fd(), up, O_RDONLY | O_CLOEXEC) == -1);
    CHECK(errno == ELOOP);
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
    fs::create_symlink("../outside", tree.home / "y");
    std::atomic<bool> over = false;
    std::thread exchanging([&] {
      while (!over) {
        renameat2(tree.folder.fd(), "x", tree.folder.fd(), "y", RENAME_EXCHANGE);
      }
    });
    int opened = 0;
    for (const auto open_path :
         {by_kernel, by_walking, by_kernel_with_links, by_walking_with_links}) {
      for (int i = 0; i < 2500; ++i) {
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
