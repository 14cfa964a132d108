// The handshake of a stream that is secured, and how it ends when the peer breaks the rules.
// Internal.
#pragma once

#include <memory>
#include <string_view>

#include "reactor/callback.hpp"
#include "reactor/duration.hpp"
#include "reactor/handshake_share.hpp"
#include "reactor/stream_progress.hpp"
#include "reactor/timer.hpp"
#include "reactor/tls_context.hpp"

namespace reactor::inline v0 {

/// Secures a stream by a filter.
class StreamSecurity : public StreamProgress {
 public:
  // ---- For the user of the stream

  void secure(TlsContext::State& context, std::string_view name);
  void on_secured(Callback<void(const TlsInfo&)> on_secured);
  /// Null unless the handshake is complete.
  [[nodiscard]] const TlsInfo* tls_info() const;

 protected:
  using StreamProgress::StreamProgress;

  /// The stream is connected.
  void begin_handshake();
  /// Takes one step. It reads also while the user of the stream does not.
  void shake_hands();
  /// The peer has ended its side; the filter refuses what it sends after that.
  void expect_no_more();
  /// No more callbacks.
  void stop_handshake() {
    if (security_) security_->timer.cancel();
  }

 private:
  struct Security {
    explicit Security(StreamSecurity& stream);

    Callback<void(const TlsInfo&)> on_secured;
    Timer timer;  // While the handshake is not complete.
    Duration timeout = {};
    std::shared_ptr<HandshakeShare> share;  // So is this.
  };

  /// Does everything else that is possible without waiting.
  virtual void go_on() = 0;
  /// Sends what waits; false when the stream is destroyed.
  [[nodiscard]] virtual bool send_queue() = 0;
  /// Ends the connection for this reason, which the peer knows.
  virtual void end_refused(Error reason) = 0;

  void on_input_refused(Error error) final;

  void finish_handshake();
  void end_handshake();
  Security& security();

  std::unique_ptr<Security> security_;
};

}  // namespace reactor
