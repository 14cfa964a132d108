#include "reactor/simulation/trace.hpp"

#include <fmt/format.h>

#include <iterator>
#include <utility>

namespace reactor::inline v0::simulation {
namespace {

const char* name_of(Packet::Kind kind) {
  constexpr const char* names[] = {"tcp syn", "tcp syn-ack",    "tcp ack", "tcp data",    "tcp fin",
                                   "tcp rst", "tcp keep-alive", "udp",     "icmp refused"};
  return names[static_cast<std::size_t>(kind)];
}

}  // namespace

void Trace::packet(Packet packet, const char* lost) {
  if (!captures_) packet.bytes.clear();
  records_.push_back({events_.now(), std::move(packet), lost, {}});
}

void Trace::note(std::string text) {
  records_.push_back({events_.now(), {}, nullptr, std::move(text)});
}

std::string Trace::text() const {
  constexpr std::int64_t nanoseconds = 1'000'000'000;  // In a second.
  std::string text;
  const auto to = std::back_inserter(text);
  for (const Record& record : records_) {
    const std::int64_t time = record.when - Events::start;
    fmt::format_to(to, "{}.{:09} ", time / nanoseconds, time % nanoseconds);
    if (!record.note.empty()) {
      fmt::format_to(to, "{}\n", record.note);
      continue;
    }
    const Packet& packet = record.packet;
    fmt::format_to(to, "{} {} > {}", name_of(packet.kind), to_string(packet.from),
                   to_string(packet.to));
    if (packet.size > 0) fmt::format_to(to, " {}", packet.size);
    if (record.lost) fmt::format_to(to, " lost: {}", record.lost);
    text += '\n';
  }
  return text;
}

}  // namespace reactor::simulation
