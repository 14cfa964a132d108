#include "web/upgraded.hpp"

#include <utility>

#include "web/exchange.hpp"

namespace web::inline v0 {
namespace {

Connection* connection_of(const std::shared_ptr<Tunnel>& tunnel) {
  return tunnel ? tunnel->connection : nullptr;
}

}  // namespace

Upgraded::Upgraded(std::shared_ptr<Tunnel> tunnel)
    : tunnel_(std::move(tunnel)), loop_(&tunnel_->connection->loop()) {}

Upgraded& Upgraded::operator=(Upgraded&& other) noexcept {
  if (this != &other) {
    release();
    tunnel_ = std::exchange(other.tunnel_, nullptr);
    loop_ = other.loop_;
  }
  return *this;
}

Upgraded::~Upgraded() { release(); }

void Upgraded::release() noexcept {
  const auto tunnel = std::exchange(tunnel_, nullptr);
  Connection* const connection = connection_of(tunnel);
  if (!connection) return;
  connection->close();
  tunnel->detach();
}

void Upgraded::on_data(reactor::Callback<void(Bytes)> on_data) {
  Connection* const connection = connection_of(tunnel_);
  if (!connection) return;
  tunnel_->on_data = std::move(on_data);
  connection->continue_later();
}

void Upgraded::on_end(reactor::Callback<void()> on_end) {
  if (connection_of(tunnel_)) tunnel_->on_end = std::move(on_end);
}

void Upgraded::on_drained(reactor::Callback<void()> on_drained) {
  if (connection_of(tunnel_)) tunnel_->on_drained = std::move(on_drained);
}

void Upgraded::on_close(reactor::Callback<void(const reactor::Error&)> on_close) {
  if (connection_of(tunnel_)) tunnel_->on_close = std::move(on_close);
}

void Upgraded::on_finish(reactor::Callback<void()> on_finish) {
  if (connection_of(tunnel_)) tunnel_->on_finish = std::move(on_finish);
}

reactor::WriteStatus Upgraded::write(Bytes bytes) {
  Connection* const connection = connection_of(tunnel_);
  return connection ? connection->write_tunnel(bytes) : reactor::WriteStatus::closed;
}

void Upgraded::pause() {
  Connection* const connection = connection_of(tunnel_);
  if (!connection) return;
  tunnel_->paused = true;
  connection->continue_later();
}

void Upgraded::resume() {
  Connection* const connection = connection_of(tunnel_);
  if (!connection) return;
  tunnel_->paused = false;
  connection->continue_later();
}

void Upgraded::close() {
  if (Connection* const connection = connection_of(tunnel_)) connection->close();
}

void Upgraded::abort() {
  if (Connection* const connection = connection_of(tunnel_)) connection->abort();
}

reactor::Stream* Upgraded::stream() const {
  const Connection* const connection = connection_of(tunnel_);
  return connection ? connection->stream() : nullptr;
}

}  // namespace web
