#include "reactor/result.hpp"

#include <doctest/doctest.h>

#include <cerrno>

using reactor::Error;
using reactor::system_error;

TEST_SUITE("result") {
  TEST_CASE("an error reads as operation, address, reason and cure") {
    CHECK(system_error(EACCES, "bind", "127.0.0.1:80").message() ==
          "bind 127.0.0.1:80: permission denied (ports below 1024 need CAP_NET_BIND_SERVICE)");
    CHECK(system_error(ECONNREFUSED, "connect", "127.0.0.1:9").message() ==
          "connect 127.0.0.1:9: connection refused");
  }

  TEST_CASE("a part that is missing leaves no trace in the text") {
    CHECK(system_error(EBADF, "watch").message() == "watch: bad file descriptor");
    CHECK(Error{std::make_error_code(std::errc::timed_out), {}, {}, {}}.message() ==
          "connection timed out");
  }

  TEST_CASE("an error without a code says that nothing went wrong") {
    CHECK_FALSE(Error{});
    CHECK(system_error(EPIPE, "send"));
  }
}
