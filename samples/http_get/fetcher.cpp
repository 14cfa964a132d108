#include "samples/http_get/fetcher.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <list>
#include <optional>
#include <utility>

#include "protocols/http/client_connection.hpp"
#include "protocols/http/status.hpp"
#include "reactor/idle_timeout.hpp"
#include "reactor/resolver.hpp"
#include "reactor/stream.hpp"
#include "samples/http_get/host.hpp"

namespace http_get {
namespace {

using protocols::Bytes;
using protocols::http::ResponseEvent;
using protocols::http::ResponseHead;

constexpr std::size_t chunk_bytes = 64 * 1024;

bool is_redirect(int status) {
  return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

bool is_success(int status) { return status / 100 == 2; }

// The response's entity tag if it is strong: two responses with the same one are parts of the same
// representation (RFC 9110 section 13.1.5).
std::string strong_tag(const ResponseHead& head) {
  const std::string_view tag = head.fields.find("ETag").value_or("");
  return std::string(tag.starts_with('"') ? tag : "");
}

bool continues(const ResponseHead& head, std::uint64_t offset) {
  const std::string_view range = head.fields.find("Content-Range").value_or("");
  return head.status == 206 && range.starts_with("bytes " + std::to_string(offset) + "-");
}

}  // namespace

/// A fetch, and how much of its body has been handed over.
struct Fetcher::Job {
  Fetch fetch;
  int redirects = 0;
  std::string location;  // Of the current response, if it is a redirect.
  std::string tag;       // Of the response whose body is being received, if it has a strong one.
  std::deque<std::string> kept;
  bool handed_over = false;          // Part of the body.
  bool held_up = false;              // Not read for a while: the server may have ended it for that.
  bool postponed = false;            // Until its turn to be handed over.
  bool done = false;                 // Except for what is kept.
  Connection* connection = nullptr;  // The one that makes it.
};

/// A host and port: the jobs that wait for it, and its connections.
class Fetcher::Origin {
 public:
  Origin(Fetcher& of, std::string to) : fetcher(of), endpoint(std::move(to)) {
    const auto known = of.options_.addresses.find(endpoint.substr(0, endpoint.rfind(':')));
    if (known == of.options_.addresses.end()) return;
    addresses = known->second;
    const int port = std::stoi(endpoint.substr(endpoint.rfind(':') + 1));
    for (auto& address : addresses) address.set_port(static_cast<std::uint16_t>(port));
  }

  void add(Job& job) {
    waiting.emplace(job.fetch.number, &job);
    go_on();
  }

  void go_on();
  void remove(Connection& connection);

  /// The next connection goes to this address first.
  void prefer(const reactor::Address& address) {
    const auto place = std::find(addresses.begin(), addresses.end(), address);
    if (place != addresses.end()) std::rotate(addresses.begin(), place, place + 1);
  }

  [[nodiscard]] bool has_too_many() const {
    return connections.size() > fetcher.options_.connections;
  }

  Fetcher& fetcher;
  const std::string endpoint;
  std::map<std::size_t, Job*> waiting;  // By their numbers.
  std::list<Connection> connections;
  std::vector<reactor::Address> addresses;
  std::optional<reactor::Lookup> lookup;

 private:
  Connection* find_idle();
  [[nodiscard]] bool may_connect(const Job& job) const;
  void look_up();
  void fail(const reactor::Error& error);
};

/// Makes one job after the other.
class Fetcher::Connection {
 public:
  Connection(Origin& origin, Job& job)
      : origin_(origin),
        fetcher_(origin.fetcher),
        http_(job.fetch.url.host),
        stream_(reactor::Stream::connect(fetcher_.loop_, origin.addresses,
                                         {.timeout = reactor::Duration::max(),
                                          .attempt_timeout = fetcher_.options_.connect_timeout})),
        idle_timeout_(fetcher_.loop_, fetcher_.options_.timeout, [this] { time_out(); }),
        job_(&job) {
    job.connection = this;
    idle_timeout_.cancel();  // Connecting has its own timeout.
    stream_.on_connect([this] { connected(); });
    stream_.on_close([this](const reactor::Error& error) { closed(error); });
  }

  [[nodiscard]] bool is_idle() const { return idle_; }
  [[nodiscard]] bool is_paused() const { return paused_; }
  [[nodiscard]] const Job& job() const { return *job_; }

  /// True if nothing has arrived since the last response: neither the end of the connection nor a
  /// message of the server that could be taken for the next response.
  [[nodiscard]] bool is_silent() {
    char byte = 0;
    const ssize_t got = recv(stream_.socket().fd(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    return got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
  }

  void take(Job& job) {
    job_ = &job;
    job.connection = this;
    idle_ = false;
    used_again_ = true;
    request();
  }

  void abort() {
    idle_ = false;
    stream_.abort();
  }

  void pause() {
    if (std::exchange(paused_, true)) return;
    fetcher_.paused_.insert(this);
    job_->held_up = true;
    stream_.pause();
    idle_timeout_.cancel();
    origin_.go_on();  // This may have been the last connection that was not paused.
  }

  void resume() {
    if (!std::exchange(paused_, false)) return;
    fetcher_.paused_.erase(this);
    stream_.resume();
    wait();
  }

 private:
  void connected() {
    if (const auto peer = stream_.socket().peer_address()) origin_.prefer(*peer);
    stream_.on_data([this](Bytes bytes) {
      http_.feed(bytes);
      take_events();
    });
    stream_.on_end([this] {
      http_.finish();
      take_events();
      stream_.close();
    });
    request();
  }

  void request() {
    wait();
    std::vector<protocols::http::Field> fields{{"User-Agent", "http_get"}, {"Accept", "*/*"}};
    const std::string range = "bytes=" + std::to_string(job_->fetch.received) + "-";
    if (job_->fetch.received > 0) {
      fields.push_back({"Range", range});
      fields.push_back({"If-Range", job_->tag});
    }
    std::vector<std::byte> out;
    if (!http_.request(out, "GET", job_->fetch.url.target, fields)) {
      fetcher_.finish(give_back(), "it cannot be requested");
      return stream_.close();
    }
    stream_.write(out);
  }

  void take_events() {
    while (const auto event = http_.next()) {
      take_event(*event);
      if (ended_) return stream_.abort();
    }
    const bool is_open = !http_.error() && !http_.should_close();
    if (!job_) {
      idle_timeout_.cancel();
      // Not earlier: data that has arrived behind a response would be taken for the next response.
      idle_ = is_open && !origin_.has_too_many();
    }
    // This may assign another job to the connection.
    if (completed_) fetcher_.on_response(*std::exchange(completed_, nullptr));
    if (http_.error()) return stream_.abort();
    if (idle_) return origin_.go_on();
    if (!job_ || !is_open) stream_.close();
  }

  void take_event(const ResponseEvent& event) {
    using Kind = ResponseEvent::Kind;
    if (event.kind == Kind::head) take_head(*event.head);
    if (event.kind == Kind::body && job_ && is_success(job_->fetch.status)) {
      wait();  // Only for the body: a server could send everything else for ever.
      fetcher_.take_body(*job_, event.bytes);
    }
    if (event.kind == Kind::end && job_ && job_->fetch.status >= 200) {
      resume();
      completed_ = &give_back();
    }
  }

  void take_head(const ResponseHead& head) {
    // A server that has closed an idle connection may send this status. It responds to no request
    // (RFC 9110 15.5.9).
    if (used_again_ && head.status == 408) {
      ended_ = true;
      return;
    }
    Fetch& fetch = job_->fetch;
    fetch.status = head.status;
    job_->location = is_redirect(head.status) ? head.fields.find("Location").value_or("") : "";
    if (!is_success(head.status)) return;
    if (fetch.received > 0 && continues(head, fetch.received)) {
      fetch.status = 200;  // The status of the whole.
      return;
    }
    if (fetch.received > 0 && job_->handed_over) {
      ended_ = true;
      return fetcher_.finish(give_back(),
                             "the server closed the connection while it waited for its "
                             "turn, and its content has changed since");
    }
    fetcher_.drop_kept(*job_);
    fetch.received = 0;
    job_->tag = strong_tag(head);
  }

  // Waits for more data.
  void wait() { idle_timeout_.restart(fetcher_.options_.timeout); }

  void time_out() {
    reason_ = reactor::system_error(ETIMEDOUT, "receive from", origin_.endpoint);
    stream_.abort();
  }

  // Destroys this object as its last step.
  void closed(const reactor::Error& error) {
    idle_ = false;
    if (paused_) fetcher_.paused_.erase(this);
    if (job_) give_up(reason_ ? reason_ : error);
    origin_.remove(*this);
  }

  void give_up(const reactor::Error& error) {
    Job& job = give_back();
    // The server may have closed while the request was on its way. This repeats a limited number of
    // times: sooner or later the request goes over a new connection.
    if (used_again_ && job.fetch.status < 200 && !reason_) {
      origin_.waiting.emplace(job.fetch.number, &job);
      return;
    }
    if (http_.error()) return fetcher_.give_up(job, http_.error().message());
    fetcher_.give_up(job, error ? error.message() : "the server closed the connection");
  }

  Job& give_back() {
    job_->connection = nullptr;
    return *std::exchange(job_, nullptr);
  }

  Origin& origin_;
  Fetcher& fetcher_;
  protocols::http::ClientConnection http_;
  reactor::Stream stream_;
  reactor::IdleTimeout idle_timeout_;
  Job* job_;
  Job* completed_ = nullptr;
  reactor::Error reason_;
  bool idle_ = false;
  bool paused_ = false;
  bool used_again_ = false;
  bool ended_ = false;  // Because of the current response.
};

// ---- Origin

void Fetcher::Origin::go_on() {
  while (!waiting.empty()) {
    Job& job = *waiting.begin()->second;
    Connection* const idle = find_idle();
    if (!idle && !may_connect(job)) return;
    if (!idle && addresses.empty()) return look_up();
    waiting.erase(waiting.begin());
    job.fetch.status = 0;
    idle ? idle->take(job) : (void)connections.emplace_back(*this, job);
  }
}

Fetcher::Connection* Fetcher::Origin::find_idle() {
  for (Connection& each : connections) {
    if (!each.is_idle()) continue;
    if (each.is_silent()) return &each;
    each.abort();
  }
  return nullptr;
}

// A job that has its turn does not wait for jobs that wait for theirs.
bool Fetcher::Origin::may_connect(const Job& job) const {
  if (connections.size() < fetcher.options_.connections) return true;
  return fetcher.has_turn(job) &&
         std::all_of(connections.begin(), connections.end(),
                     [](const Connection& each) { return each.is_paused(); });
}

void Fetcher::Origin::look_up() {
  if (lookup) return;
  lookup = reactor::Lookup::start(fetcher.loop_, endpoint,
                                  [this](reactor::Result<std::vector<reactor::Address>> found) {
                                    lookup.reset();
                                    if (!found) return fail(found.error());
                                    addresses = std::move(*found);
                                    go_on();
                                  });
}

void Fetcher::Origin::remove(Connection& connection) {
  connections.remove_if([&](const Connection& each) { return &each == &connection; });
  go_on();
}

void Fetcher::Origin::fail(const reactor::Error& error) {
  const std::string text = error.message();
  for (const auto& [number, job] : std::exchange(waiting, {})) fetcher.finish(*job, text);
}

// ---- Fetcher

Fetcher::Fetcher(reactor::Loop& loop, Options options, Listener& listener)
    : loop_(loop), options_(std::move(options)), listener_(listener) {
  listener_.on_room = [this] { advance(); };
}

Fetcher::~Fetcher() = default;

void Fetcher::add(const Url& url) {
  Job& job = jobs_.emplace_back();
  job.fetch = {.number = jobs_.size() - 1, .url = url, .error = {}};
  start(job);
}

bool Fetcher::has_turn(const Job& job) const { return job.fetch.number == turn_; }

Fetcher::Origin& Fetcher::origin_of(const Job& job) {
  auto& origin = origins_[job.fetch.url.endpoint];
  if (!origin) origin = std::make_unique<Origin>(*this, job.fetch.url.endpoint);
  return *origin;
}

void Fetcher::start(Job& job) { origin_of(job).add(job); }

void Fetcher::take_body(Job& job, Bytes bytes) {
  job.fetch.received += bytes.size();
  figures_.received += bytes.size();
  const bool is_next = has_turn(job) && job.kept.empty();
  is_next && !listener_.is_full() ? hand_over(job, bytes) : keep(job, bytes);
}

void Fetcher::keep(Job& job, Bytes bytes) {
  if (job.kept.empty() || job.kept.back().size() + bytes.size() > chunk_bytes)
    job.kept.emplace_back();
  job.kept.back() += protocols::as_text(bytes);
  kept_bytes_ += bytes.size();
  if (kept_bytes_ >= options_.most_kept_bytes) job.connection->pause();
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

void Fetcher::on_response(Job& job) {
  Fetch& fetch = job.fetch;
  if (!job.location.empty()) {
    const auto url = web::resolve(fetch.url, job.location, ascii_host);
    if (!url) return finish(job, "it is redirected to what is no http URL: " + url.error());
    if (job.redirects++ == options_.redirects) return finish(job, "too many redirects");
    fetch.url = *url;
    return start(job);
  }
  if (is_success(fetch.status)) return finish(job);
  finish(job, std::to_string(fetch.status) + " " +
                  std::string(protocols::http::reason_of(fetch.status)));
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
  advance();
}

void Fetcher::finish(Job& job, std::string error) {
  job.fetch.error = std::move(error);
  job.done = true;
  ++figures_.done;
  if (!job.fetch.error.empty()) ++figures_.failed;
  advance();
}

// Hands over the bodies that have their turn.
void Fetcher::advance() {
  if (turn_ == jobs_.size()) return;
  for (; turn_ < jobs_.size(); ++turn_) {
    Job& job = jobs_[turn_];
    hand_over_kept(job);
    if (!job.done || !job.kept.empty()) break;
    listener_.on_done(job.fetch);
  }
  release();
  if (turn_ == jobs_.size()) {
    return loop_.post([this] { origins_.clear(); });  // Not from within a connection.
  }
  Job& job = jobs_[turn_];
  if (std::exchange(job.postponed, false)) return start(job);
  if (!job.connection && !job.done) origin_of(job).go_on();
}

void Fetcher::release() {
  const bool has_room = kept_bytes_ <= options_.most_kept_bytes / 2;
  const auto paused = paused_;
  for (Connection* each : paused) {
    if (has_room || (has_turn(each->job()) && !listener_.is_full())) each->resume();
  }
}

}  // namespace http_get
