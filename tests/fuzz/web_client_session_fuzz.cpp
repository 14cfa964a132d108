// An HttpClient with fetches of every kind, and a server that sends what the fuzzer likes.
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <list>
#include <optional>
#include <string>
#include <utility>

#include "fuzz/session.hpp"
#include "protocols/http/request_decoder.hpp"
#include "web/http_client.hpp"

namespace web_client_session_fuzz {

namespace {

// Listens there, for any number of connections that wait to be accepted.
int listen_at(const reactor::Address& address) {
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  fuzz::require(bind(fd, address.data(), address.size()) == 0 && listen(fd, 64) == 0,
                "nothing listens");
  return fd;
}

struct Started {
  std::optional<web::Fetch> fetch;
  int done = 0;
  std::size_t streamed = 0;
};

void start(web::HttpClient& client, Started& started, std::size_t kind) {
  web::FetchRequest request{.url = "http://h/a"};
  request.fields = {{"Cookie", "secret"}};
  if (kind % 4 == 1) request.method = "HEAD";
  if (kind % 4 == 2) request.method = "POST";
  if (kind % 4 == 3) request.method = "PUT";
  request.streams_body = kind % 4 == 3;
  if (kind % 4 == 2) request.body = "a body";
  started.fetch = client.send(std::move(request), [&](reactor::Result<web::FetchResponse> got) {
    ++started.done;
    if (!got) return fuzz::require(static_cast<bool>(got.error()), "a failure without a reason");
    fuzz::require(got->status >= 200 && got->status <= 999, "no final status");
    fuzz::require(got->body.size() <= 200, "a body beyond its limit");
    fuzz::require(got->url.starts_with("http://"), "no URL");
  });
  if (kind % 4 == 3) {
    started.fetch->write("one");
    started.fetch->end();
  }
  if (kind % 8 < 4) return;
  started.fetch->on_data([&](web::Fetch::Bytes bytes) {
    started.streamed += bytes.size();
    fuzz::require(started.done == 0, "data after the end");
    fuzz::require(started.streamed <= 4000, "a streamed body beyond its limit");
  });
}

// What a server receives must be requests.
void check_requests(const std::string& received) {
  protocols::http::RequestDecoder decoder;
  decoder.feed(protocols::as_bytes(received));
  while (const auto event = decoder.next()) {
    if (event->kind != protocols::http::RequestEvent::Kind::head) continue;
    const auto host = event->head->fields.find("Host");
    const bool has_secret = event->head->fields.find("Cookie").has_value();
    fuzz::require(!has_secret || host == "h", "a secret for another host: " + received);
  }
  fuzz::require(!decoder.error(), "sent what is no request: " + received);
}

bool accepts(int listening) {
  pollfd ready{listening, POLLIN, 0};
  return poll(&ready, 1, 0) > 0;
}

}  // namespace

void fuzz_one(fuzz::Input input) {
  static reactor::Loop loop;
  static const reactor::Address address = *reactor::Address::parse(fuzz::endpoint("web-client"));
  static const int listening = listen_at(address);
  std::list<Started> fetches;
  std::list<fuzz::Peer> peers;
  {
    web::HttpClientOptions options;
    options.limits.max_body_bytes = 4000;
    options.max_body_bytes = 200;
    options.max_redirects = 3;
    options.max_connections_per_origin = 2;
    options.addresses["h"] = options.addresses["other"] = {address};
    web::HttpClient client(loop, options);
    while (!input.rest().empty()) {
      const std::size_t step = input.number(255);
      if (step >= 250 && fetches.size() < 8) start(client, fetches.emplace_back(), step);
      if (step == 249 && !fetches.empty()) fetches.front().fetch.reset();
      if (step == 248 && !fetches.empty() && fetches.back().fetch) fetches.back().fetch->pause();
      if (step == 247 && !fetches.empty() && fetches.back().fetch) fetches.back().fetch->resume();
      if (step == 246 && !peers.empty()) peers.front().end();
      if (step == 245 && !peers.empty()) peers.pop_front();
      fuzz::run_iterations(loop);
      while (accepts(listening)) peers.emplace_back(listening);
      if (step < 240 && !peers.empty()) peers.back().send(input.bytes(step));
      fuzz::run_iterations(loop);
    }
    for (fuzz::Peer& peer : peers) check_requests(peer.received());
  }
  const auto has_ended = [](const Started& each) { return each.done == 1 || !each.fetch; };
  fuzz::run_iterations_until(
      loop, [&] { return std::all_of(fetches.begin(), fetches.end(), has_ended); },
      "a fetch that is not done");
  fetches.clear();
  peers.clear();
  while (accepts(listening)) fuzz::Peer(listening).end();
  fuzz::run_iterations(loop);
}

const fuzz::Target target("web_client_session", fuzz_one);

}  // namespace web_client_session_fuzz
