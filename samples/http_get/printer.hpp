// The output of http_get: bodies on standard output, everything else on standard error.
#pragma once

#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "reactor/timer.hpp"
#include "reactor/work.hpp"
#include "samples/http_get/fetcher.hpp"
#include "samples/support/printable.hpp"

namespace http_get {

/// Prints the bodies, and after each body the result of its fetch. A thread of the pool writes the
/// bodies, because standard output may be a pipe that nothing reads.
///
/// Where both outputs are one terminal, a line of progress is shown only while the last line of the
/// screen has no body text, and each report begins on a line of its own.
class Printer final : public Listener {
 public:
  Printer(reactor::Loop& loop, std::vector<std::string> urls);

  /// Shows a line of progress five times a second until the last URL is done. An empty `wanted`
  /// shows it if standard error is a terminal and standard output is not the same one.
  void show_progress(const Fetcher& fetcher, std::optional<bool> wanted);

  void on_body(const Fetch& fetch, protocols::Bytes bytes) override;
  void on_done(const Fetch& fetch) override;
  [[nodiscard]] bool is_full() const override { return waiting_bytes_ >= most_waiting_bytes; }

 private:
  static constexpr std::size_t most_waiting_bytes = std::size_t{1} << 20;

  // A piece of a body, or without one the report on its fetch.
  struct Item {
    std::string body;
    std::string report;
  };

  void print_next();
  void print_body(std::string body);
  void write_body(std::string text, std::size_t size);
  void written(int error);
  void print_report(const std::string& report);
  void print_progress();
  void clear_progress();

  const std::vector<std::string> urls_;
  const bool share_a_terminal_;
  const bool is_terminal_;  // Of standard output: what a server sends must not command it.
  samples::EscapedPieces escaped_;
  const Fetcher* fetcher_ = nullptr;
  std::size_t reported_ = 0;
  std::deque<Item> waiting_;
  std::size_t waiting_bytes_ = 0;  // Of bodies.
  bool inside_body_ = false;       // More of this body may follow.
  bool at_line_start_ = true;      // Of standard output.
  bool is_shown_ = false;
  reactor::Timer timer_;
  reactor::Loop& loop_;
  std::optional<reactor::Work> writing_;
};

}  // namespace http_get
