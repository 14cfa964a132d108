// A loop in each of its two modes, so that one test is run in both:
//
//     TEST_CASE_TEMPLATE("…", LoopMode, Standalone, Embedded) {
//       LoopMode mode;
//       reactor::Loop& loop = mode.loop;
#pragma once

#include <doctest/doctest.h>

#include <memory>

#include "reactor/loop.hpp"

/// The loop owns the libuv loop below it.
struct Standalone {
  reactor::Loop loop;
};

/// The loop is embedded in an application's libuv loop.
struct Embedded {
  struct Close {
    void operator()(uv_loop_s* application) const;
  };

  std::unique_ptr<uv_loop_s, Close> application = start();
  reactor::Loop loop{*application};

 private:
  static std::unique_ptr<uv_loop_s, Close> start();
};

TYPE_TO_STRING(Standalone);
TYPE_TO_STRING(Embedded);
