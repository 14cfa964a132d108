#include "samples/http_get/printer.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <utility>

#include "samples/support/failed.hpp"

namespace http_get {
namespace {

bool is_one_terminal(int left, int right) {
  struct stat one {};
  struct stat other {};
  return isatty(left) != 0 && isatty(right) != 0 && fstat(left, &one) == 0 &&
         fstat(right, &other) == 0 && one.st_rdev == other.st_rdev;
}

}  // namespace

Printer::Printer(reactor::Loop& loop, std::vector<std::string> urls)
    : urls_(std::move(urls)),
      share_a_terminal_(is_one_terminal(STDOUT_FILENO, STDERR_FILENO)),
      timer_(loop, [this] { print_progress(); }) {}

void Printer::show_progress(const Fetcher& fetcher, Progress progress) {
  const bool can_be_seen = isatty(STDERR_FILENO) != 0 && !share_a_terminal_;
  if (progress == Progress::never || (progress != Progress::always && !can_be_seen)) return;
  fetcher_ = &fetcher;
  print_progress();
  timer_.restart_every(std::chrono::milliseconds(200));
}

void Printer::on_body(const Fetch&, protocols::Bytes bytes) {
  if (bytes.empty()) return;
  if (share_a_terminal_) clear_progress();
  inside_body_ = true;
  const std::string_view text = protocols::as_text(bytes);
  at_line_start_ = text.back() == '\n';
  if (std::fwrite(text.data(), 1, text.size(), stdout) == text.size() && std::fflush(stdout) == 0) {
    return;
  }
  const int reason = errno;
  clear_progress();
  throw samples::Failed(reactor::system_error(reason, "write standard output"));
}

void Printer::on_done(const Fetch& fetch) {
  clear_progress();
  inside_body_ = false;
  if (share_a_terminal_ && !std::exchange(at_line_start_, true)) std::fputc('\n', stderr);
  if (fetch.error.empty()) {
    std::fprintf(stderr, "%d %llu bytes %s\n", fetch.status,
                 static_cast<unsigned long long>(fetch.received), fetch.url.text().c_str());
  } else {
    std::fprintf(stderr, "error: %s: %s\n", urls_[fetch.number].c_str(), fetch.error.c_str());
  }
  if (++reported_ == urls_.size()) timer_.cancel();
}

void Printer::print_progress() {
  if (share_a_terminal_ && inside_body_) return;
  const Figures& figures = fetcher_->figures();
  const std::string failed =
      figures.failed > 0 ? " (" + std::to_string(figures.failed) + " failed)" : "";
  std::fprintf(stderr, "\r%zu of %zu%s, %.1f MB ", figures.done, urls_.size(), failed.c_str(),
               static_cast<double>(figures.received) / 1e6);
  is_shown_ = true;
}

void Printer::clear_progress() {
  if (std::exchange(is_shown_, false)) std::fputs("\r\033[K", stderr);
}

}  // namespace http_get
