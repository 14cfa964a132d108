#include "protocols/http/status.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>

#include "protocols/error.hpp"

using protocols::DecodeError;
using protocols::http::reason_of;
using protocols::http::status_of;

TEST_SUITE("http/status") {
  TEST_CASE("known statuses have their reason, others have none") {
    CHECK(reason_of(200) == "OK");
    CHECK(reason_of(431) == "Request Header Fields Too Large");
    CHECK(reason_of(299) == "");
    const std::array known{100, 101, 103, 501, 502, 503, 504, 505};
    for (int status = -1; status < 1000; ++status) {
      const bool is_known = std::find(known.begin(), known.end(), status) != known.end();
      if (status < 200 || status > 500) CHECK(reason_of(status).empty() != is_known);
    }
  }

  TEST_CASE("each decode error of a request has one status") {
    CHECK(status_of(DecodeError::bad_method) == 400);
    CHECK(status_of(DecodeError::ambiguous_framing) == 400);
    CHECK(status_of(DecodeError::start_line_too_long) == 414);
    CHECK(status_of(DecodeError::fields_too_large) == 431);
    CHECK(status_of(DecodeError::body_too_large) == 413);
    CHECK(status_of(DecodeError::unknown_transfer_coding) == 501);
    CHECK(status_of(DecodeError::unsupported_version) == 505);
  }
}
