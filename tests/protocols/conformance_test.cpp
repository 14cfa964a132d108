// Runs tests/data/conformance through the decoders, each case in every cut. The decoders are those
// of frame_inspector: a protocol that is added there runs here as soon as it has cases.
#include "support/conformance.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <sstream>
#include <string>
#include <vector>

#include "protocols/testing/detail/loan.hpp"
#include "samples/frame_inspector/inspector.hpp"
#include "support/any_split.hpp"

namespace {

using conformance::decoded;
using inspector::Json;

const std::filesystem::path folder = conformance::data / "conformance";

std::vector<Json> cases_of(const inspector::Protocol& protocol) {
  return conformance::cases("conformance/" + std::string(protocol.name) + ".jsonl");
}

std::string input_of(const Json& test) {
  if (test.contains("input_b64")) return decoded(test["input_b64"]);
  std::string input;
  for (const Json& part : test["input_parts"]) {
    const std::string bytes = decoded(part["b64"]);
    for (int times = part["times"]; times > 0; --times) input += bytes;
  }
  return input;
}

// The output of the inspector. The memory of each piece is invalid after the piece was fed.
std::string inspect(const inspector::Protocol& protocol, const Json& config, const Pieces& pieces) {
  const auto stream = protocol.inspect(inspector::Config(protocol.defaults, config));
  std::string printed;
  protocols::testing::Loan loan(pieces);
  for (std::string_view piece : pieces) {
    stream->feed(protocols::as_bytes(loan.borrow(piece)), printed);
    loan.take_back();
  }
  stream->end(printed);
  return printed;
}

// Where a case lists what the decoder delivers.
std::string list_of(const Json& expect) {
  for (const char* list : {"frames_b64", "replies", "events"}) {
    if (expect.contains(list)) return list;
  }
  return "messages";
}

// The output, in the shape of a case's `expect`: the frames under `list`, then the end.
Json outcome(const std::string& printed, const std::string& list) {
  Json result{{list, Json::array()}};
  std::istringstream lines(printed);
  for (std::string line; std::getline(lines, line);) {
    Json object = Json::parse(line);
    if (object.contains("end")) {
      result.update(object);
    } else if (list == "frames_b64") {
      result[list].push_back(object["frame_b64"]);
    } else {
      object.erase("offset");
      object.erase("size");
      result[list].push_back(std::move(object));
    }
  }
  return result;
}

bool equal(const Json& expected, const Json& actual);

// An object may have more members than are expected of it.
bool equal_members(const Json& expected, const Json& actual) {
  for (const auto& [key, value] : expected.items()) {
    if (!actual.contains(key) || !equal(value, actual[key])) return false;
  }
  return true;
}

bool equal(const Json& expected, const Json& actual) {
  if (expected == "(any)") return true;
  if (expected.is_object() && actual.is_object()) return equal_members(expected, actual);
  if (!expected.is_array() || !actual.is_array()) return expected == actual;
  return std::equal(expected.begin(), expected.end(), actual.begin(), actual.end(), equal);
}

// HTTP fields to compare: names in lower case, each run of blanks in a value as one space.
Json comparable_fields(const Json& fields) {
  Json result = Json::array();
  for (const Json& field : fields) {
    std::string name = field[0], value;
    for (char& c : name) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    for (char c : field[1].get<std::string>()) {
      if (c == '\t') c = ' ';
      if (c != ' ' || (!value.empty() && value.back() != ' ')) value += c;
    }
    while (value.ends_with(' ')) value.pop_back();
    result.push_back({name, value});
  }
  return result;
}

Json comparable(Json outcome) {
  if (outcome.value("end", "") == "closed") outcome["end"] = "close";
  if (!outcome.contains("messages")) return outcome;
  for (Json& message : outcome["messages"]) {
    for (const char* section : {"headers", "trailers"}) {
      if (message.contains(section)) message[section] = comparable_fields(message[section]);
    }
  }
  return outcome;
}

// Some cases state only the number of their messages and the total length of the bodies.
Json counted(const Json& messages) {
  std::size_t body_bytes = 0;
  for (const Json& message : messages) {
    if (message.contains("body_b64")) body_bytes += decoded(message["body_b64"]).size();
  }
  return {{"messages_count", messages.size()}, {"body_len", body_bytes}};
}

// The keys of `expect` that describe the case and not its outcome.
constexpr std::string_view remarks[] = {"verdict", "strict", "tolerated", "why"};

bool matches(Json expected, Json actual) {
  for (std::string_view remark : remarks) expected.erase(std::string(remark));
  if (actual.contains("messages")) actual.update(counted(actual["messages"]));
  return equal(comparable(std::move(expected)), comparable(std::move(actual)));
}

// The name of an error of HTTP, RESP and PROXY is for people. The status of the error response
// counts, if any.
void name_error_by_status(Json& expected, const Json& actual) {
  if (!expected.contains("error") || !actual.contains("error")) return;
  const Json statuses = expected["error"].value("status_ok", Json());
  expected["error"] = Json::object();
  if (statuses.is_null()) return;
  const Json status = actual["error"]["status"];
  const bool is_fine = std::find(statuses.begin(), statuses.end(), status) != statuses.end();
  expected["error"]["status"] = is_fine ? status : statuses;
}

void run(const inspector::Protocol& protocol, const Json& test) {
  const std::string id = test["id"];
  CAPTURE(id);
  const std::string input = input_of(test);
  const Json config = test.contains("config") ? test["config"] : Json::object();
  const std::string list = list_of(test["expect"]);

  const std::string whole = inspect(protocol, config, {input});
  const Json actual = outcome(whole, list);
  std::vector<Json> good = {test["expect"]};
  for (const Json& tolerated : good[0].value("tolerated", Json::array())) good.push_back(tolerated);
  bool passes = false;
  for (Json& expected : good) {
    if (protocol.name.starts_with("http")) name_error_by_status(expected, actual);
    if (protocol.name == "websocket" && expected.contains("error"))
      expected["error"].erase("class");
    if (protocol.name == "resp" || protocol.name == "proxy") expected.erase("error");
    passes |= matches(expected, actual);
  }
  CHECK_MESSAGE(passes, whole);

  std::string differing;
  for_each_split(input, [&](const Pieces& pieces, const std::string& how) {
    if (differing.empty() && inspect(protocol, config, pieces) != whole) differing = how;
  });
  CHECK(differing == "");
}

}  // namespace

TEST_SUITE("conformance") {
  TEST_CASE("every case has the outcome that its specification requires, wherever it is cut") {
    std::size_t files = 0;
    for (const inspector::Protocol& protocol : inspector::protocols_known()) {
      const std::vector<Json> cases = cases_of(protocol);
      CAPTURE(protocol.name);
      CHECK(!cases.empty());
      for (const Json& test : cases) run(protocol, test);
      ++files;
    }
    const auto there = std::distance(std::filesystem::directory_iterator(folder), {});
    CHECK(files == static_cast<std::size_t>(there));
  }
}
