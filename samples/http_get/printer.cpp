#include "samples/http_get/printer.hpp"

#include <poll.h>
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

// Returns 0 or an errno.
int write_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = write(fd, text.data(), text.size());
    if (written >= 0) {
      text.remove_prefix(static_cast<std::size_t>(written));
    } else if (errno == EAGAIN) {  // Another program may have made `fd` non-blocking.
      pollfd wait{fd, POLLOUT, 0};
      (void)poll(&wait, 1, -1);
    } else if (errno != EINTR) {
      return errno;
    }
  }
  return 0;
}

}  // namespace

Printer::Printer(reactor::Loop& loop, std::vector<std::string> urls)
    : urls_(std::move(urls)),
      share_a_terminal_(is_one_terminal(STDOUT_FILENO, STDERR_FILENO)),
      is_terminal_(isatty(STDOUT_FILENO) != 0),
      timer_(loop, [this] { print_progress(); }),
      loop_(loop) {}

void Printer::show_progress(const Fetcher& fetcher, std::optional<bool> wanted) {
  const bool can_be_seen = isatty(STDERR_FILENO) != 0 && !share_a_terminal_;
  if (!wanted.value_or(can_be_seen)) return;
  fetcher_ = &fetcher;
  print_progress();
  timer_.restart_every(std::chrono::milliseconds(200));
}

void Printer::on_body(const Fetch&, protocols::Bytes bytes) {
  if (bytes.empty()) return;
  waiting_bytes_ += bytes.size();
  if (waiting_.empty() || !waiting_.back().report.empty()) waiting_.emplace_back();
  waiting_.back().body += protocols::as_text(bytes);
  print_next();
}

void Printer::on_done(const Fetch& fetch) {
  std::string report = fetch.error.empty()
                           ? std::to_string(fetch.status) + " " + std::to_string(fetch.received) +
                                 " bytes " + fetch.url.text()
                           : "error: " + urls_[fetch.number] + ": " + fetch.error;
  waiting_.push_back({{}, std::move(report)});
  print_next();
}

void Printer::print_next() {
  while (!waiting_.empty() && !writing_) {
    Item item = std::move(waiting_.front());
    waiting_.pop_front();
    item.report.empty() ? print_body(std::move(item.body)) : print_report(item.report);
  }
}

void Printer::print_body(std::string body) {
  if (share_a_terminal_) clear_progress();
  inside_body_ = true;
  at_line_start_ = body.back() == '\n';
  const std::size_t size = body.size();
  write_body(is_terminal_ ? escaped_.feed(body) : std::move(body), size);
}

void Printer::write_body(std::string body, std::size_t size) {
  writing_ = reactor::Work::run(
      loop_, [body = std::move(body)] { return write_all(STDOUT_FILENO, body); },
      [this, size](int error) {
        waiting_bytes_ -= size;
        written(error);
      });
}

void Printer::written(int error) {
  writing_.reset();
  if (error != 0) {
    clear_progress();
    throw samples::Failed(reactor::system_error(error, "write standard output"));
  }
  print_next();
  if (!is_full() && on_room) on_room();
}

void Printer::print_report(const std::string& report) {
  clear_progress();
  inside_body_ = false;
  if (const std::string rest = escaped_.finish(); !rest.empty()) {
    (void)write_all(STDOUT_FILENO, rest);
  }
  if (share_a_terminal_ && !std::exchange(at_line_start_, true)) std::fputc('\n', stderr);
  std::fprintf(stderr, "%s\n", report.c_str());
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
