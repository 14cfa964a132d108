#include "reactor/resolver.hpp"

#include <doctest/doctest.h>
#include <netdb.h>

#include <condition_variable>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "reactor/work.hpp"
#include "support/run_until.hpp"

using namespace reactor;
using namespace std::chrono_literals;
using namespace std::string_literals;
using Found = Result<std::vector<Address>>;

namespace {

Found resolve(Loop& loop, std::string_view endpoint, LookupOptions options = {}) {
  std::optional<Found> found;
  const auto lookup =
      Lookup::start(loop, endpoint, options, [&](Found result) { found = std::move(result); });
  CHECK_FALSE(found);  // Never before start() has returned.
  run_until(loop, [&] { return found.has_value(); });
  return std::move(*found);
}

std::string text_of(const Found& found) {
  if (!found) return found.error().message();
  std::string text;
  for (const Address& address : *found) {
    if (!text.empty()) text += ' ';
    text += address.to_string();
  }
  return text;
}

std::string name_of(Loop& loop, std::string_view address, LookupOptions options = {}) {
  std::optional<std::string> name;
  const auto lookup = Lookup::name_of(loop, *Address::parse(address), options,
                                      [&](const Result<std::string>& result) {
                                        name = result ? *result : result.error().message();
                                      });
  CHECK_FALSE(name);
  run_until(loop, [&] { return name.has_value(); });
  return *name;
}

/// Keeps every thread of the pool busy as long as the object lives.
class BusyPool {
 public:
  explicit BusyPool(Loop& loop) {
    for (int i = 0; i < 4; ++i) {
      work_.push_back(Work::run(
          loop,
          [this] {
            std::unique_lock lock(mutex_);
            ++busy_;
            changed_.notify_all();
            changed_.wait(lock, [this] { return released_; });
            --busy_;
            changed_.notify_all();
          },
          [] {}));
    }
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return busy_ == 4; });
  }

  ~BusyPool() {
    std::unique_lock lock(mutex_);
    released_ = true;
    changed_.notify_all();
    changed_.wait(lock, [this] { return busy_ == 0; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  int busy_ = 0;
  bool released_ = false;
  std::vector<Work> work_;
};

}  // namespace

TEST_SUITE("resolver") {
  TEST_CASE("a numeric address is returned unchanged") {
    Loop loop;
    for (const char* text : {"127.0.0.1:80", "[::1]:80", "[fe80::1%lo]:80", "unix:/a", "unix:@a"}) {
      CHECK(text_of(resolve(loop, text)) == text);
      CHECK(text_of(resolve_now(text)) == text);
    }
  }

  TEST_CASE("a name with a numeric port is looked up") {
    Loop loop;
    const Found found = resolve(loop, "localhost:8080");
    REQUIRE_MESSAGE(found, text_of(found));
    for (const Address& address : *found) {
      CHECK(address.is_loopback());
      CHECK(address.port() == 8080);
    }
    CHECK(text_of(resolve_now("localhost:8080")) == text_of(found));
    CHECK(text_of(resolve(loop, "localhost:80", {.family = Family::ipv4})) == "127.0.0.1:80");
    CHECK(text_of(resolve_now("localhost:80", Family::ipv4)) == "127.0.0.1:80");
  }

  TEST_CASE("a port may be the name of a service") {
    Loop loop;
    if (getservbyname("http", "tcp")) {
      CHECK(text_of(resolve(loop, "127.0.0.1:http")) == "127.0.0.1:80");
      CHECK(text_of(resolve(loop, "[::1]:http")) == "[::1]:80");
      CHECK(text_of(resolve(loop, "localhost:http", {.family = Family::ipv4})) == "127.0.0.1:80");
    } else {
      MESSAGE("this host knows no services by name (/etc/services is missing)");
    }
    CHECK(text_of(resolve(loop, "127.0.0.1:no-such-service")) ==
          "resolve 127.0.0.1:no-such-service: no such service");
    for (const std::string endpoint :
         {"127.0.0.1:no-such-service", "127.0.0.1:1x", "localhost:80x"}) {
      CAPTURE(endpoint);
      CHECK(resolve(loop, endpoint).error().code == ResolveError::unknown_service);
      CHECK(resolve_now(endpoint).error().code == ResolveError::unknown_service);
    }
  }

  TEST_CASE("an address has a name, whatever its port") {
    Loop loop;
    // A name that this host knows without a name server.
    char host[NI_MAXHOST];
    const Address loopback = *Address::parse("127.0.0.1:80");
    REQUIRE(getnameinfo(loopback.data(), loopback.size(), host, sizeof host, nullptr, 0,
                        NI_NAMEREQD) == 0);
    CHECK(name_of(loop, "127.0.0.1:80") == host);
    CHECK(name_of(loop, "127.0.0.1:0") == host);
    CHECK(name_of(loop, "[::ffff:127.0.0.1]:80") == host);
    CHECK(name_of(loop, "unix:/tmp/socket").find("no such name (a unix socket is no host)") !=
          std::string::npos);
  }

  TEST_CASE("with_port() changes the port of an endpoint, and leaves a unix path unchanged") {
    CHECK(reactor::with_port("localhost:0", 80) == "localhost:80");
    CHECK(reactor::with_port("[::1]:0", 8080) == "[::1]:8080");
    CHECK(reactor::with_port("unix:/tmp/a:0", 80) == "unix:/tmp/a:0");
  }

  TEST_CASE("an address of another family than the requested one is not found") {
    Loop loop;
    CHECK(resolve(loop, "127.0.0.1:80", {.family = Family::ipv6}).error().code ==
          ResolveError::not_found);
    CHECK(resolve_now("[::1]:80", Family::ipv4).error().code == ResolveError::not_found);
  }

  TEST_CASE("a name that cannot exist is not found") {
    Loop loop;
    const std::string label(64, 'a');  // RFC 1035: 63 bytes at most.
    const Found found = resolve(loop, label + ".invalid:80");
    REQUIRE_FALSE(found);
    CHECK_MESSAGE(found.error().code.category() == make_error_code(ResolveError::failed).category(),
                  text_of(found));
    CHECK(found.error().operation == "resolve");
    CHECK(found.error().subject == label + ".invalid:80");
  }

  TEST_CASE("an endpoint that cannot be looked up is refused before a lookup") {
    Loop loop;
    const std::string longest = std::string(49, 'a') + "." + std::string(50, 'b') + "." +
                                std::string(50, 'c') + "." + std::string(50, 'd') + "." +
                                std::string(51, 'e');
    REQUIRE(longest.size() == 254);
    const struct {
      std::string endpoint;
      std::string hint;
    } cases[] = {
        {"localhost", "a port is missing: HOST:PORT"},
        {"", "a port is missing: HOST:PORT"},
        {":80", "a host is missing: HOST:PORT"},
        {"localhost:", "a port is a number from 0 to 65535"},
        {"localhost:65536", "a port is a number from 0 to 65535"},
        {"localhost:-1", "a port is a number from 0 to 65535"},
        {"localhost: 80", "a port is a number from 0 to 65535"},
        {"::1:80", "an IPv6 address stands in brackets: [::1]:80"},
        {"::1:http", "an IPv6 address stands in brackets: [::1]:80"},
        {"[localhost]:http", "not an IPv6 address"},
        {"[localhost]:80", "not an IPv6 address"},
        {"[::1]", "a port is missing: HOST:PORT"},
        {"unix:", "a path follows unix:"},
        {"local\0host:80"s, "an address holds no NUL byte"},
        {"localhost:80\0"s, "an address holds no NUL byte"},
        {longest + ":80", "a host name has at most 253 bytes"},
        {"0x7f000001:80", "an IPv4 address is four decimal numbers"},
        {"2130706433:80", "an IPv4 address is four decimal numbers"},
        {"127.1:80", "an IPv4 address is four decimal numbers"},
        {"0177.0.0.1:80", "an IPv4 address is four decimal numbers"},
        {"127.0.0.0x1:http", "an IPv4 address is four decimal numbers"},
        {"256.0.0.1:80", "an IPv4 address is four decimal numbers"},
        {"127.0.0.1.:80", "an IPv4 address is four decimal numbers"},
        {"a.1:80", "an IPv4 address is four decimal numbers"},
    };
    const BusyPool nobody_answers(loop);
    for (const auto& wrong : cases) {
      CAPTURE(wrong.endpoint);
      for (const Found& found : {resolve(loop, wrong.endpoint), resolve_now(wrong.endpoint)}) {
        REQUIRE_FALSE(found);
        CHECK(found.error().code == std::errc::invalid_argument);
        CHECK(found.error().hint == wrong.hint);
        CHECK(found.error().operation == "resolve");
        CHECK(found.error().subject == wrong.endpoint.substr(0, wrong.endpoint.find('\0')));
      }
    }
  }

  TEST_CASE("a destroyed lookup does not call back, whenever it is destroyed") {
    Loop loop;
    int calls = 0;
    const auto count = [&](Found) { ++calls; };
    (void)Lookup::start(loop, "127.0.0.1:80", count);
    (void)Lookup::start(loop, "localhost:80", count);
    {
      const BusyPool nobody_answers(loop);
      (void)Lookup::start(loop, "localhost:80", count);
    }
    std::optional<Lookup> answered = Lookup::start(loop, "127.0.0.1:80", count);
    std::optional<Lookup> self, other;
    self = Lookup::start(loop, "localhost:80", [&](Found) {
      self.reset();
      other.reset();
      answered.reset();
    });
    answered.reset();
    self = Lookup::start(loop, "127.0.0.1:80", [&, kept = "owned"s](Found) {
      other.reset();
      self.reset();
      CHECK(kept == "owned");
    });
    other = Lookup::start(loop, "localhost:80", count);
    loop.run();
    CHECK(calls == 0);
  }

  TEST_CASE("a loop runs until the lookup has ended, and then returns") {
    Loop loop;
    int calls = 0;
    const auto lookup = Lookup::start(loop, "localhost:80", [&](Found) { ++calls; });
    loop.run();
    CHECK(calls == 1);
  }

  TEST_CASE("a loop may be destroyed while the pool still works on a destroyed lookup") {
    std::optional<Loop> loop(std::in_place);
    for (int i = 0; i < 100; ++i) {
      (void)Lookup::start(*loop, "localhost:80", [](Found) { FAIL("called back"); });
    }
    loop.reset();
  }
}
