#include "reactor/session_hooks.hpp"

#include <doctest/doctest.h>

#include <functional>

// session_hooks_test.py tests code that must not compile.

namespace hook = reactor::hook;

namespace {

struct Without {
  void on_close_of_another_name() {}
};
struct Public {
  void on_close() {}
};
struct Overloaded {
  void on_close(int) {}
  void on_close(double) {}
};
struct Template {
  template <class T>
  void on_close(T) {}
};
struct Value {
  std::function<void()> on_close;
};
struct Static {
  static void on_close() {}
};
struct Inherited : Overloaded {};
class Private {
  [[maybe_unused]] void on_close() {}
};
struct Abstract {
  virtual ~Abstract() = default;
  virtual void on_close() = 0;
};
struct Final final {
  void on_close() {}
};
struct FinalWithout final {};

template <class T>
constexpr bool has = hook::in<T, hook::on_close>();

}  // namespace

TEST_SUITE("session_hooks") {
  TEST_CASE("a member of any kind and any access is found by its name") {
    CHECK_FALSE(has<Without>);
    CHECK(has<Public>);
    CHECK(has<Overloaded>);
    CHECK(has<Template>);
    CHECK(has<Value>);
    CHECK(has<Static>);
    CHECK(has<Inherited>);
    CHECK(has<Private>);
    CHECK(has<Abstract>);
    CHECK(has<Final>);
    CHECK_FALSE(has<FinalWithout>);
  }

  TEST_CASE("each name finds only its own member") {
    CHECK_FALSE(hook::in<Public, hook::on_closed>());
    CHECK_FALSE(hook::in<Public, hook::on_end>());
    CHECK_FALSE(hook::in<Public, hook::finish>());
  }
}
