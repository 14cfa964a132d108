// One request with its response, as far as both outlive the connection. Internal.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "protocols/http/collector.hpp"
#include "protocols/http/encoder.hpp"
#include "reactor/callback.hpp"
#include "reactor/loop.hpp"
#include "reactor/result.hpp"
#include "reactor/stream.hpp"
#include "reactor/write_status.hpp"
#include "web/file_content.hpp"

namespace web::inline v0 {

class Exchange;
class Tunnel;

/// What the handles of a request require of its connection.
class Connection {
 public:
  using WriteStatus = reactor::WriteStatus;
  using FieldList = protocols::http::FieldList;

  virtual WriteStatus send(int status, FieldList fields, std::string_view body) = 0;
  virtual WriteStatus send_error(int status, std::string_view why, FieldList fields) = 0;
  virtual WriteStatus send_file(FileContent content, FieldList fields,
                                const Exchange& exchange) = 0;
  virtual WriteStatus begin(int status, FieldList fields, std::optional<std::uint64_t> length) = 0;
  virtual WriteStatus write(std::string_view piece) = 0;
  virtual WriteStatus end(FieldList trailers) = 0;
  virtual WriteStatus early_hints(FieldList fields) = 0;
  /// Null if the request wants no upgrade, or the fields cannot be sent.
  virtual std::shared_ptr<Tunnel> upgrade(std::string_view protocol, FieldList fields) = 0;
  virtual WriteStatus write_tunnel(std::span<const std::byte> bytes) = 0;

  // These throw nothing.
  virtual void abandon() = 0;         ///< The Response is destroyed.
  virtual void continue_later() = 0;  ///< There may be something to do in a later iteration.
  virtual void close() = 0;
  virtual void abort() = 0;

  /// Null once the connection has ended.
  [[nodiscard]] virtual reactor::Stream* stream() const = 0;
  [[nodiscard]] virtual reactor::Loop& loop() const = 0;

 protected:
  ~Connection() = default;
};

/// The link between a connection and the handles of one request. Its callbacks usually own the
/// Response, and with it this: detach() ends that circle.
class Exchange {
 public:
  template <class... Arguments>
  using Callback = reactor::Callback<void(Arguments...)>;

  /// What send_file() needs of the request after its handler has returned.
  struct Conditions {
    explicit Conditions(const protocols::http::RequestHead& head)
        : method(head.method), fields(head.fields) {}
    std::string method;
    protocols::http::OwnFields fields;
  };

  explicit Exchange(Connection& of) : connection(&of) {}

  /// The response is complete, or the connection has ended.
  void detach() noexcept {
    connection = nullptr;
    head = nullptr;
    const auto data = std::move(on_data);
    const auto end = std::move(on_end);
    const auto drained = std::move(on_drained);
    const auto close = std::move(on_close);
    const auto finish = std::move(on_finish);
  }

  Connection* connection;                              ///< Null once detached.
  const protocols::http::RequestHead* head = nullptr;  ///< While the handler runs.
  std::unique_ptr<Conditions> conditions;              ///< After that.
  Callback<std::span<const std::byte>> on_data;
  Callback<> on_end;
  Callback<> on_drained;
  Callback<const reactor::Error&> on_close;
  Callback<> on_finish;
  bool in_handler = false;
  bool abandoned = false;  ///< The Response was destroyed by its handler.
  bool paused = false;     ///< By RequestBody::pause().
};

/// The link between a connection and its Upgraded.
class Tunnel {
 public:
  explicit Tunnel(Connection& of) : connection(&of) {}

  void detach() noexcept {
    connection = nullptr;
    const auto data = std::move(on_data);
    const auto end = std::move(on_end);
    const auto drained = std::move(on_drained);
    const auto close = std::move(on_close);
    const auto finish = std::move(on_finish);
  }

  Connection* connection;
  reactor::Callback<void(std::span<const std::byte>)> on_data;
  reactor::Callback<void()> on_end;
  reactor::Callback<void()> on_drained;
  reactor::Callback<void(const reactor::Error&)> on_close;
  reactor::Callback<void()> on_finish;
  bool paused = false;
};

}  // namespace web
