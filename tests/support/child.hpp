// Runs something that ends its process, in a process of its own.
#pragma once

#include <functional>
#include <string>

struct ChildEnd {
  int status = 0;       ///< As waitpid(2) tells it.
  std::string printed;  ///< On standard output and standard error.

  [[nodiscard]] bool aborted() const;
  [[nodiscard]] bool succeeded() const { return status == 0; }
};

/// Calls `body` in a fork of this process, which exits with 0 when it returns.
ChildEnd in_child(const std::function<void()>& body);
