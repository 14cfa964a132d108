// Which simulated sockets are ready, in the manner of epoll. Internal.
#pragma once

#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "reactor/platform/poller.hpp"
#include "reactor/simulation/descriptors.hpp"
#include "reactor/simulation/environment.hpp"
#include "reactor/simulation/events.hpp"
#include "reactor/simulation/jobs.hpp"
#include "reactor/simulation/socket.hpp"

namespace reactor::inline v0::simulation {

class SimulatedPoller final : public Poller {
 public:
  SimulatedPoller(Environment& world, Computer& host, Descriptors& descriptors, Jobs& jobs,
                  uv_loop_s& native);
  ~SimulatedPoller() override;

  void close() override;
  int add(int fd, Interest interest, Trigger trigger, Token token) override;
  int change(int fd, Interest interest, Trigger trigger, Token token) override;
  void remove(int fd, Token token) override;
  std::span<const Event> wait(int timeout) override;
  void wake() noexcept override { woken_ = true; }
  void arm(std::int64_t nanoseconds) override { armed_ = nanoseconds; }

  /// The time from which on the loop has something to do.
  [[nodiscard]] Events::Nanoseconds due() const;
  /// A loop waits in it: then only that loop may iterate.
  [[nodiscard]] bool is_waiting() const { return waiting_; }

 private:
  void run_ready_native() override;
  void wait_for_world();
  void add_spurious_event();

  Environment& world_;
  Computer& host_;
  Descriptors& descriptors_;
  Jobs& jobs_;
  uv_loop_s& native_;
  bool woken_ = false;
  bool waiting_ = false;
  Events::Nanoseconds armed_ = Events::never;
  ReadyList listed_;
  std::vector<Event> events_;
};

}  // namespace reactor::simulation
