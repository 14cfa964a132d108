#include "reactor/relay.hpp"

#include <array>
#include <cstddef>
#include <utility>

namespace reactor {

struct Relay::State {
  State(Stream first, Stream second, Callback<void(const Error&)> callback)
      : sides{std::move(first), std::move(second)}, on_close(std::move(callback)) {
    connect(0, 1);
    connect(1, 0);
  }

  // A side that is not told the end of the other's output has got only a part of it.
  ~State() {
    for (const std::size_t from : {std::size_t{0}, std::size_t{1}}) {
      if (!ended[from]) sides[1 - from].abort();
    }
  }

  void connect(std::size_t from, std::size_t to) {
    sides[from].on_data([this, from, to](Stream::Bytes bytes) {
      if (sides[to].write(bytes) == Written::full) sides[from].pause();
    });
    sides[to].on_drained([this, from] { sides[from].resume(); });
    sides[from].on_end([this, from, to] {
      ended[from] = true;
      sides[to].shutdown();
    });
    sides[from].on_close([this, to](const Error& error) { close(to, error); });
  }

  void close(std::size_t other, const Error& error) {
    if (error && !first_error) first_error = error;
    if (++closed < sides.size()) {
      // Of a side that was never connected, the other has received nothing.
      const bool cuts_off = error && error.operation != "connect";
      return cuts_off ? sides[other].abort() : sides[other].close();
    }
    // It may well destroy the Relay, and with it what is here.
    Callback<void(const Error&)> last_call = std::move(on_close);
    const Error reason = std::move(first_error);
    if (last_call) last_call(reason);
  }

  std::array<Stream, 2> sides;
  std::array<bool, 2> ended{};
  std::size_t closed = 0;
  Error first_error;
  Callback<void(const Error&)> on_close;
};

Relay::Relay(Stream first, Stream second, Callback<void(const Error&)> on_close)
    : state_(std::make_unique<State>(std::move(first), std::move(second), std::move(on_close))) {}

Relay::Relay(Relay&&) noexcept = default;
Relay& Relay::operator=(Relay&&) noexcept = default;
Relay::~Relay() = default;

}  // namespace reactor
