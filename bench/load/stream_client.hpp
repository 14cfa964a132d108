// Connections with traffic over TCP or a unix socket: closed loop, open loop, churn and
// broadcast.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "bench/load/client.hpp"
#include "bench/load/poller.hpp"
#include "bench/load/traffic.hpp"

namespace bench {

class StreamClient : public Client {
 public:
  StreamClient(const Options& options, const Traffic& traffic, Poller& poller, Meter& meter);
  ~StreamClient() override;

  void on_time(Time now) override;
  [[nodiscard]] Time next_time() const override;

 private:
  class Connection;

  [[nodiscard]] std::uint64_t quota_of(std::size_t connection) const;
  [[nodiscard]] Time opening_time(std::size_t connection) const;
  void on_connected(Connection& connection, Time now);
  void on_broadcast_answers(std::uint64_t count, Time now);
  void on_quota_done(Time now);
  void on_dead(Time now);
  void begin(Time now);

  const Options& options_;
  const Traffic& traffic_;
  Poller& poller_;
  Meter& meter_;
  const Endpoint target_;

  std::vector<std::unique_ptr<Connection>> connections_;
  Time started_ = 0;
  std::size_t connecting_or_open_ = 0;  // Connections that are open or being opened.
  std::size_t open_ = 0;
  std::size_t dead_ = 0;
  std::size_t done_ = 0;  // Connections that have received all answers of a run of --messages.

  std::optional<Schedule> schedule_;
  std::uint64_t due_messages_ = 0;  // In the open loop: messages released to be sent.
  std::uint64_t received_ = 0;      // Answers to all messages of a broadcast.
  std::uint32_t source_address_ = 0;

  std::vector<char> buffer_;  // The read buffer of all connections.
};

}  // namespace bench
