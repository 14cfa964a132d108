#include "web/response.hpp"

#include <utility>

#include "web/exchange.hpp"

namespace web::inline v0 {

using reactor::WriteStatus;

namespace {

Connection* connection_of(const std::shared_ptr<Exchange>& exchange) {
  return exchange ? exchange->connection : nullptr;
}

}  // namespace

Response& Response::operator=(Response&& other) noexcept {
  if (this != &other) {
    const auto old = std::exchange(exchange_, std::exchange(other.exchange_, nullptr));
    Response(old).abandon();
  }
  return *this;
}

Response::~Response() { abandon(); }

void Response::abandon() noexcept {
  const auto exchange = std::exchange(exchange_, nullptr);
  Connection* const connection = connection_of(exchange);
  if (!connection) return;
  exchange->abandoned = true;
  if (exchange->in_handler) return;
  connection->abandon();
}

WriteStatus Response::send(int status, std::string_view body) {
  return send(status, {{"Content-Type", "text/plain; charset=utf-8"}}, body);
}

WriteStatus Response::send(int status, FieldList fields, std::string_view body) {
  Connection* const connection = connection_of(exchange_);
  return connection ? connection->send(status, fields, body) : WriteStatus::closed;
}

WriteStatus Response::send_file(reactor::Result<FileContent> file, FieldList fields) {
  const auto exchange = exchange_;
  Connection* const connection = connection_of(exchange);
  if (!connection) return WriteStatus::closed;
  if (!file) return connection->send_error(status_of_file_error(file.error()), {}, {});
  return connection->send_file(std::move(*file), fields, *exchange);
}

WriteStatus Response::begin(int status, FieldList fields, std::optional<std::uint64_t> length) {
  Connection* const connection = connection_of(exchange_);
  return connection ? connection->begin(status, fields, length) : WriteStatus::closed;
}

WriteStatus Response::write(std::string_view piece) {
  Connection* const connection = connection_of(exchange_);
  return connection ? connection->write(piece) : WriteStatus::closed;
}

WriteStatus Response::end(FieldList trailers) {
  Connection* const connection = connection_of(exchange_);
  return connection ? connection->end(trailers) : WriteStatus::closed;
}

WriteStatus Response::early_hints(FieldList fields) {
  Connection* const connection = connection_of(exchange_);
  return connection ? connection->early_hints(fields) : WriteStatus::closed;
}

std::optional<Upgraded> Response::upgrade(std::string_view protocol, FieldList fields) {
  Connection* const connection = connection_of(exchange_);
  auto tunnel = connection ? connection->upgrade(protocol, fields) : nullptr;
  return tunnel ? std::optional<Upgraded>(std::in_place, std::move(tunnel)) : std::nullopt;
}

reactor::Stream* Response::stream() const {
  const Connection* const connection = connection_of(exchange_);
  return connection ? connection->stream() : nullptr;
}

bool Response::is_open() const { return connection_of(exchange_) != nullptr; }

void Response::on_drained(reactor::Callback<void()> on_drained) {
  if (is_open()) exchange_->on_drained = std::move(on_drained);
}

void Response::on_close(reactor::Callback<void(const reactor::Error&)> on_close) {
  if (is_open()) exchange_->on_close = std::move(on_close);
}

void Response::on_finish(reactor::Callback<void()> on_finish) {
  if (is_open()) exchange_->on_finish = std::move(on_finish);
}

void Response::end_on_finish() {
  on_finish([exchange = exchange_.get()] {
    if (exchange->connection) exchange->connection->end({});
  });
}

}  // namespace web
