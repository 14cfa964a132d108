// The connection: sends the lines of standard input, and prints what it receives.
#pragma once

#include <unistd.h>

#include <cstdio>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "reactor/framed.hpp"
#include "reactor/stream.hpp"
#include "samples/support/client.hpp"
#include "samples/support/endpoint.hpp"
#include "samples/support/failed.hpp"
#include "samples/support/last_line.hpp"
#include "samples/support/line_input.hpp"
#include "samples/support/printable.hpp"
#include "samples/support/secret.hpp"
#include "samples/support/tls.hpp"

namespace tcp_echo_client {

class EchoClient {
 public:
  EchoClient(reactor::Loop& loop, const std::string& endpoint,
             const std::optional<samples::Secret>& secret, const samples::ClientTls& tls)
      : loop_(loop),
        endpoint_(endpoint),
        secret_(secret),
        stream_(samples::connect(loop, endpoint)) {
    tls.secure(stream_, endpoint);
    stream_.on_connect([this] { begin(); });
    stream_.on_close([this](const reactor::Error& error) { closed(error); });
  }

 private:
  void begin() {
    if (!secret_) return talk({});
    gate_.emplace(loop_, stream_, challenge());
    stream_.on_data([this](std::span<const std::byte> bytes) {
      const auto behind = gate_->pass(bytes);
      if (gate_->is_open()) talk(behind);
    });
  }

  [[nodiscard]] samples::Challenge challenge() {
    return secret_->challenge(samples::Challenge::Side::client,
                              {"tcp_echo", {samples::dialled_endpoint(stream_, endpoint_)}, {}});
  }

  void talk(std::span<const std::byte> received) {
    stream_.on_drained([this] { input_->resume(); });
    answers_.emplace(
        stream_, samples::LastLineDecoder(), [this](std::string_view line) { show(line); },
        received);
    answers_->on_end([this] {
      const auto last = answers_->decoder().rest();
      if (!last.empty()) show(protocols::as_text(last));
      stream_.close();
    });
    input_.emplace(
        loop_,
        [this](std::string_view line) {
          if (stream_.write(std::string(line) + "\n") == reactor::WriteStatus::above_high_water)
            input_->pause();
        },
        [this] {
          ended_ = true;
          stream_.shutdown();  // The responses to what was sent still arrive.
        });
  }

  void show(std::string_view line) {
    input_->hide();
    // Escaped for a person; a program gets the exact bytes.
    const std::string text = isatty(STDOUT_FILENO) ? samples::escaped(line) : std::string(line);
    std::printf("%.*s\n", static_cast<int>(text.size()), text.data());
    std::fflush(stdout);
    input_->prompt();
  }

  void closed(const reactor::Error& error) const {
    if (error) throw samples::Failed(error);
    if (!input_) throw samples::Failed(gate_->refusal());
    if (!ended_) throw samples::Failed("the server closed the connection");
  }

  reactor::Loop& loop_;
  const std::string endpoint_;
  const std::optional<samples::Secret> secret_;
  reactor::Stream stream_;
  std::optional<samples::Gate> gate_;
  std::optional<reactor::Framed<samples::LastLineDecoder>> answers_;
  std::optional<samples::LineInput> input_;
  bool ended_ = false;
};

}  // namespace tcp_echo_client
