// Finds the functions of a session that its server would never call, because they are misspelt or
// have other parameters. Each is a compile error, whose text states what to write.
#pragma once

#include <concepts>
#include <cstddef>
#include <span>
#include <system_error>
#include <type_traits>

#include "reactor/result.hpp"
#include "reactor/tls_context.hpp"

namespace reactor::inline v0 {

/// In place of a decoder: the session receives the bytes as they arrive.
struct NoDecoder {};

struct Datagram;

/// A Session whose on_frame(frame, decoder) also gets the decoder of its connection, to change its
/// settings, or to pass the bytes that it left over to a decoder of another kind:
///
///     void on_frame(std::string_view line, protocols::LineDecoder& lines) {
///       if (line == "BINARY") binary.emplace(stream, Binary(), on_message(), lines.rest());
///     }
///     std::optional<reactor::Framed<Binary>> binary;
///
/// After that, no on_frame, on_end or on_decode_error of the session is called.
template <class Session, class D>
concept TakesDecoder = requires(Session session, const typename D::Frame& frame, D& decoder) {
  session.on_frame(frame, decoder);
};

/// What a Session must have: on_data(bytes), or with a decoder on_frame(frame) or
/// on_frame(frame, decoder). It may also have on_end(), on_drained(), on_secured(const TlsInfo&)
/// and on_close(const Error&), with the same meaning as on Stream; with a decoder
/// on_decode_error(std::error_code), with the same meaning as on Framed; finish(), by which drain()
/// requests it to end soon; and on_idle(), which is called instead of closing a connection that was
/// idle for ServerOptions::idle_timeout, and again after the same time. All are public.
///
/// The address of a Session and of its Stream never changes: a Session may be immovable, and
/// register `this` in its constructor. The constructor may also write, and close the stream:
/// on_close follows in any case. It must not set callbacks of the stream, which belong to the
/// Server. If it throws, the connection is reset.
template <class Session, class D>
concept SessionOf =
    (std::same_as<D, NoDecoder> &&
     requires(Session session, std::span<const std::byte> bytes) { session.on_data(bytes); }) ||
    TakesDecoder<Session, D> ||
    requires(Session session, const typename D::Frame& frame) { session.on_frame(frame); };

/// What a Session of a UdpServer must have, public: on_datagram(const Datagram&). Its address and
/// that of its UdpPeer never change; its constructor may send, register `this`, and close the peer.
template <class Session>
concept DatagramSession =
    requires(Session session, const Datagram& datagram) { session.on_datagram(datagram); };

/// Names that a session may give to a member. Each is a class with one member of that name, which
/// is ambiguous in a class that also derives from a session with such a member.
namespace hook {

struct on_close {
  int on_close;
  template <class T>
  static constexpr bool is_clear = requires { &T::on_close; };
};
struct on_closed {
  int on_closed;
  template <class T>
  static constexpr bool is_clear = requires { &T::on_closed; };
};
struct on_decode_error {
  int on_decode_error;
  template <class T>
  static constexpr bool is_clear = requires { &T::on_decode_error; };
};
struct on_drain {
  int on_drain;
  template <class T>
  static constexpr bool is_clear = requires { &T::on_drain; };
};
struct on_drained {
  int on_drained;
  template <class T>
  static constexpr bool is_clear = requires { &T::on_drained; };
};
struct on_end {
  int on_end;
  template <class T>
  static constexpr bool is_clear = requires { &T::on_end; };
};
struct on_ended {
  int on_ended;
  template <class T>
  static constexpr bool is_clear = requires { &T::on_ended; };
};
struct on_finish {
  int on_finish;
  template <class T>
  static constexpr bool is_clear = requires { &T::on_finish; };
};
struct on_finished {
  int on_finished;
  template <class T>
  static constexpr bool is_clear = requires { &T::on_finished; };
};
struct on_idle {
  int on_idle;
  template <class T>
  static constexpr bool is_clear = requires { &T::on_idle; };
};
struct on_secured {
  int on_secured;
  template <class T>
  static constexpr bool is_clear = requires { &T::on_secured; };
};
struct finish {
  int finish;
  template <class T>
  static constexpr bool is_clear = requires { &T::finish; };
};

template <class Session, class Name>
struct Joined : Session, Name {};

/// Whether Session has a member of that name, of any kind and any access. For a final class it
/// finds only a public function with one overload.
template <class Session, class Name>
constexpr bool in() {
  if constexpr (std::is_final_v<Session>) {
    return Name::template is_clear<Session>;
  } else {
    return !Name::template is_clear<Joined<Session, Name>>;
  }
}

}  // namespace hook

/// Fails to compile if a Server with decoder D would never call a hook of Session.
template <class Session, class D>
constexpr bool check_hooks_of_session() {
  using hook::in;
  static_assert(!std::same_as<D, NoDecoder> || SessionOf<Session, D>,
                "a Server's session needs a public `void on_data(std::span<const std::byte>)`; "
                "on_frame is for a Server with a decoder");
  static_assert(std::same_as<D, NoDecoder> || SessionOf<Session, D>,
                "with a decoder D, a Server's session needs a public "
                "`void on_frame(const D::Frame&)`, which may also take the decoder: "
                "`void on_frame(const D::Frame&, D&)`");
  static_assert(!std::same_as<D, NoDecoder> || !in<Session, hook::on_decode_error>(),
                "a session's on_decode_error is never called by a Server without a decoder");
  static_assert(
      !in<Session, hook::on_decode_error>() ||
          requires(Session& session) { session.on_decode_error(std::error_code()); },
      "a session's on_decode_error is never called unless it is public and takes the error: "
      "`void on_decode_error(std::error_code)`");
  static_assert(
      !in<Session, hook::on_end>() || requires(Session& session) { session.on_end(); },
      "a session's on_end is never called unless it is public and takes nothing: "
      "`void on_end()`");
  static_assert(
      !in<Session, hook::on_drained>() || requires(Session& session) { session.on_drained(); },
      "a session's on_drained is never called unless it is public and takes nothing: "
      "`void on_drained()`");
  static_assert(
      !in<Session, hook::on_close>() ||
          requires(Session& session, const Error& error) { session.on_close(error); },
      "a session's on_close is never called unless it is public and takes the error: "
      "`void on_close(const reactor::Error&)`");
  static_assert(
      !in<Session, hook::on_idle>() || requires(Session& session) { session.on_idle(); },
      "a session's on_idle is never called unless it is public and takes nothing: "
      "`void on_idle()`");
  static_assert(
      !in<Session, hook::on_secured>() ||
          requires(Session& session, const TlsInfo& info) { session.on_secured(info); },
      "a session's on_secured is never called unless it is public and takes the information: "
      "`void on_secured(const reactor::TlsInfo&)`");
  static_assert(
      !in<Session, hook::finish>() || requires(Session& session) { session.finish(); },
      "a session's finish is never called unless it is public and takes nothing: "
      "`void finish()`");
  static_assert(!in<Session, hook::on_drain>(),
                "a session's on_drain is never called; the hook is `void on_drained()`");
  static_assert(!in<Session, hook::on_closed>(),
                "a session's on_closed is never called; the hook is "
                "`void on_close(const reactor::Error&)`");
  static_assert(!in<Session, hook::on_ended>(),
                "a session's on_ended is never called; the hook is `void on_end()`");
  static_assert(!in<Session, hook::on_finish>() && !in<Session, hook::on_finished>(),
                "a session's on_finish or on_finished is never called; the hook is "
                "`void finish()`");
  return true;
}

/// The same for a UdpServer, whose sessions have one hook and their destructor.
template <class Session>
constexpr bool check_hooks_of_datagram_session() {
  using hook::in;
  static_assert(DatagramSession<Session>,
                "a UdpServer's session needs a public "
                "`void on_datagram(const reactor::Datagram&)`");
  static_assert(!in<Session, hook::on_close>() && !in<Session, hook::on_closed>(),
                "a UdpServer never calls on_close or on_closed; its session's destructor runs "
                "when the session ends");
  static_assert(!in<Session, hook::on_end>() && !in<Session, hook::on_ended>(),
                "a UdpServer never calls on_end or on_ended: datagrams have no end");
  static_assert(!in<Session, hook::on_drained>() && !in<Session, hook::on_drain>(),
                "a UdpServer never calls on_drained or on_drain; see what UdpPeer::send returns");
  return true;
}

}  // namespace reactor
