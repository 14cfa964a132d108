// Fetches several URLs at once and prints their bodies in the order in which they were given.
#include <unistd.h>

#include <cmath>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "reactor/timer.hpp"
#include "samples/http_get/fetcher.hpp"
#include "samples/support/program.hpp"

namespace {

using http_get::Fetch;

// What of a body may be kept until those before it are printed.
constexpr std::size_t max_kept_bytes = std::size_t{256} << 20;

/// Prints bodies in order, and what became of each.
class Printer final : public http_get::Listener {
 public:
  Printer(reactor::Loop& loop, std::vector<std::string> urls, bool progress)
      : urls_(std::move(urls)), bodies_(urls_.size()), timer_(loop, [this] { show_progress(); }) {
    if (!progress) return;
    show_progress();
    timer_.restart_every(std::chrono::milliseconds(200));
  }

  void on_body(const Fetch& fetch, protocols::Bytes bytes) override {
    received_ += bytes.size();
    const std::string_view text = protocols::as_text(bytes);
    if (fetch.number == turn_) return print(text);
    kept_ += text.size();
    if (kept_ > max_kept_bytes) throw samples::Failed("too much arrived ahead of its turn");
    bodies_[fetch.number].text += text;
  }

  void on_done(const Fetch& fetch) override {
    bodies_[fetch.number].done = true;
    ++done_;
    clear_progress();
    if (fetch.error.empty()) {
      std::fprintf(stderr, "%d %llu bytes %s\n", fetch.status,
                   static_cast<unsigned long long>(fetch.received), fetch.url.text().c_str());
    } else {
      failed_ = true;
      std::fprintf(stderr, "error: %s: %s\n", urls_[fetch.number].c_str(), fetch.error.c_str());
    }
    for (; turn_ < bodies_.size() && bodies_[turn_].done; ++turn_) print_kept();
    print_kept();
    if (turn_ == bodies_.size()) timer_.cancel();
  }

  [[nodiscard]] bool failed() const { return failed_; }

 private:
  struct Body {
    std::string text;
    bool done = false;
  };

  void print_kept() {
    if (turn_ == bodies_.size()) return;
    std::string& text = bodies_[turn_].text;
    print(text);
    kept_ -= text.size();
    text = std::string();
  }

  static void print(std::string_view text) {
    if (std::fwrite(text.data(), 1, text.size(), stdout) < text.size()) {
      throw samples::Failed(reactor::system_error(errno, "write"));
    }
    std::fflush(stdout);
  }

  void show_progress() {
    std::fprintf(stderr, "\r%zu of %zu, %.1f MB ", done_, urls_.size(),
                 static_cast<double>(received_) / 1e6);
    shown_ = true;
  }

  void clear_progress() {
    if (std::exchange(shown_, false)) std::fputs("\r\033[K", stderr);
  }

  const std::vector<std::string> urls_;
  std::vector<Body> bodies_;
  std::size_t turn_ = 0;  // Whose body is printed as it comes.
  std::size_t done_ = 0;
  std::size_t kept_ = 0;
  std::uint64_t received_ = 0;
  bool failed_ = false;
  bool shown_ = false;
  reactor::Timer timer_;
};

void fetch_all(const std::vector<std::string>& urls, const http_get::Options& options,
               bool progress) {
  std::vector<http_get::Url> parsed;
  for (const std::string& url : urls) {
    const auto parts = http_get::parse_url(url);
    if (!parts) throw samples::Failed(url + " is no http URL");
    parsed.push_back(*parts);
  }
  reactor::Loop loop;
  Printer printer(loop, urls, progress);
  http_get::Fetcher fetcher(loop, options, printer);
  for (const http_get::Url& url : parsed) fetcher.add(url);
  loop.run();
  if (printer.failed()) throw samples::Failed("not all could be fetched");
}

}  // namespace

int main(int count, char** words) {
  std::vector<std::string> urls;
  http_get::Options options;
  double timeout = 30;
  bool progress = isatty(STDERR_FILENO) != 0;
  CLI::App command_line{
      "Fetches http URLs, several at once, and prints their bodies in order.\n"
      "Example: http_get http://127.0.0.1:8080/hello http://127.0.0.1:8080/download?size=1000"};
  command_line.footer("What comes ahead of its turn is kept, " +
                      std::to_string(max_kept_bytes >> 20) + " MiB in all at most.");
  command_line.option_defaults()->always_capture_default();
  command_line.add_option("URL", urls, "What to fetch")->required();
  command_line.add_option("--connections", options.connections, "At once, to each host")
      ->check(CLI::Range(1, 1000));
  command_line.add_option("--redirects", options.redirects, "How many to follow, for each URL")
      ->check(CLI::Range(0, 1000));
  command_line
      .add_option("--timeout", timeout,
                  "Seconds for a connection to be made, for an answer to begin, and for more of it")
      ->check(CLI::Range(0.001, 1e6));
  command_line.add_flag("--progress,!--no-progress", progress,
                        "Show what has come so far; at a terminal it is shown unless told not to");
  return samples::run_program(command_line, count, words, [&] {
    options.timeout = std::chrono::milliseconds(std::llround(timeout * 1000));
    fetch_all(urls, options, progress);
  });
}
