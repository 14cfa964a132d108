#include "samples/udp_time_client/questions.hpp"

#include <fmt/format.h>

#include <random>

#include "protocols/sntp.hpp"
#include "protocols/time868.hpp"
#include "samples/support/printable.hpp"
#include "samples/support/time_text.hpp"

namespace samples {
namespace {

using protocols::NtpTime;
using std::chrono::system_clock;

double seconds_of(std::chrono::nanoseconds duration) {
  return std::chrono::duration<double>(duration).count();
}

std::string words_for(const protocols::SntpSample& sample, const protocols::SntpPacket& answer) {
  constexpr std::string_view leaps[] = {"", ", a leap second comes", ", a leap second goes", ""};
  return fmt::format("offset {:+.9f} s, delay {:.9f} s, stratum {}{}", seconds_of(sample.offset),
                     seconds_of(sample.delay), answer.stratum,
                     leaps[static_cast<std::size_t>(answer.leap)]);
}

// 1 s to 1024 s. A server repeats the 0 of a request that states no interval.
std::chrono::seconds poll_interval(const protocols::SntpPacket& answer) {
  const bool tells = answer.poll >= 1 && answer.poll <= 10;
  return std::chrono::seconds(tells ? 1 << answer.poll : 0);
}

std::string name_kiss(std::string_view code) {
  const std::string_view meaning = protocols::kiss_code_meaning(code);
  return fmt::format("Kiss-o'-Death {}{}{}", code, meaning.empty() ? "" : ": ", meaning);
}

// Keeps lines and columns, and escapes all that commands a terminal.
std::string shown(std::string_view text) {
  std::string all;
  while (true) {
    const std::size_t size = text.find_first_of("\n\t");
    all += escaped(text.substr(0, size));
    if (size == text.npos) return all;
    all += text[size];
    text.remove_prefix(size + 1);
  }
}

}  // namespace

KissOfDeath::KissOfDeath(std::string_view code, std::chrono::seconds poll)
    : Failed(name_kiss(code)),
      too_many_requests(code == "RATE"),
      denied(code == "DENY" || code == "RSTR"),
      least_interval(poll) {}

Question ask_text(std::string format) {
  return {std::move(format), [](protocols::Bytes answer, Arrived) {
            const std::string text(protocols::as_text(answer));
            if (text.starts_with("error: ")) throw Failed(escaped(text.substr(7)));
            return std::optional(shown(text));
          }};
}

Question ask_time() {
  return {"", [](protocols::Bytes answer, Arrived) {
            const auto time = protocols::decode_time868(answer);
            if (!time) throw Failed(fmt::format("{} bytes are no time of RFC 868", answer.size()));
            const std::string timestamp = std::to_string(time->time_since_epoch().count());
            return answer_time_text(protocols::as_bytes(timestamp), {});
          }};
}

Question ask_daytime() {
  return {"", [](protocols::Bytes answer, Arrived) {
            std::string line(protocols::as_text(answer));
            while (line.ends_with('\n') || line.ends_with('\r')) line.pop_back();
            return std::optional(shown(line));
          }};
}

Question ask_sntp() {
  // The server must repeat a random value, not our time: only a host that has seen it can respond.
  std::random_device random;
  const NtpTime cookie{std::uint64_t{random()} << 32 | random()};
  protocols::SntpPacket request;
  request.transmit = cookie;
  const NtpTime sent = NtpTime::from_unix(system_clock::now());
  return {std::string(protocols::as_text(request.encode())),
          [cookie, sent](protocols::Bytes bytes, Arrived arrived) -> std::optional<std::string> {
            const auto answer = protocols::SntpPacket::decode(bytes);
            if (!answer || answer->origin != cookie) return {};
            const auto kiss = protocols::kiss_code(*answer);
            if (kiss && answer->mode == protocols::NtpMode::server) {
              throw KissOfDeath(*kiss, poll_interval(*answer));
            }
            const auto problem = protocols::sntp_answer_problem(*answer, cookie);
            if (!problem.empty()) throw Failed(std::string(problem));
            return words_for(protocols::sntp_sample(sent, answer->receive, answer->transmit,
                                                    NtpTime::from_unix(arrived)),
                             *answer);
          }};
}

}  // namespace samples
