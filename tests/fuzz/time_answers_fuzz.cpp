// What udp_time_client makes of the answers of a server.
#include <algorithm>

#include "fuzz/fuzz.hpp"
#include "protocols/sntp.hpp"
#include "samples/udp_time_client/questions.hpp"

namespace time_answers_fuzz {

namespace {

// Lines and columns may be as the server has them.
void check_shown(const std::string& text) {
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const bool commands = (byte < 0x20 && c != '\n' && c != '\t') || byte == 0x7F;
    fuzz::require(!commands, "a control character is shown");
  }
}

void read(const samples::Question& question, std::string_view answer) {
  try {
    const auto words = question.read(protocols::as_bytes(answer), samples::Arrived{});
    if (words) check_shown(*words);
  } catch (const samples::Failed& failure) {
    fuzz::require(std::string_view(failure.what()).find('\n') == std::string_view::npos,
                  "a failure of several lines");
    check_shown(failure.what());
  }
}

}  // namespace

void fuzz_one(fuzz::Input input) {
  // The cookie of an SNTP request is random, and so is that of no other question: made once.
  static const samples::Question sntp = samples::ask_sntp();
  static const samples::Question questions[] = {samples::ask_text("%c"), samples::ask_time(),
                                                samples::ask_daytime()};
  const std::size_t which = input.number(3);
  if (which < std::size(questions)) return read(questions[which], input.rest());
  std::string answer(input.rest());
  constexpr std::size_t origin = 24, transmit = 40, size = 8;
  if (answer.size() >= origin + size) {
    read(sntp, answer);  // Of one that has not seen the request.
    answer.replace(origin, size, sntp.request, transmit, size);
  }
  read(sntp, answer);
}

const fuzz::Target target("time_answers", fuzz_one);

}  // namespace time_answers_fuzz
