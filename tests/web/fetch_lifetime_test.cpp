// What the user's code may do in any callback of a Fetch: each moment is combined with each action.
#include <doctest/doctest.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "web/origin_server.hpp"

using web::HttpClient;
using web::HttpClientOptions;

namespace fetch_lifetime_test {
namespace {

enum class Moment { head, data, drained, done, failed, redirected, destructor };

// AddressSanitizer finds what the checks do not.
struct World {
  reactor::Loop loop;
  std::optional<HttpClient> client{std::in_place, loop,
                                   HttpClientOptions{.max_connections_per_origin = 1}};
  std::optional<web::Fetch> fetch;
  std::optional<web::Fetch> waits;
  std::optional<web::Fetch> late;
  std::string url;
  int called = 0;
};

struct OnDestruction {
  explicit OnDestruction(std::function<void()> call) : call_(std::move(call)) {}
  OnDestruction(const OnDestruction&) = delete;
  OnDestruction& operator=(const OnDestruction&) = delete;
  ~OnDestruction() { call_(); }
  std::function<void()> call_;
};

struct Thrown {};

const std::vector<std::pair<const char*, void (*)(World&)>> actions = {
    {"nothing", [](World&) {}},
    {"destroy the client", [](World& world) { world.client.reset(); }},
    {"destroy the fetch", [](World& world) { world.fetch.reset(); }},
    {"destroy both",
     [](World& world) {
       world.fetch.reset();
       world.client.reset();
     }},
    {"destroy the client, then the fetches",
     [](World& world) {
       world.client.reset();
       world.fetch.reset();
       world.waits.reset();
     }},
    {"destroy the fetch that waits", [](World& world) { world.waits.reset(); }},
    {"pause and resume",
     [](World& world) {
       if (!world.fetch) return;
       world.fetch->pause();
       world.fetch->resume();
     }},
    {"start another",
     [](World& world) {
       world.late = world.client->get(world.url, [](auto) {});
       world.late->expedite();
     }},
    {"replace the callbacks and the fetch",
     [](World& world) {
       if (world.fetch) {
         world.fetch->on_head([](const auto&) {});
         world.fetch->on_data([](auto) {});
         world.fetch->on_drained([] {});
         world.fetch->end();
       }
       world.fetch = world.client->get(world.url, [](auto) {});
     }},
    {"throw", [](World&) { throw Thrown(); }},
};

void check(Moment moment, void (*act)(World&), bool throws) {
  World world;
  const std::string hello = answer("hello");
  std::vector<OriginServer::Script> scripts(9, {hello, hello, hello + "<keep>"});
  if (moment == Moment::failed) scripts[0] = {"HTTP/1.1 200 OK\r\n"};
  if (moment == Moment::redirected) scripts[0].insert(scripts[0].begin(), to("/other"));
  OriginServer server(world.loop, scripts);
  world.url = server.url();
  bool done = false;
  const auto call = [&] {
    if (!std::exchange(done, true)) act(world);
  };
  const bool streams = moment == Moment::drained;
  auto captured = std::make_shared<OnDestruction>([&] {
    if (moment == Moment::destructor) call();
  });
  world.fetch = world.client->send(
      {.url = world.url, .method = streams ? "PUT" : "GET", .streams_body = streams},
      [&, captured = std::move(captured)](auto) {
        ++world.called;
        if (moment == Moment::done || moment == Moment::failed) call();
      });
  world.fetch->on_head([&](const web::FetchResponse&) {
    if (moment == Moment::head || moment == Moment::redirected) call();
  });
  world.fetch->on_data([&](auto) {
    if (moment == Moment::data) call();
  });
  world.fetch->on_drained([&] { call(); });
  if (streams) world.fetch->write(std::string(100'000, 'x'));
  world.waits = world.client->get(world.url, [](auto) {});
  const auto step = [&](const auto& condition) {
    for (int attempt = 0; attempt < 3; ++attempt) {
      try {
        return run_until(world.loop, condition);
      } catch (const Thrown&) {
        CHECK(throws);
      }
    }
  };
  step([&] { return done; });
  for (int i = 0; i < 10; ++i) step([&] { return world.loop.poll() || true; });
  CHECK(world.called <= 1);
}

}  // namespace

TEST_SUITE("HttpClient lifetime") {
  TEST_CASE("any action is legal in any callback") {
    for (const Moment moment : {Moment::head, Moment::data, Moment::drained, Moment::done,
                                Moment::failed, Moment::redirected, Moment::destructor}) {
      for (const auto& [name, act] : actions) {
        const bool throws = std::string_view(name) == "throw";
        if (throws && moment == Moment::destructor) continue;
        CAPTURE(static_cast<int>(moment));
        const std::string action = name;
        CAPTURE(action);
        check(moment, act, throws);
      }
    }
  }

  TEST_CASE("what a destroyed client leaves undone fails in a later iteration") {
    reactor::Loop loop;
    OriginServer server(loop, {{"<keep>"}});
    std::optional<HttpClient> client(std::in_place, loop);
    Fetched one(*client, {.url = server.url()});
    Fetched two(*client, {.url = server.url()});
    run_until(loop, [&] { return server.requests.size() == 2; });
    client.reset();
    CHECK_FALSE(one.done());
    two.fetch.reset();
    run_until(loop, [&] { return one.done(); });
    CHECK(one.code() == std::errc::operation_canceled);
    CHECK_FALSE(two.done());
    CHECK(one.fetch->write("x") == reactor::WriteStatus::closed);
  }

  TEST_CASE("fetches whose client is destroyed fail in the order in which they were sent") {
    reactor::Loop loop;
    std::optional<HttpClient> client(std::in_place, loop);
    std::vector<int> sent, failed;
    std::vector<web::Fetch> fetches;
    const auto send = [&](int number) {
      sent.push_back(number);
      return client->send({.url = "http://127.0.0.1:1/"},
                          [&failed, number](const auto&) { failed.push_back(number); });
    };
    for (int number = 0; number < 8; ++number) fetches.push_back(send(number));
    // The later ones take the memory of earlier ones.
    sent.clear();
    for (std::size_t i = 8; i-- > 0;) {
      fetches[i] = web::Fetch(send(static_cast<int>(i)));
    }
    client.reset();
    run_until(loop, [&] { return failed.size() == 8; });
    CHECK(failed == sent);
  }

  TEST_CASE("a callback that throws loses nothing of a body") {
    reactor::Loop loop;
    OriginServer server(loop, {{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                                "3\r\none\r\n3\r\ntwo\r\n5\r\nthree\r\n0\r\n\r\n"}});
    HttpClient client(loop);
    Fetched one(client, {.url = server.url()});
    std::string received;
    one.fetch->on_data([&](web::Fetch::Bytes bytes) {
      received += protocols::as_text(bytes);
      throw Thrown();
    });
    int thrown = 0;
    while (!one.done() && thrown < 9) {
      try {
        run_until(loop, [&] { return one.done(); });
      } catch (const Thrown&) {
        ++thrown;
      }
    }
    CHECK(thrown == 3);
    CHECK(received == "onetwothree");
  }
}

}  // namespace fetch_lifetime_test
