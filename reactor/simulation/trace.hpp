// What happened in a world, in order. Internal.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "reactor/simulation/endpoint.hpp"
#include "reactor/simulation/events.hpp"

namespace reactor::inline v0::simulation {

struct Packet {
  enum class Kind : unsigned char { syn, syn_ack, ack, data, fin, rst, keep_alive, datagram, icmp };

  Kind kind;
  Endpoint from;
  Endpoint to;
  std::uint64_t sequence = 0;
  std::uint64_t acknowledged = 0;
  std::size_t size = 0;
  std::string bytes{};  ///< Empty unless the world captures.
};

/// Records packets and events. Contains no address of memory and no real time.
class Trace {
 public:
  explicit Trace(const Events& events, bool captures) : events_(events), captures_(captures) {}

  [[nodiscard]] bool captures() const { return captures_; }

  /// A packet arrived, or was lost for this reason.
  void packet(Packet packet, const char* lost = nullptr);
  void note(std::string text);

  [[nodiscard]] std::string text() const;
  /// The packets that arrived, as a capture file (libpcap, of raw IP packets).
  [[nodiscard]] std::string pcap() const;

 private:
  struct Record {
    Events::Nanoseconds when;
    Packet packet;
    const char* lost;
    std::string note;  // Not empty: there is no packet.
  };

  const Events& events_;
  const bool captures_;
  std::vector<Record> records_;
};

}  // namespace reactor::simulation
