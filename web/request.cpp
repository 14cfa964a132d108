#include "web/request.hpp"

#include <utility>

#include "web/exchange.hpp"

namespace web::inline v0 {

const std::string& Request::parameter(std::string_view name) const {
  static const std::string none;
  for (const auto& [known, value] : parameters_) {
    if (known == name) return value;
  }
  return none;
}

std::optional<std::string> Request::query_parameter(std::string_view name) const {
  for (auto& [known, value] : query_parameters()) {
    if (known == name) return std::move(value);
  }
  return std::nullopt;
}

std::optional<reactor::Address> Request::peer() const {
  const Connection* const connection = exchange_.connection;
  if (!connection || !connection->stream()) return std::nullopt;
  const auto peer = connection->stream()->socket().peer_address();
  return peer ? std::optional(*peer) : std::nullopt;
}

void RequestBody::on_data(reactor::Callback<void(Bytes)> on_data) {
  if (!exchange_->connection) return;
  exchange_->on_data = std::move(on_data);
  exchange_->connection->continue_later();
}

void RequestBody::on_end(reactor::Callback<void()> on_end) {
  if (!exchange_->connection) return;
  exchange_->on_end = std::move(on_end);
  exchange_->connection->continue_later();
}

void RequestBody::pause() {
  exchange_->paused = true;
  if (exchange_->connection) exchange_->connection->continue_later();
}

void RequestBody::resume() {
  exchange_->paused = false;
  if (exchange_->connection) exchange_->connection->continue_later();
}

}  // namespace web
