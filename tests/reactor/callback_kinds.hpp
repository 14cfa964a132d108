// A table of every kind of callback in the library. A test of a property of all callbacks iterates
// over it. A new kind of callback is one row in callback_kinds.cpp.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "reactor/loop.hpp"

/// A handle that is about to call back, with everything that it needs for that. Its destructor
/// destroys the handle first.
struct Specimen {
  Specimen() = default;
  Specimen(const Specimen&) = delete;
  Specimen& operator=(const Specimen&) = delete;
  virtual ~Specimen() = default;
};

struct CallbackKind {
  const char* name;

  /// A specimen whose callback calls `on_call`, within a few iterations of the loop, and perhaps
  /// again.
  std::unique_ptr<Specimen> (*make)(reactor::Loop& loop, std::function<void()> on_call);

  /// False for a callback without an owner: it cannot be destroyed before it is called.
  bool owned = true;
};

const std::vector<CallbackKind>& callback_kinds();
