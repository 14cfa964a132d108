#include "reactor/relay.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>

#include "reactor/idle_timeout.hpp"
#include "reactor/server.hpp"

namespace reactor::inline v0 {

struct Relay::State {
  State(Stream first, Stream second, Callback<void(const Error&)> callback)
      : sides{std::move(first), std::move(second)}, on_close(std::move(callback)) {
    connect(0, 1);
    connect(1, 0);
  }

  // A side that was not sent the end of the other's output has received only a part of it.
  ~State() {
    for (const std::size_t from : {std::size_t{0}, std::size_t{1}}) {
      if (!ended[from]) sides[1 - from].abort();
    }
  }

  void connect(std::size_t from, std::size_t to) {
    sides[from].on_data([this, from, to](Stream::Bytes bytes) {
      if (sides[to].write(bytes) != WriteStatus::above_high_water) return;
      held_back[from] = true;
      sides[from].pause();
    });
    sides[to].on_drained([this, from] {
      held_back[from] = false;
      sides[from].resume();
    });
    sides[from].on_end([this, from, to] {
      ended[from] = true;
      sides[to].shutdown();
    });
    sides[from].on_close([this, to](const Error& error) { close(to, error); });
  }

  void limit_idle(Loop& loop, Duration timeout) {
    idle.reset();
    if (timeout.count() <= 0 || timeout == Duration::max() || closed > 0) return;
    idle_timeout = timeout;
    idle.emplace(loop, timeout, [this] { look_if_idle(); });
  }

  void look_if_idle() {
    const auto left = idle_timeout - std::min(quiet_for(0), quiet_for(1));
    if (left.count() > 0) return idle->restart(left);
    for (Stream& side : sides) {
      side.fail({idle_too_long(), "relay", {}, {}});
      side.abort();
    }
  }

  // A stream that is held back does not report how long it has been quiet. The size of its queue
  // does, from one check to the next.
  [[nodiscard]] Duration quiet_for(std::size_t side) {
    if (!held_back[side]) return sides[side].quiet_for();
    const std::size_t queued = sides[side].queued_bytes();
    return std::exchange(queued_before[side], queued) == queued ? idle_timeout : Duration();
  }

  void close(std::size_t other, const Error& error) {
    idle.reset();  // After this, the timeout of closing applies.
    if (error && !first_error) first_error = error;
    if (++closed < sides.size()) {
      // If a side was never connected, the other has received nothing from it.
      const bool cuts_off = error && error.operation != "connect";
      return cuts_off ? sides[other].abort() : sides[other].close();
    }
    // on_close may destroy the Relay, and with it this state.
    Callback<void(const Error&)> last_call = std::move(on_close);
    const Error reason = std::move(first_error);
    if (last_call) last_call(reason);
  }

  std::array<Stream, 2> sides;
  std::array<bool, 2> ended{};
  std::array<bool, 2> held_back{};  // By the other side, which takes less.
  std::array<std::size_t, 2> queued_before{SIZE_MAX, SIZE_MAX};
  Duration idle_timeout;
  std::optional<IdleTimeout> idle;
  std::size_t closed = 0;
  Error first_error;
  Callback<void(const Error&)> on_close;
};

Relay::Relay(Stream first, Stream second, Callback<void(const Error&)> on_close)
    : state_(std::make_unique<State>(std::move(first), std::move(second), std::move(on_close))) {}

void Relay::set_idle_timeout(Loop& loop, Duration timeout) { state_->limit_idle(loop, timeout); }

Relay::Relay(Relay&&) noexcept = default;
Relay& Relay::operator=(Relay&&) noexcept = default;
Relay::~Relay() = default;

}  // namespace reactor
