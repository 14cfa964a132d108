#include "reactor/callback.hpp"

#include <doctest/doctest.h>

#include <array>
#include <memory>

using reactor::Callback;

TEST_SUITE("callback") {
  TEST_CASE("a callback calls the function it was made from") {
    Callback<int(int)> twice = [](int value) { return 2 * value; };
    CHECK(twice(21) == 42);
  }

  TEST_CASE("a callback owns what it captures, small or large, and moves with it") {
    auto owned = std::make_unique<int>(7);
    Callback<int()> small = [owned = std::move(owned)] { return *owned; };
    Callback<int()> moved = std::move(small);
    CHECK(moved() == 7);
    CHECK_FALSE(small);

    std::array<int, 100> many{};
    many[99] = 9;
    Callback<int()> large = [many] { return many[99]; };
    moved = std::move(large);
    CHECK(moved() == 9);
  }

  TEST_CASE("the captures of a callback are destroyed once, with it or when it is replaced") {
    auto token = std::make_shared<int>(1);
    {
      Callback<void()> holder = [token] {};
      CHECK(token.use_count() == 2);
      Callback<void()> other = std::move(holder);
      CHECK(token.use_count() == 2);
      other = nullptr;
      CHECK(token.use_count() == 1);
      other = [token] {};
    }
    CHECK(token.use_count() == 1);
  }

  TEST_CASE("a callback keeps its state between calls") {
    Callback<int()> counter = [count = 0]() mutable { return ++count; };
    counter();
    CHECK(counter() == 2);
  }
}
