// Names to addresses and addresses to names, without blocking the loop.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "reactor/address.hpp"
#include "reactor/callback.hpp"
#include "reactor/duration.hpp"
#include "reactor/handle.hpp"
#include "reactor/loop.hpp"
#include "reactor/result.hpp"

#pragma GCC visibility push(default)
namespace reactor::inline v0 {

/// What the name service answered instead of an address.
enum class ResolveError {
  not_found = 1,    ///< No such name, or none with an address of the family asked for.
  no_answer,        ///< The name servers did not answer, or could not; they may later.
  unknown_service,  ///< A port by a name that this host does not know.
  failed,           ///< The name servers refused, or answered nonsense.
};
[[nodiscard]] std::error_code make_error_code(ResolveError error);

/// What to look up, and for how long.
struct LookupOptions {
  Duration timeout = std::chrono::seconds(5);
  std::optional<Family> family = {};  ///< IPv4 or IPv6 only. Of no meaning for Lookup::name_of.
};

/// Looks up `HOST:PORT`: the host by name or numeric, the port by number or service name. What
/// Address::parse accepts is returned without a lookup. The addresses are in the order in which to
/// try them (RFC 8305 section 4): in the host's order of preference, IPv6 and IPv4 alternating.
///
///     auto lookup = Lookup::start(loop, "example.org:http",
///                               [&](Result<std::vector<Address>> found) { … });
///
/// Lifetime  Destroying the Lookup is final: no callback comes after it.
/// Thread    The loop's thread only. Where the library is built with c-ares, the loop itself asks:
///           first the hosts file, then the name servers of resolv.conf. Other sources that
///           nsswitch.conf may name are not asked, except for names of mDNS (`.local`). Without
///           c-ares, and for those names, a lookup blocks a thread that belongs to no loop. After a
///           timeout, or when the Lookup is destroyed, that thread may stay blocked until the name
///           service gives up; no destructor and no end of the process waits for it. At most 16
///           threads of a process look up names, further lookups wait for one of them.
class Lookup {
 public:
  using OnResolved = Callback<void(Result<std::vector<Address>>)>;

  /// Calls `on_resolved` exactly once, with at least one address or with the error, and never
  /// before start() has returned.
  ///
  /// Errors    invalid_argument: no HOST:PORT, a name of more than 253 bytes, one with a NUL, or an
  ///           IPv4 address that is not four decimal numbers (`0x7f000001`); timed_out;
  ///           ResolveError.
  [[nodiscard]] static Lookup start(Loop& loop, std::string_view endpoint, LookupOptions options,
                                    OnResolved on_resolved);
  [[nodiscard]] static Lookup start(Loop& loop, std::string_view endpoint, OnResolved on_resolved);

  using OnNamed = Callback<void(Result<std::string>)>;

  /// Looks up the name of the host that has `address`; the port is of no meaning.
  ///
  ///     auto lookup = Lookup::name_of(loop, peer, {}, [&](Result<std::string> name) {
  ///       log(name ? *name : peer.host());
  ///     });
  ///
  /// The owner of the address chooses its name: do not trust the name unless Lookup::start finds
  /// the address under it.
  ///
  /// Errors    ResolveError::not_found: it has no name, or is no IPv4 or IPv6 address; timed_out;
  ///           the other ResolveErrors.
  [[nodiscard]] static Lookup name_of(Loop& loop, const Address& address, LookupOptions options,
                                      OnNamed on_named);

 private:
  struct [[gnu::visibility("hidden")]] State;
  template <class Answer>
  struct [[gnu::visibility("hidden")]] StateFor;

  explicit Lookup(Handle<State> state) : state_(std::move(state)) {}

  Handle<State> state_;
};

/// The same for code that runs before the loop does. Blocks for names, for as long as the host's
/// configuration lets it; never for what Address::parse reads.
[[nodiscard]] Result<std::vector<Address>> resolve_now(std::string_view endpoint,
                                                       std::optional<Family> family = {});

/// `endpoint` with this port, for the one that a port 0 became: all addresses of the host, not only
/// the first. A unix path as it is.
///
///     with_port("localhost:0", server.address().port())  // "localhost:41234"
[[nodiscard]] std::string with_port(std::string_view endpoint, std::uint16_t port);

}  // namespace reactor

template <>
struct std::is_error_code_enum<reactor::ResolveError> : std::true_type {};
#pragma GCC visibility pop
