#include "protocols/websocket/deflate_offer.hpp"

#include <doctest/doctest.h>

namespace ws = protocols::websocket;

TEST_SUITE("websocket deflate offer") {
  static std::string chosen(std::string_view extensions, const ws::DeflateParameters& wanted = {}) {
    const auto choice = ws::choose_deflate(extensions, wanted);
    return choice ? choice->field : "none";
  }

  TEST_CASE("an offer with a parameter that is wrong is declined") {
    for (const char* wrong :
         {"", ",", "x-webkit-deflate-frame", "permessage-deflate; unknown",
          "permessage-deflate; server_max_window_bits",
          "permessage-deflate; server_max_window_bits=7",
          "permessage-deflate; server_max_window_bits=8",
          "permessage-deflate; server_max_window_bits=16",
          "permessage-deflate; server_max_window_bits=010",
          "permessage-deflate; server_max_window_bits=+9",
          "permessage-deflate; client_max_window_bits=7",
          "permessage-deflate; client_max_window_bits=10; client_max_window_bits=10",
          "permessage-deflate; client_no_context_takeover=1",
          "permessage-deflate; client_no_context_takeover; client_no_context_takeover",
          "permessage-deflate; server_max_window_bits=\"10", "permessage-deflate;",
          "permessage-deflate; =10", "permessage-deflate client_max_window_bits"}) {
      CAPTURE(wrong);
      CHECK(chosen(wrong) == "none");
    }
  }

  TEST_CASE("the first acceptable offer is chosen") {
    CHECK(chosen("permessage-deflate") == "permessage-deflate");
    CHECK(chosen("PerMessage-Deflate ;client_max_window_bits") == "permessage-deflate");
    CHECK(chosen("foo; bar=\"a,b\", permessage-deflate") == "none");  // "a,b" is no token.
    CHECK(chosen("foo; bar=\"ab\", permessage-deflate") == "permessage-deflate");
    CHECK(chosen("permessage-deflate; x, permessage-deflate; client_no_context_takeover") ==
          "permessage-deflate; client_no_context_takeover");
    CHECK(chosen("permessage-deflate; server_max_window_bits=\"10\"; server_no_context_takeover") ==
          "permessage-deflate; server_no_context_takeover; server_max_window_bits=10");
    CHECK(chosen("permessage-deflate; server_max_window_bits=15") ==
          "permessage-deflate; server_max_window_bits=15");
    CHECK(chosen("permessage-deflate; client_max_window_bits=11") ==
          "permessage-deflate; client_max_window_bits=11");
  }

  TEST_CASE("a server limits a client's window only where the client has offered that") {
    const ws::DeflateParameters wanted{.server_no_context_takeover = true,
                                       .server_max_window_bits = 11,
                                       .client_max_window_bits = 10};
    const std::string own =
        "permessage-deflate; server_no_context_takeover; server_max_window_bits=11";
    CHECK(chosen("permessage-deflate", wanted) == own);
    CHECK(ws::choose_deflate("permessage-deflate", wanted)->parameters.client_max_window_bits ==
          15);
    CHECK(chosen("permessage-deflate; client_max_window_bits", wanted) ==
          own + "; client_max_window_bits=10");
    CHECK(
        chosen("permessage-deflate; client_max_window_bits=9; server_max_window_bits=9", wanted) ==
        "permessage-deflate; server_no_context_takeover; "
        "server_max_window_bits=9; client_max_window_bits=9");
  }

  TEST_CASE("a client refuses a response that its offer does not allow") {
    const ws::DeflateParameters offered{.server_no_context_takeover = true,
                                        .server_max_window_bits = 12,
                                        .client_max_window_bits = 12};
    const auto valid = [&](std::string_view response) {
      return ws::read_deflate_response(response, offered).valid;
    };
    const std::string enough =
        "permessage-deflate; server_no_context_takeover; server_max_window_bits=12";
    CHECK(valid(enough));
    CHECK(valid(enough + "; client_max_window_bits=8"));
    CHECK(!valid(enough + "; client_max_window_bits"));
    CHECK(!valid(enough + "; client_max_window_bits=13"));
    CHECK(!valid(enough + "; server_max_window_bits=12"));
    CHECK(!valid(enough + ", permessage-deflate"));
    CHECK(!valid("permessage-deflate; server_no_context_takeover"));
    CHECK(!valid("permessage-deflate; server_no_context_takeover; server_max_window_bits=13"));
    CHECK(!valid("permessage-deflate; server_max_window_bits=12"));
    CHECK(!valid("foo"));
    CHECK(!valid("permessage-deflate; foo"));
    CHECK(!valid("permessage-deflate;;"));
    CHECK(valid(""));
    CHECK(!ws::read_deflate_response("", offered).parameters);
  }

  TEST_CASE("both sides agree on the same parameters, whatever each wants") {
    for (int bits = ws::min_window_bits; bits <= 15; ++bits) {
      for (int other = ws::min_window_bits; other <= 15; ++other) {
        for (const bool takeover : {false, true}) {
          const ws::DeflateParameters client{.server_no_context_takeover = takeover,
                                             .server_max_window_bits = bits,
                                             .client_max_window_bits = other};
          const ws::DeflateParameters server{.client_no_context_takeover = takeover,
                                             .server_max_window_bits = other,
                                             .client_max_window_bits = bits};
          const auto choice = ws::choose_deflate(ws::deflate_offer(client), server);
          REQUIRE(choice);
          const auto response = ws::read_deflate_response(choice->field, client);
          CHECK(response.valid);
          CHECK(response.parameters == choice->parameters);
        }
      }
    }
  }
}
