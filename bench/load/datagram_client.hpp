// Sockets with datagram traffic: closed loop and open loop, with the losses counted.
#pragma once

#include <sys/socket.h>

#include <memory>
#include <optional>
#include <vector>

#include "bench/load/client.hpp"
#include "bench/load/poller.hpp"
#include "bench/load/traffic.hpp"

namespace bench {

class DatagramClient : public Client {
 public:
  DatagramClient(const Options& options, const Traffic& traffic, Poller& poller, Meter& meter);
  ~DatagramClient() override;

  void on_time(Time now) override;
  [[nodiscard]] Time next_time() const override;

 private:
  class Socket;

  [[nodiscard]] std::uint64_t quota_of(std::size_t socket) const;
  void on_quota_done(Time now);

  const Options& options_;
  const Traffic& traffic_;
  Poller& poller_;
  Meter& meter_;
  const Endpoint target_;

  std::vector<std::unique_ptr<Socket>> sockets_;
  std::optional<Schedule> schedule_;
  std::uint64_t due_messages_ = 0;
  Time next_look_for_losses_ = 0;
  std::size_t done_ = 0;

  // The buffers of one batch of datagrams, which all sockets share.
  std::vector<char> buffer_;
  std::vector<iovec> vectors_;
  std::vector<mmsghdr> headers_;
};

}  // namespace bench
