#include "samples/remote_command/wire.hpp"

#include <nlohmann/json.hpp>

#include <utility>

#include "samples/data_size.hpp"

namespace remote_command {
namespace {

using Json = nlohmann::json;

reactor::Failure malformed(std::string what) {
  return reactor::Failure(reactor::Error{
      std::make_error_code(std::errc::invalid_argument), "read request", {}, std::move(what)});
}

std::optional<std::string> text_of(const Json& object, const char* name) {
  const auto found = object.find(name);
  if (found == object.end() || !found->is_string()) return std::nullopt;
  return found->get<std::string>();
}

bool is_count(const Json& object, const Json::const_iterator& found) {
  return found != object.end() && found->is_number_unsigned();
}

// An exit status or the number of a signal. A larger number could be taken for 0.
bool is_status(const Json& object, const Json::const_iterator& found) {
  return is_count(object, found) && found->get<std::uint64_t>() <= 255;
}

std::vector<std::byte> message(Json header, std::size_t payload_bytes) {
  header["data_size"] = payload_bytes;
  std::vector<std::byte> out;
  protocols::append_json_header(out, header.dump(-1, ' ', false, Json::error_handler_t::replace));
  return out;
}

Json end_header(const Answer& answer) {
  Json header{{"type", "end"},
              {"stdout_bytes", answer.stdout_bytes},
              {"stderr_bytes", answer.stderr_bytes},
              {"duration_seconds", answer.duration_seconds},
              {answer.killed ? "signal" : "exit_status", answer.status}};
  if (!answer.reason.empty()) header["stopped_by"] = answer.reason;
  return header;
}

}  // namespace

reactor::Result<Request> parse_request(std::string_view header) {
  const Json json = Json::parse(header, nullptr, false);
  if (!json.is_object()) return malformed("it is no JSON object");
  const auto shell = json.find("shell");
  const auto program = json.find("program");
  if ((shell == json.end()) == (program == json.end())) {
    return malformed("it has neither program nor shell, or both");
  }
  Request request;
  if (shell != json.end()) {
    if (!shell->is_string()) return malformed("shell is no text");
    request.shell = shell->get<std::string>();
    return request;
  }
  if (!program->is_string()) return malformed("program is no text");
  request.words.push_back(program->get<std::string>());
  const Json arguments = json.value("arguments", Json::array());
  if (!arguments.is_array()) return malformed("arguments are no list");
  for (const Json& argument : arguments) {
    if (!argument.is_string()) return malformed("an argument is no text");
    request.words.push_back(argument.get<std::string>());
  }
  return request;
}

std::optional<Answer> parse_answer(std::string_view header) {
  const Json json = Json::parse(header, nullptr, false);
  if (!json.is_object()) return std::nullopt;
  const auto type = text_of(json, "type");
  if (type == "stdout") return Answer{.kind = Answer::Kind::standard_output};
  if (type == "stderr") return Answer{.kind = Answer::Kind::standard_error};
  if (type == "refused") {
    auto reason = text_of(json, "reason");
    if (!reason) return std::nullopt;
    return Answer{.kind = Answer::Kind::refused, .reason = std::move(*reason)};
  }
  const bool killed = json.contains("signal");
  const auto status = json.find(killed ? "signal" : "exit_status");
  const auto stdout_bytes = json.find("stdout_bytes");
  const auto stderr_bytes = json.find("stderr_bytes");
  const bool is_end = type == "end" && is_status(json, status) && is_count(json, stdout_bytes) &&
                      is_count(json, stderr_bytes);
  if (!is_end) return std::nullopt;
  return Answer{.reason = text_of(json, "stopped_by").value_or(""),
                .killed = killed,
                .status = status->get<int>(),
                .stdout_bytes = stdout_bytes->get<std::uint64_t>(),
                .stderr_bytes = stderr_bytes->get<std::uint64_t>()};
}

std::vector<std::byte> message(const Answer& answer, std::size_t payload_bytes) {
  switch (answer.kind) {
    case Answer::Kind::standard_output:
      return message(Json{{"type", "stdout"}}, payload_bytes);
    case Answer::Kind::standard_error:
      return message(Json{{"type", "stderr"}}, payload_bytes);
    case Answer::Kind::refused:
      return message(Json{{"type", "refused"}, {"reason", answer.reason}}, payload_bytes);
    case Answer::Kind::end:
      break;
  }
  return message(end_header(answer), payload_bytes);
}

std::optional<std::vector<std::byte>> message(const Request& request) {
  Json header;
  if (request.is_for_shell()) {
    header["shell"] = request.shell;
  } else {
    header["program"] = request.words.front();
    header["arguments"] = std::vector(request.words.begin() + 1, request.words.end());
  }
  try {
    (void)header.dump();
  } catch (const Json::type_error&) {
    return std::nullopt;
  }
  return message(std::move(header), 0);
}

std::string to_json(const std::string& text) { return Json(text).dump(-1, ' ', true); }

std::string to_json(const std::vector<std::string>& words) {
  return Json(words).dump(-1, ' ', true);
}

protocols::JsonHeaderDecoder request_decoder() {
  return protocols::JsonHeaderDecoder(
      {.read_payload_size = samples::data_size, .max_payload_bytes = 0});
}

protocols::JsonHeaderDecoder answer_decoder() {
  return protocols::JsonHeaderDecoder({.read_payload_size = samples::data_size});
}

}  // namespace remote_command
