// A protocol behind the header of a proxy: the decoder for a server to which a proxy connects.
#pragma once

#include <concepts>
#include <optional>
#include <system_error>
#include <utility>
#include <variant>
#include <vector>

#include "protocols/decoder.hpp"
#include "protocols/proxy_header.hpp"

namespace protocols::inline v0 {

/// A decoder that reads the header of the PROXY protocol, and then decodes with `D`.
///
///     struct Session {  // Of a reactor::Server<Session, BehindProxyHeader<LineDecoder>>.
///       void on_frame(std::string_view line, BehindProxyHeader<LineDecoder>& decoder) {
///         const auto header = decoder.header();  // From where the client connected to the proxy.
///         …
///
/// A header may claim any address, so expect one only from peers that are proxies, and none from
/// others: reactor::Networks finds out which are.
///
/// Cost      Once for a connection, a copy of the header and of the bytes that came with it.
template <Decoder D>
class BehindProxyHeader {
 public:
  using Frame = typename D::Frame;

  BehindProxyHeader()
    requires std::default_initializable<D>
      : BehindProxyHeader(D()) {}

  /// `expects_header` is false for a peer that is no proxy: then all bytes are those of `decoder`.
  explicit BehindProxyHeader(D decoder, bool expects_header = true)
      : decoder_(std::move(decoder)), awaits_header_(expects_header) {}

  void feed(Bytes bytes) {
    if (!awaits_header_) return decoder_.feed(bytes);
    is_empty_ = is_empty_ && bytes.empty();
    proxy_.feed(bytes);
    proxy_.copy_tail();
    const auto frame = proxy_.next();
    if (!frame) return;
    awaits_header_ = false;
    static_cast<void>(append_proxy_header(header_, std::get<ProxyHeader>(*frame)));
    while (const auto piece = proxy_.next()) {
      decoder_.feed(std::get<Bytes>(*piece));
      decoder_.copy_tail();
    }
  }

  [[nodiscard]] std::optional<Frame> next() {
    return awaits_header_ ? std::nullopt : decoder_.next();
  }

  void copy_tail() { decoder_.copy_tail(); }

  /// Errors    As ProxyHeaders, and those of D.
  [[nodiscard]] std::error_code error() const {
    return awaits_header_ ? proxy_.error() : decoder_.error();
  }

  /// Also true as long as nothing was received: a proxy may only have tried whether it can connect.
  [[nodiscard]] bool at_boundary() const {
    return awaits_header_ ? is_empty_ : decoder_.at_boundary();
  }

  /// The header of the connection, if one was expected and has arrived.
  ///
  /// Lifetime  The views in it are valid as long as the decoder.
  /// Cost      Reads it again.
  [[nodiscard]] std::optional<ProxyHeader> header() const {
    if (header_.empty()) return std::nullopt;
    ProxyHeaderDecoder again;
    again.feed(header_);
    return std::get<ProxyHeader>(*again.next());
  }

  [[nodiscard]] D& decoder() { return decoder_; }

 private:
  D decoder_;
  ProxyHeaderDecoder proxy_;
  std::vector<std::byte> header_;
  bool awaits_header_;
  bool is_empty_ = true;
};

}  // namespace protocols
