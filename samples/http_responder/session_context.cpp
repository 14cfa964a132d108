#include "samples/http_responder/session_context.hpp"

#include <algorithm>

namespace responder {
namespace {

// All threads share the thread pool, which has four threads by default.
samples::FairWork::Limits work_limits(std::size_t threads) {
  if (threads == 1) return {.at_once = 3, .of_each = 2};
  const std::size_t share = std::max<std::size_t>(1, 4 / threads);
  return {.at_once = share, .of_each = share};
}

}  // namespace

SessionContext::SessionContext(reactor::Loop& on, const Options& with, Figures& counts)
    : loop(on), options(with), figures(counts), share(on), work(on, work_limits(with.threads)) {
  refresh_date();
}

void SessionContext::refresh_date() {
  const auto now = loop.now();
  if (now < refresh_at_) return;
  date_ = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
  every_answer_.clear();
  (void)every_answer_.add({"Date", protocols::http::format_date(date_)});
  (void)every_answer_.add({"Server", "uvreactor"});
  refresh_at_ = now + (date_ + std::chrono::seconds(1) - std::chrono::system_clock::now());
}

}  // namespace responder
