// A decoder on a stream: whole messages, however the network splits or joins them.
#pragma once

#include <concepts>
#include <cstddef>
#include <optional>
#include <span>
#include <system_error>
#include <utility>

#include "reactor/callback.hpp"
#include "reactor/handle.hpp"
#include "reactor/stream.hpp"

#pragma GCC visibility push(default)
namespace reactor::inline v0 {

/// Turns bytes into frames. The decoders of protocols/ have this shape, and yours may have it too:
/// protocols/decoder.hpp states what each member promises. A Frame is a movable value, not a
/// reference; it may be a view that is valid until the next call of the decoder.
template <class D>
concept Decoder = std::movable<D> && std::movable<typename D::Frame> &&
                  requires(D decoder, std::span<const std::byte> bytes) {
                    decoder.feed(bytes);
                    { decoder.next() } -> std::same_as<std::optional<typename D::Frame>>;
                    decoder.copy_tail();
                    { decoder.error() } -> std::convertible_to<std::error_code>;
                    { decoder.at_boundary() } -> std::convertible_to<bool>;
                  };

/// The code of the Error that ends a stream whose peer closed its side in the middle of a frame.
[[nodiscard]] std::error_code ended_inside_frame();

/// The code of the Error that ends a stream on which bytes in clear followed the request for TLS.
/// An attacker may have put them there, to be taken for what the peer encrypted (CVE-2011-0411).
[[nodiscard]] std::error_code received_in_clear();

/// Calls back for each frame that arrives on a stream.
///
///     Framed lines(stream, protocols::LineDecoder(), [&](std::string_view line) {
///       stream.write(answer(line));
///     });
///
/// Takes over the stream's on_data and on_end. What the callbacks for the frames of one read write
/// leaves in one system call. A frame's callback may close, pause or destroy the stream, or attach
/// another decoder: then no frame follows, and the rest is kept for resume(). If the decoder
/// refuses the data, or the stream ends inside a frame, the stream is closed after the responses to
/// the frames before. on_decode_error and then on_close report which it was.
///
/// Lifetime  Destroying it ends the callbacks immediately; the stream then discards what it
///           receives until it gets another on_data. It may outlive the Stream.
/// Thread    The loop's thread only.
/// Cost      None for a frame beyond the decoder's; it decodes from the stream's read buffer.
template <Decoder D>
class Framed {
 public:
  using Frame = typename D::Frame;
  using OnFrame = Callback<void(const Frame&)>;

  /// `received` are bytes that another decoder left over; they are copied and decoded first.
  Framed(Stream& stream, D decoder, OnFrame on_frame, std::span<const std::byte> received = {})
      : state_(new State(std::move(decoder), std::move(on_frame), stream)) {
    stream.on_data([link = Link(*state_, &State::on_data_link)](Stream::Bytes bytes) {
      if (State* const state = link.state()) state->receive(bytes);
    });
    stream.on_end([link = Link(*state_, &State::on_end_link)] {
      if (State* const state = link.state()) state->end();
    });
    if (received.empty()) return;
    state_->decoder.feed(received);
    state_->decoder.copy_tail();
    state_->delivery.call_again();
  }

  /// The peer ended its side, between two frames. Without on_end the stream is then closed.
  void on_end(Callback<void()> on_end) { state_->replace(state_->on_end, std::move(on_end)); }

  /// The stream is about to be closed for `error`: that of the decoder, or ended_inside_frame().
  /// What is written now is sent first. Called at most once. If the callback destroys the Framed,
  /// the stream stays open.
  void on_decode_error(Callback<void(std::error_code error)> on_decode_error) {
    state_->replace(state_->on_decode_error, std::move(on_decode_error));
  }

  /// For its settings, and for the bytes that are not part of a frame.
  [[nodiscard]] D& decoder() { return state_->decoder; }

 private:
  struct State;

  // Stored in a callback of the stream. The stream may outlive the Framed, and the Framed the
  // stream.
  class Link {
   public:
    Link(State& state, Link* State::*place) : state_(&state), place_(place) { state.*place = this; }
    Link(Link&& other) noexcept
        : state_(std::exchange(other.state_, nullptr)), place_(other.place_) {
      if (state_) state_->*place_ = this;
    }
    ~Link() {
      if (state_) state_->*place_ = nullptr;
    }
    Link(const Link&) = delete;
    Link& operator=(const Link&) = delete;

    [[nodiscard]] State* state() const { return state_; }
    void cut() { state_ = nullptr; }

   private:
    State* state_;
    Link* State::*place_;
  };

  struct State final : HandleState {
    State(D from, OnFrame call, const Stream& stream)
        : decoder(std::move(from)), on_frame(std::move(call)), delivery(stream.delivery()) {}

    void on_retired() noexcept override {
      for (Link* const link : {on_data_link, on_end_link}) {
        if (link) link->cut();
      }
    }

    void receive(Stream::Bytes bytes) {
      if (!decoder.at_boundary() && delivery.is_newly_secured()) [[unlikely]]
        return fail(received_in_clear());
      decoder.feed(bytes);
      Batch batch(*this);
      const auto deliver = [this](const Frame& frame) {
        on_frame(frame);
        return !retired() && delivery.goes_on();
      };
      if (drain(deliver)) batch.finish();
    }

    // Whether all frames were delivered that are complete.
    template <class Deliver>
    bool drain(const Deliver& deliver) {
      if (retired() || !delivery.goes_on()) return false;
      if constexpr (requires { decoder.drain(deliver); }) {
        return decoder.drain(deliver);
      } else {
        while (const std::optional<Frame> frame = decoder.next()) {
          if (!deliver(*frame)) return false;
        }
        return true;
      }
    }

    /// The frames of one read. A callback may end the batch early, by what it does or by throwing.
    class Batch {
     public:
      explicit Batch(State& state) : state_(state), use_(state) {}
      ~Batch() {
        if (finished_ || state_.retired()) return;
        state_.keep_rest();
      }
      Batch(const Batch&) = delete;
      Batch& operator=(const Batch&) = delete;

      void finish() {
        finished_ = true;
        if (const std::error_code error = state_.decoder.error()) state_.refuse(error);
      }

     private:
      State& state_;
      const Use use_;
      bool finished_ = false;
    };

    // Closes the stream also when the callback throws.
    void refuse(std::error_code error) {
      try {
        if (on_decode_error) std::exchange(on_decode_error, nullptr)(error);
      } catch (...) {
        fail(error);
        throw;
      }
      fail(error);
    }

    // The stream does not go on: what is left of the bytes that were fed is decoded later.
    void keep_rest() {
      if (!decoder.at_boundary() && delivery.is_newly_secured()) return fail(received_in_clear());
      decoder.copy_tail();
      delivery.call_again();
    }

    void fail(std::error_code error) {
      if (!retired()) delivery.fail({error, "decode data from", {}, {}});
    }

    void end() {
      const Use use(*this);
      if (!decoder.at_boundary()) return refuse(ended_inside_frame());
      on_end ? on_end() : delivery.close();
    }

    D decoder;
    OnFrame on_frame;
    Callback<void()> on_end;
    Callback<void(std::error_code)> on_decode_error;
    Stream::Delivery delivery;
    Link* on_data_link = nullptr;
    Link* on_end_link = nullptr;
  };

  Handle<State> state_;
};

}  // namespace reactor
#pragma GCC visibility pop
