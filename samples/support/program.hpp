// What every sample program does alike: its command line, its first line of output, its end.
#pragma once

#include <CLI/CLI.hpp>

#include <functional>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include "reactor/address.hpp"
#include "reactor/loop.hpp"
#include "reactor/result.hpp"
#include "reactor/signal.hpp"

namespace samples {

/// Ends the program with exit code 1 and `error: ` before its text.
struct Failed : std::runtime_error {
  explicit Failed(const reactor::Error& error) : std::runtime_error(error.message()) {}
  explicit Failed(const std::string& text) : std::runtime_error(text) {}
};

/// The value, or Failed.
template <class T>
T value_of(reactor::Result<T> result) {
  if (!result) throw Failed(result.error());
  return std::move(*result);
}

/// Nothing, or Failed.
inline void check(const reactor::Result<void>& result) {
  if (!result) throw Failed(result.error());
}

/// Parses the command line, to which it adds --version, and runs the program: 0 when `program`
/// returns, 1 when it throws Failed, 2 when the command line is wrong.
int run_program(CLI::App& command_line, int count, char** words,
                const std::function<void()>& program);

/// The line by which scripts know that a server is ready: `listening on 127.0.0.1:9000`.
void announce(const reactor::Address& address);

/// Calls `on_stop` on SIGINT and on SIGTERM, for as long as what it returns lives.
[[nodiscard]] std::vector<reactor::Signal> stop_on_signals(reactor::Loop& loop,
                                                           const std::function<void()>& on_stop);

}  // namespace samples
