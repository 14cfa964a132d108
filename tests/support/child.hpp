// Runs code in a process of its own: code that ends its process, or that needs limits of its own.
#pragma once

#include <sys/types.h>

#include <functional>
#include <string>

#if defined(__has_feature)
inline constexpr bool below_address_sanitizer = __has_feature(address_sanitizer);
inline constexpr bool below_thread_sanitizer = __has_feature(thread_sanitizer);
#else
inline constexpr bool below_address_sanitizer = false;
inline constexpr bool below_thread_sanitizer = false;
#endif

struct ChildEnd {
  int status = 0;       ///< As waitpid(2) returns it.
  std::string printed;  ///< On standard output and standard error.

  [[nodiscard]] bool aborted() const;
  [[nodiscard]] bool succeeded() const { return status == 0; }
};

class Child {
 public:
  /// Calls `body` in a fork of this process, which exits with 0 when it returns.
  explicit Child(const std::function<void()>& body);
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  ~Child();

  /// Becomes readable when the child prints, and when it has ended.
  [[nodiscard]] int output() const { return output_; }

  /// Reads the output of the child, and waits for its end.
  ChildEnd wait();

 private:
  int output_ = -1;
  pid_t process_ = -1;
};

ChildEnd in_child(const std::function<void()>& body);
