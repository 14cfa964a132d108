// A function object that is moved, never copied. Every handle calls its user back through one.
#pragma once

#include <cassert>
#include <concepts>
#include <cstddef>
#include <cstring>
#include <functional>
#include <memory>
#include <type_traits>
#include <utility>

#include "reactor/version.hpp"

namespace reactor::inline v0 {

template <class Signature, std::size_t inline_bytes = 2 * sizeof(void*)>
class Callback;

/// Owns any callable with this signature, move-only ones included.
///
///     Callback<void(int)> on_event = [this](int event) { handle(event); };
///
/// Lifetime  Owns the callable, with all that it captures.
/// Cost      24 bytes. A callable of up to `inline_bytes` (`this` and one more value) is stored
///           inside, a larger one on the heap; a call is one indirect call.
template <class R, class... Args, std::size_t inline_bytes>
class Callback<R(Args...), inline_bytes> {
 public:
  Callback() = default;
  Callback(std::nullptr_t) {}

  template <class F>
    requires(!std::same_as<std::remove_cvref_t<F>, Callback> &&
             std::is_invocable_r_v<R, std::decay_t<F>&, Args...>)
  Callback(F&& callable) {
    using Callable = std::decay_t<F>;
    fill_behind<Callable>();
    if constexpr (fits<Callable>) {
      ::new (static_cast<void*>(storage_)) Callable(std::forward<F>(callable));
      operations_ = &in_place<Callable>;
    } else {
      ::new (static_cast<void*>(storage_)) Callable*(new Callable(std::forward<F>(callable)));
      operations_ = &on_heap<Callable>;
    }
  }

  Callback(Callback&& other) noexcept { take(other); }
  Callback& operator=(Callback&& other) noexcept {
    if (this != &other) {
      reset();
      take(other);
    }
    return *this;
  }
  ~Callback() { reset(); }

  explicit operator bool() const { return operations_ != nullptr; }

  R operator()(Args... args) {
    assert(operations_ && "an empty Callback was called");
    return operations_->call(storage_, std::forward<Args>(args)...);
  }

 private:
  // What fits into registers is passed in registers.
  template <class T>
  using Pass =
      std::conditional_t<std::is_trivially_copyable_v<T> && sizeof(T) <= 2 * sizeof(void*), T, T&&>;

  struct Operations {
    R (*call)(void* storage, Pass<Args>... args);
    // Null where copying the bytes is enough, as for most lambdas.
    void (*move)(void* to, void* from) noexcept;
    void (*destroy)(void* storage) noexcept;
  };

  template <class Callable>
  static constexpr bool fits =
      sizeof(Callable) <= inline_bytes && alignof(Callable) <= alignof(void*) &&
      std::is_nothrow_move_constructible_v<Callable>;

  // A move copies all bytes, also those that the callable does not use. Without this, compilers
  // warn.
  template <class Callable>
  void fill_behind() {
    constexpr std::size_t used = !fits<Callable>             ? sizeof(void*)
                                 : std::is_empty_v<Callable> ? 0
                                                             : sizeof(Callable);
    if constexpr (used < inline_bytes) std::memset(storage_ + used, 0, inline_bytes - used);
  }

  template <class Callable>
  static constexpr bool bytes_only =
      std::is_trivially_copyable_v<Callable> && std::is_trivially_destructible_v<Callable>;

  template <class Callable>
  static constexpr Operations in_place = {
      [](void* storage, Pass<Args>... args) -> R {
        return std::invoke(*static_cast<Callable*>(storage), std::forward<Args>(args)...);
      },
      bytes_only<Callable> ? nullptr
                           : +[](void* to, void* from) noexcept {
                               auto* source = static_cast<Callable*>(from);
                               ::new (to) Callable(std::move(*source));
                               source->~Callable();
                             },
      bytes_only<Callable>
          ? nullptr
          : +[](void* storage) noexcept { static_cast<Callable*>(storage)->~Callable(); }};

  template <class Callable>
  static constexpr Operations on_heap = {
      [](void* storage, Pass<Args>... args) -> R {
        return std::invoke(**static_cast<Callable**>(storage), std::forward<Args>(args)...);
      },
      nullptr, [](void* storage) noexcept { delete *static_cast<Callable**>(storage); }};

  void take(Callback& other) noexcept {
    operations_ = std::exchange(other.operations_, nullptr);
    if (!operations_) return;
    if (operations_->move) {
      operations_->move(storage_, other.storage_);
    } else {
      std::memcpy(storage_, other.storage_, inline_bytes);
    }
  }

  void reset() noexcept {
    const Operations* operations = std::exchange(operations_, nullptr);
    if (operations && operations->destroy) operations->destroy(storage_);
  }

  const Operations* operations_ = nullptr;
  alignas(void*) std::byte storage_[inline_bytes];
};

}  // namespace reactor
