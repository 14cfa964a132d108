#include "samples/http_get/fetcher.hpp"

#include <algorithm>
#include <cerrno>
#include <utility>

#include "protocols/http/status.hpp"

namespace http_get {
namespace {

using protocols::http::ResponseEvent;
using protocols::http::ResponseHead;

bool is_redirect(int status) {
  return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

}  // namespace

/// A host and port: the fetches that wait for it, and the connections to it.
class Fetcher::Origin {
 public:
  Origin(Fetcher& of, std::string to) : fetcher(of), endpoint(std::move(to)) {}

  void add(Fetch& fetch) {
    waiting.push_back(&fetch);
    go_on();
  }

  void go_on();
  void remove(Connection& connection);
  void fail(const reactor::Error& error);

  Fetcher& fetcher;
  const std::string endpoint;
  std::deque<Fetch*> waiting;
  std::list<Connection> connections;
  std::vector<reactor::Address> addresses;
  std::optional<reactor::Query> query;
  bool resolving = false;
};

/// One fetch after the other.
class Fetcher::Connection {
 public:
  Connection(Origin& origin, Fetch& fetch)
      : origin_(origin),
        http_(fetch.url.host),
        deadline_(origin.fetcher.loop_, origin.fetcher.options_.timeout, [this] { time_out(); }),
        fetch_(&fetch) {
    connect();
  }

  [[nodiscard]] bool is_free() const { return !fetch_ && stream_ && http_.can_request(); }

  void take(Fetch& fetch) {
    fetch_ = &fetch;
    used_again_ = true;
    request();
  }

 private:
  // A name may have several addresses: the first that answers will do.
  void connect() {
    auto stream = reactor::Stream::connect(origin_.fetcher.loop_, origin_.addresses[tried_++],
                                           origin_.fetcher.options_.timeout);
    if (!stream) return fail_connecting(stream.error());
    stream_ = std::move(*stream);
    stream_->on_connect([this] { request(); });
    stream_->on_data([this](protocols::Bytes bytes) { receive(bytes); });
    stream_->on_end([this] { end(); });
    stream_->on_close([this](const reactor::Error& error) { closed(error); });
  }

  void fail_connecting(const reactor::Error& error) {
    if (tried_ < origin_.addresses.size()) return connect();
    reason_ = error;
    deadline_.cancel();
    // Not from within the constructor.
    origin_.fetcher.loop_.post([this] { closed({}); });
  }

  void request() {
    connected_ = true;
    deadline_.restart(origin_.fetcher.options_.timeout);
    std::vector<std::byte> out;
    if (!http_.request(out, "GET", fetch_->url.target,
                       {{"User-Agent", "http_get"}, {"Accept", "*/*"}})) {
      origin_.fetcher.finish(*std::exchange(fetch_, nullptr), "it cannot be requested");
      return stream_->close();
    }
    stream_->write(out);
  }

  void receive(protocols::Bytes bytes) {
    http_.feed(bytes);
    take_events();
  }

  void end() {
    http_.finish();
    take_events();
    stream_->close();
  }

  void take_events() {
    while (const auto event = http_.next()) take_event(*event);
    if (http_.error()) return stream_->abort();
    if (http_.is_over()) return stream_->close();
    if (is_free()) {
      deadline_.cancel();
      origin_.go_on();
    }
  }

  void take_event(const ResponseEvent& event) {
    using Kind = ResponseEvent::Kind;
    if (event.kind == Kind::head) take_head(*event.head);
    if (event.kind == Kind::body && fetch_->status / 100 == 2) {
      deadline_.touch();  // By nothing else: a server could go on with all the rest for ever.
      fetch_->received += event.bytes.size();
      origin_.fetcher.listener_.on_body(*fetch_, event.bytes);
    }
    if (event.kind == Kind::end && fetch_->status >= 200) {
      origin_.fetcher.on_response(*std::exchange(fetch_, nullptr));
    }
  }

  void take_head(const ResponseHead& head) {
    fetch_->status = head.status;
    fetch_->location = is_redirect(head.status) ? head.fields.find("Location").value_or("") : "";
  }

  void time_out() {
    reason_ = reactor::system_error(ETIMEDOUT, "receive from", origin_.endpoint);
    stream_->abort();
  }

  // The last thing that this object does.
  void closed(const reactor::Error& error) {
    if (!connected_ && !reason_ && tried_ < origin_.addresses.size()) return connect();
    if (fetch_) give_up(reason_ ? reason_ : error);
    origin_.remove(*this);
  }

  void give_up(const reactor::Error& error) {
    Fetch& fetch = *std::exchange(fetch_, nullptr);
    // The server may have closed while the request was on its way.
    if (used_again_ && fetch.status == 0 && !reason_ && fetch.retries++ == 0) {
      return origin_.waiting.push_front(&fetch);
    }
    if (http_.error()) return origin_.fetcher.finish(fetch, http_.error().message());
    origin_.fetcher.finish(fetch, error ? error.message() : "the server closed the connection");
  }

  Origin& origin_;
  protocols::http::ClientConnection http_;
  std::optional<reactor::Stream> stream_;
  reactor::Deadline deadline_;
  Fetch* fetch_;
  reactor::Error reason_;
  std::size_t tried_ = 0;
  bool connected_ = false;
  bool used_again_ = false;
};

void Fetcher::Origin::go_on() {
  while (!waiting.empty()) {
    const auto idle = std::find_if(connections.begin(), connections.end(),
                                   [](const Connection& each) { return each.is_free(); });
    if (idle == connections.end() && connections.size() >= fetcher.options_.connections) return;
    if (addresses.empty()) {
      if (std::exchange(resolving, true)) return;
      query = reactor::Query::start(fetcher.loop_, endpoint,
                                    [this](reactor::Result<std::vector<reactor::Address>> found) {
                                      resolving = false;
                                      if (!found) return fail(found.error());
                                      addresses = std::move(*found);
                                      go_on();
                                    });
      return;
    }
    Fetch& fetch = *waiting.front();
    waiting.pop_front();
    fetch.status = 0;
    idle == connections.end() ? (void)connections.emplace_back(*this, fetch) : idle->take(fetch);
  }
}

void Fetcher::Origin::remove(Connection& connection) {
  connections.remove_if([&](const Connection& each) { return &each == &connection; });
  go_on();
}

void Fetcher::Origin::fail(const reactor::Error& error) {
  for (Fetch* fetch : std::exchange(waiting, {})) fetcher.finish(*fetch, error.message());
}

Fetcher::Fetcher(reactor::Loop& loop, Options options, Listener& listener)
    : loop_(loop), options_(options), listener_(listener) {}

Fetcher::~Fetcher() = default;

void Fetcher::add(const Url& url) {
  fetches_.push_back({.number = fetches_.size(), .url = url});
  ++open_;
  start(fetches_.back());
}

void Fetcher::start(Fetch& fetch) {
  auto& origin = origins_[fetch.url.endpoint];
  if (!origin) origin = std::make_unique<Origin>(*this, fetch.url.endpoint);
  origin->add(fetch);
}

void Fetcher::on_response(Fetch& fetch) {
  if (!fetch.location.empty()) {
    const auto url = resolve(fetch.url, fetch.location);
    if (!url) return finish(fetch, "it is redirected to what is no http URL");
    if (fetch.redirects++ == options_.redirects) return finish(fetch, "too many redirects");
    fetch.url = *url;
    fetch.retries = 0;
    return start(fetch);
  }
  if (fetch.status / 100 == 2) return finish(fetch);
  finish(fetch, std::to_string(fetch.status) + " " +
                    std::string(protocols::http::reason_of(fetch.status)));
}

void Fetcher::finish(Fetch& fetch, std::string error) {
  fetch.error = std::move(error);
  listener_.on_done(fetch);
  if (--open_ == 0) loop_.post([this] { origins_.clear(); });  // Not from within a connection.
}

}  // namespace http_get
