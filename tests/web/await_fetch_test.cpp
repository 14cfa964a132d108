#include "web/await_fetch.hpp"

#include <doctest/doctest.h>

#include <optional>
#include <string>

#include "reactor/coroutine.hpp"
#include "web/origin_server.hpp"

using namespace std::chrono_literals;

namespace await_fetch_test {
namespace {

reactor::Task<> fetch_twice(web::HttpClient& client, std::string url, std::string& log) {
  for (int i = 0; i < 2; ++i) {
    const auto response = co_await web::fetch(client, url);
    log += response ? response->body + "|" : response.error().message();
  }
}

reactor::Task<> fetch_within(web::HttpClient& client, std::string url, std::string& log) {
  web::FetchRequest request{.url = url};
  const auto response = co_await reactor::within(5ms, web::fetch(client, std::move(request)));
  log += response ? "in time" : "too late";
}

}  // namespace

TEST_SUITE("await_fetch") {
  TEST_CASE("a task gets one response after the other, over one connection") {
    reactor::Loop loop;
    OriginServer server(loop, {{answer("one"), answer("two") + "<keep>"}});
    web::HttpClient client(loop);
    std::string log;
    reactor::Nursery tasks(loop);
    tasks.start(fetch_twice(client, server.url(), log));
    run_until(loop, [&] { return log == "one|two|"; });
    CHECK(server.connections.size() == 1);
  }

  TEST_CASE("a task that is destroyed, or too slow, cancels its request") {
    reactor::Loop loop;
    OriginServer server(loop, {{"<keep>"}, {"<keep>"}});
    web::HttpClient client(loop);
    std::string log;
    std::optional<reactor::Nursery> tasks(std::in_place, loop);
    tasks->start(fetch_twice(client, server.url(), log));
    run_until(loop, [&] { return server.requests.size() == 1; });
    tasks.reset();
    CHECK(client.connections() == 0);
    reactor::Nursery others(loop);
    others.start(fetch_within(client, server.url(), log));
    run_until(loop, [&] { return !log.empty(); });
    CHECK(log == "too late");
    CHECK(client.connections() == 0);
  }

  TEST_CASE("a client that is destroyed lets its tasks continue with an error") {
    reactor::Loop loop;
    OriginServer server(loop, {{"<keep>"}});
    std::optional<web::HttpClient> client(std::in_place, loop);
    std::string log;
    reactor::Nursery tasks(loop);
    const auto once = [](web::HttpClient& by, std::string url, std::string& to) -> reactor::Task<> {
      web::FetchRequest request{.url = url};
      const auto response = co_await web::fetch(by, std::move(request));
      to = response ? "a response" : response.error().message();
    };
    tasks.start(once(*client, server.url(), log));
    run_until(loop, [&] { return server.requests.size() == 1; });
    client.reset();
    run_until(loop, [&] { return !log.empty(); });
    CHECK(log.find("the client is destroyed") != std::string::npos);
  }
}

}  // namespace await_fetch_test
