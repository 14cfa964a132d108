#include "samples/http_get/fetcher.hpp"

#include <cerrno>
#include <optional>
#include <utility>

#include "protocols/error.hpp"
#include "protocols/http/status.hpp"
#include "reactor/timer.hpp"
#include "samples/http_get/host.hpp"

namespace http_get {
namespace {

using protocols::Bytes;
using web::FetchErrc;
using web::FetchResponse;

constexpr std::size_t chunk_bytes = 64 * 1024;

bool is_success(int status) { return status / 100 == 2; }

// The response's entity tag if it is strong: two responses with the same one are parts of the same
// representation (RFC 9110 section 13.1.5).
std::string strong_tag(const FetchResponse& response) {
  const std::string_view tag = response.field("ETag").value_or("");
  return std::string(tag.starts_with('"') ? tag : "");
}

bool continues(const FetchResponse& response, std::uint64_t offset) {
  const std::string_view range = response.field("Content-Range").value_or("");
  return response.status == 206 && range.starts_with("bytes " + std::to_string(offset) + "-");
}

// Why there is no response, beside the URL that the report begins with.
std::string reason(const reactor::Error& error) {
  if (error.code == FetchErrc::bad_redirect) return error.code.message() + ": " + error.hint;
  const bool is_known = error.code == FetchErrc::too_many_redirects ||
                        error.code == FetchErrc::closed ||
                        error.code.category() == protocols::decode_category();
  return is_known ? error.code.message() : error.message();
}

}  // namespace

Options::Options() {
  client.max_connections = SIZE_MAX;
  client.max_connections_per_origin = 4;
  client.total_timeout = reactor::Duration::max();
  client.connect = {.timeout = reactor::Duration::max(),
                    .attempt_timeout = std::chrono::seconds(10)};
  client.decompress = false;  // Bodies are printed as they were sent.
  client.user_agent = "http_get";
  client.to_ascii = ascii_host;
}

/// A fetch, and how much of its body has been handed over.
struct Fetcher::Job {
  Fetch fetch;
  std::optional<web::Fetch> request;   // While it is on its way.
  std::optional<reactor::Timer> rest;  // For the rest of a response that is an error.
  std::string tag;  // Of the response whose body is being received, if it has a strong one.
  std::deque<std::string> kept;
  bool handed_over = false;  // Part of the body.
  bool held_up = false;      // Not read for a while: the server may have ended it for that.
  bool postponed = false;    // Until its turn to be handed over.
  bool done = false;         // Except for what is kept.
};

Fetcher::Fetcher(reactor::Loop& loop, Options options, Listener& listener)
    : loop_(loop),
      options_(std::move(options)),
      listener_(listener),
      client_(loop, options_.client) {
  listener_.on_room = [this] { advance(); };
}

Fetcher::~Fetcher() = default;

void Fetcher::add(const web::Url& url) {
  Job& job = jobs_.emplace_back();
  job.fetch = {.number = jobs_.size() - 1, .url = url, .error = {}};
  start(job);
}

bool Fetcher::has_turn(const Job& job) const { return job.fetch.number == turn_; }

void Fetcher::start(Job& job) {
  web::FetchRequest request{.url = job.fetch.url.text()};
  request.fields = {{"User-Agent", options_.client.user_agent}, {"Accept", "*/*"}};
  if (job.fetch.received > 0) {
    request.fields.emplace_back("Range", "bytes=" + std::to_string(job.fetch.received) + "-");
    request.fields.emplace_back("If-Range", job.tag);
  }
  job.fetch.status = 0;
  job.request.emplace(client_.send(std::move(request),
                                   [this, &job](const auto& result) { take_result(job, result); }));
  job.request->on_head([this, &job](const FetchResponse& response) { take_head(job, response); });
  job.request->on_data([this, &job](Bytes bytes) { take_body(job, bytes); });
  if (has_turn(job)) job.request->expedite();
}

void Fetcher::take_head(Job& job, const FetchResponse& response) {
  Fetch& fetch = job.fetch;
  fetch.status = response.status;
  fetch.url = *web::parse_url(response.url);
  if (!is_success(fetch.status)) {
    // A server could send the rest for ever.
    job.rest.emplace(reactor::Timer::after(loop_, options_.client.response_timeout, [this, &job] {
      finish(job,
             reactor::system_error(ETIMEDOUT, "receive from", job.fetch.url.endpoint).message());
    }));
    return;
  }
  if (fetch.received > 0 && continues(response, fetch.received)) {
    fetch.status = 200;  // The status of the whole.
    return;
  }
  if (fetch.received > 0 && job.handed_over) {
    return finish(job,
                  "the server closed the connection while it waited for its turn, and its content "
                  "has changed since");
  }
  drop_kept(job);
  fetch.received = 0;
  job.tag = strong_tag(response);
}

void Fetcher::take_body(Job& job, Bytes bytes) {
  if (!is_success(job.fetch.status)) return;
  job.fetch.received += bytes.size();
  figures_.received += bytes.size();
  const bool is_next = has_turn(job) && job.kept.empty();
  is_next && !listener_.is_full() ? hand_over(job, bytes) : keep(job, bytes);
}

void Fetcher::take_result(Job& job, const reactor::Result<FetchResponse>& result) {
  const int status = job.fetch.status;
  if (!result) return give_up(job, reason(result.error()));
  if (is_success(status)) return finish(job);
  finish(job, std::to_string(status) + " " + std::string(protocols::http::reason_of(status)));
}

void Fetcher::keep(Job& job, Bytes bytes) {
  if (job.kept.empty() || job.kept.back().size() + bytes.size() > chunk_bytes)
    job.kept.emplace_back();
  job.kept.back() += protocols::as_text(bytes);
  kept_bytes_ += bytes.size();
  if (kept_bytes_ >= options_.most_kept_bytes) pause(job);
}

void Fetcher::pause(Job& job) {
  if (!paused_.insert(&job).second) return;
  job.held_up = true;
  job.request->pause();
}

void Fetcher::hand_over(Job& job, Bytes bytes) {
  job.handed_over = true;
  listener_.on_body(job.fetch, bytes);
}

// Hands over as much as the listener accepts.
void Fetcher::hand_over_kept(Job& job) {
  while (!job.kept.empty() && !listener_.is_full()) {
    hand_over(job, protocols::as_bytes(job.kept.front()));
    kept_bytes_ -= job.kept.front().size();
    job.kept.pop_front();
  }
}

void Fetcher::drop_kept(Job& job) {
  for (const std::string& chunk : job.kept) kept_bytes_ -= chunk.size();
  job.kept.clear();
}

void Fetcher::give_up(Job& job, const std::string& error) {
  const bool can_go_on = !job.tag.empty() || !job.handed_over;
  if (job.held_up && is_success(job.fetch.status) && can_go_on) return begin_again(job);
  finish(job, error);
}

// Continues where the server stopped, or starts from the beginning.
void Fetcher::begin_again(Job& job) {
  job.held_up = false;
  if (job.tag.empty()) {
    drop_kept(job);
    job.fetch.received = 0;
  }
  job.postponed = true;
  paused_.erase(&job);
  job.request.reset();
  advance();
}

void Fetcher::finish(Job& job, std::string error) {
  job.fetch.error = std::move(error);
  job.done = true;
  ++figures_.done;
  if (!job.fetch.error.empty()) ++figures_.failed;
  paused_.erase(&job);
  job.rest.reset();
  job.request.reset();
  advance();
}

// Hands over the bodies that have their turn.
void Fetcher::advance() {
  for (; turn_ < jobs_.size(); ++turn_) {
    Job& job = jobs_[turn_];
    hand_over_kept(job);
    if (!job.done || !job.kept.empty()) break;
    listener_.on_done(job.fetch);
  }
  release();
  if (turn_ == jobs_.size()) return;
  Job& job = jobs_[turn_];
  if (std::exchange(job.postponed, false)) return start(job);
  if (job.request) job.request->expedite();
}

void Fetcher::release() {
  const bool has_room = kept_bytes_ <= options_.most_kept_bytes / 2;
  const auto paused = paused_;
  for (Job* each : paused) {
    if (!has_room && (!has_turn(*each) || listener_.is_full())) continue;
    paused_.erase(each);
    each->request->resume();
  }
}

}  // namespace http_get
