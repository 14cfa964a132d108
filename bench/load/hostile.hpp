// Peers that behave badly, with or without connections with traffic beside them.
#pragma once

#include <memory>
#include <vector>

#include "bench/load/client.hpp"
#include "bench/load/traffic.hpp"

namespace bench {

/// Counts of the actions of bad peers and of the server's reactions, for the report.
struct HostileCounts {
  std::uint64_t held_open = 0;         ///< Idle connections that are still open.
  std::uint64_t closed_by_server = 0;  ///< Connections that the server ended, of any kind.
  std::uint64_t refused = 0;           ///< Connections that could not be opened.
  std::uint64_t bytes_taken = 0;       ///< Taken from slow readers by the server and the kernel.
  std::uint64_t bytes_read = 0;        ///< Read by slow readers.
  std::uint64_t single_bytes = 0;      ///< Each sent as its own segment.
  std::uint64_t resets = 0;            ///< Made in the middle of a message.
};

/// All bad peers of a run. In every interval each peer acts once, and never waits.
class Hostile : public Client {
 public:
  Hostile(const Options& options, const Traffic& traffic);
  ~Hostile() override;

  void on_time(Time now) override;
  /// Finds which idle connections the server has ended.
  void look_at_idle();
  [[nodiscard]] Time next_time() const override { return next_act_; }
  [[nodiscard]] bool all_connected() const { return opened_ == peers_.size(); }
  [[nodiscard]] const HostileCounts& counts() const { return counts_; }
  [[nodiscard]] bool any() const { return !peers_.empty(); }

 private:
  class Peer;
  class Idle;
  class SlowReader;
  class OneByte;
  class Resetting;

  template <class Kind>
  void add(std::size_t count);

  const Options& options_;
  const Traffic& traffic_;
  const Endpoint target_;
  HostileCounts counts_;
  std::vector<std::unique_ptr<Peer>> peers_;
  std::size_t opened_ = 0;
  Time started_;
  Time next_act_ = never;
};

}  // namespace bench
