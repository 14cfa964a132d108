// What the two sides of remote_command say to each other behind the challenge.
#include "fuzz/fuzz.hpp"
#include "samples/remote_command/wire.hpp"

namespace protocols {

std::string describe(const JsonMessage& message) {
  return "[" + std::string(message.header) + "|" + std::string(as_text(message.payload)) + "]";
}

}  // namespace protocols

namespace remote_command_fuzz {

using namespace remote_command;

namespace {

// Without its length in front.
std::string header_of(const std::vector<std::byte>& message) {
  protocols::JsonHeaderDecoder decoder = request_decoder();
  decoder.feed(message);
  const auto frame = decoder.next();
  fuzz::require(frame.has_value() && decoder.at_boundary(), "no message was made");
  return std::string(frame->header);
}

void check_request(std::string_view header) {
  const auto request = parse_request(header);
  if (!request) {
    fuzz::require(!request.error().hint.empty(), "refused without a reason");
    return;
  }
  fuzz::require(request->is_for_shell() || !request->words.empty(), "a request for nothing");
  std::size_t size = request->shell.size();
  for (const std::string& word : request->words) size += word.size();
  fuzz::require(size <= header.size(), "a request that grew");
  const auto sent = message(*request);
  fuzz::require(sent.has_value(), "JSON that is no UTF-8");
  const auto again = parse_request(header_of(*sent));
  fuzz::require(again && again->words == request->words && again->shell == request->shell,
                "another request again");
}

void check_answer(std::string_view header) {
  const auto answer = parse_answer(header);
  if (!answer) return;
  fuzz::require(answer->status >= 0 && answer->status <= 255, "no status");
  fuzz::require(answer->reason.size() <= header.size(), "a reason that grew");
}

}  // namespace

void fuzz_one(fuzz::Input input) {
  switch (input.number(2)) {
    case 0:
      return check_request(input.rest());
    case 1:
      return check_answer(input.rest());
    default:
      fuzz::check_any_split(request_decoder(), input.rest());
      fuzz::check_any_split(answer_decoder(), input.rest());
  }
}

const fuzz::Target target("remote_command", fuzz_one);

}  // namespace remote_command_fuzz
