// A loop in each of its two positions, so that one test is run in both:
//
//     TEST_CASE_TEMPLATE("…", Position, Host, Guest) {
//       Position position;
//       reactor::Loop& loop = position.loop;
#pragma once

#include <doctest/doctest.h>

#include <memory>

#include "reactor/loop.hpp"

/// The loop owns the libuv loop below it.
struct Host {
  reactor::Loop loop;
};

/// The loop is a guest of an application's libuv loop.
struct Guest {
  struct Close {
    void operator()(uv_loop_s* application) const;
  };

  std::unique_ptr<uv_loop_s, Close> application = start();
  reactor::Loop loop{*application};

 private:
  static std::unique_ptr<uv_loop_s, Close> start();
};

TYPE_TO_STRING(Host);
TYPE_TO_STRING(Guest);
