#include "reactor/stream_security.hpp"

#include <cerrno>
#include <utility>

namespace reactor::inline v0 {

StreamSecurity::Security::Security(StreamSecurity& stream)
    : timer(stream.engine().loop(), [&stream] {
        stream.fail(stream.connection().error(ETIMEDOUT, "complete the TLS handshake with"));
      }) {}

void StreamSecurity::secure(TlsContext::State& context, std::string_view name) {
  if (is(closing | broken | closed)) return;
  auto filter = context.make_filter(name);
  if (!filter) return fail(std::move(filter.error()));
  if (this->filter() || is(undelivered) || !attach(std::move(*filter))) {
    Error error = connection().error(EINVAL, "secure connection to");
    error.hint = this->filter()    ? "it is secured already"
                 : is(undelivered) ? "not all that was received in clear has been handled"
                                   : "what was to be sent in clear only is not sent yet";
    return fail(std::move(error));
  }
  set(filtered | handshaking | newly_secured | on_data_replaced);
  hold_output(true);
  security().share = HandshakeShare::of(engine());
  security_->timeout = context.handshake_timeout();
  if (!is(connecting)) begin_handshake();
}

void StreamSecurity::on_secured(Callback<void(const TlsInfo&)> on_secured) {
  replace(security().on_secured, std::move(on_secured));
}

const TlsInfo* StreamSecurity::tls_info() const {
  return filter() && !is(handshaking) ? &filter()->info() : nullptr;
}

void StreamSecurity::begin_handshake() {
  if (security_->timeout < Duration::max()) security_->timer.restart(security_->timeout);
  end_time_limit();
  send_encoded();
  if (is(readable)) engine().schedule(*this);
  update_interest();
}

void StreamSecurity::shake_hands() {
  using Step = StreamFilter::State;
  if (is(closing) && !has_output_of_user()) {  // There is no need for the handshake any more.
    end_handshake();
    return go_on();
  }
  if (!is(readable)) return update_interest();
  if (!security_->share->take()) return engine().schedule(*this);
  const auto step = receive_filtered();
  if (step.state == Step::secured) return finish_handshake();
  if (step.state == Step::failed || step.state == Step::ended) {
    return on_input_refused(filter()->error());
  }
  if (step.state == Step::broken) {
    return on_input_failed(connection().error(step.socket_error, "TLS handshake with"));
  }
  if (is(readable)) engine().schedule(*this);
  update_interest();
}

void StreamSecurity::finish_handshake() {
  end_handshake();
  if (!is(closing)) {
    if (waits_to_send()) limit_stall();
    Callback<void(const TlsInfo&)>& on_secured = security_->on_secured;
    if (on_secured && !engine().call(*this, on_secured, filter()->info())) return;
  }
  if (waits_to_send() && !send_queue()) return;
  go_on();
}

void StreamSecurity::end_handshake() {
  clear(handshaking);
  hold_output(false);
  security_->timer.cancel();
  security_->share.reset();
}

// The peer receives the reason, and has close_timeout to react to it.
void StreamSecurity::on_input_refused(Error error) {
  if (error.subject.empty()) error.subject = connection().peer();
  if (is(handshaking)) end_handshake();
  drop_output();
  stop_output();
  send_encoded();
  end_refused(std::move(error));
  set(readable);
  engine().schedule(*this);
}

void StreamSecurity::expect_no_more() {
  const auto received = receive_filtered();
  clear(readable);
  if (received.state == StreamFilter::State::failed) return on_input_refused(filter()->error());
  if (received.state == StreamFilter::State::broken) {
    return on_input_failed(connection().error(received.socket_error, "receive from"));
  }
  go_on();
}

StreamSecurity::Security& StreamSecurity::security() {
  if (!security_) security_ = std::make_unique<Security>(*this);
  return *security_;
}

}  // namespace reactor
