#include <doctest/doctest.h>

#include <string>

#include "samples/remote_command/wire.hpp"

using remote_command::Answer;
using remote_command::parse_answer;
using remote_command::parse_request;

TEST_SUITE("remote_command_wire") {
  TEST_CASE("each kind of response of the server is parsed") {
    CHECK(parse_answer(R"({"type": "stdout", "data_size": 5})")->kind ==
          Answer::Kind::standard_output);
    CHECK(parse_answer(R"({"type": "stderr", "data_size": 5})")->kind ==
          Answer::Kind::standard_error);

    const auto refused =
        parse_answer(R"({"type": "refused", "reason": "start lss: no such file"})");
    REQUIRE(refused);
    CHECK(refused->kind == Answer::Kind::refused);
    CHECK(refused->reason == "start lss: no such file");

    const auto end =
        parse_answer(R"({"type": "end", "exit_status": 3, "stdout_bytes": 5, "stderr_bytes": 17})");
    REQUIRE(end);
    CHECK(end->kind == Answer::Kind::end);
    CHECK_FALSE(end->killed);
    CHECK(end->status == 3);
    CHECK(end->stdout_bytes == 5);
    CHECK(end->stderr_bytes == 17);
    CHECK(end->reason.empty());

    const auto killed = parse_answer(
        R"({"type": "end", "signal": 9, "stopped_by": "timeout", "stdout_bytes": 0, "stderr_bytes": 0})");
    REQUIRE(killed);
    CHECK(killed->killed);
    CHECK(killed->status == 9);
    CHECK(killed->reason == "timeout");
  }

  TEST_CASE("a header that no server sends is refused") {
    const std::string counts = R"("stdout_bytes": 0, "stderr_bytes": 0})";
    for (const std::string& header : {
             std::string("5"),
             std::string("[]"),
             std::string("{}"),
             std::string(R"({"type": 5})"),
             std::string(R"({"type": "begin"})"),
             std::string(R"({"type": "refused"})"),
             std::string(R"({"type": "refused", "reason": ["no"]})"),
             std::string(R"({"type": "end", "exit_status": 0})"),
             R"({"type": "end", )" + counts,
             R"({"type": "end", "exit_status": "0", )" + counts,
             R"({"type": "end", "exit_status": 1e300, )" + counts,
             R"({"type": "end", "exit_status": 256, )" + counts,
             R"({"type": "end", "exit_status": -1, )" + counts,
             R"({"type": "end", "signal": null, )" + counts,
             std::string(
                 R"({"type": "end", "exit_status": 0, "stdout_bytes": -1, "stderr_bytes": 0})"),
             std::string(1000, '['),
         }) {
      CAPTURE(header);
      CHECK_FALSE(parse_answer(header));
    }
  }

  TEST_CASE("the error of an invalid request has a hint") {
    for (const char* const header :
         {"5", "{}", R"({"program": 1})", R"({"shell": []})", R"({"program": "a", "shell": "b"})",
          R"({"program": "a", "arguments": "b"})", R"({"program": "a", "arguments": [1]})"}) {
      CAPTURE(header);
      const auto request = parse_request(header);
      REQUIRE_FALSE(request);
      CHECK_FALSE(request.error().hint.empty());
    }
  }
}
