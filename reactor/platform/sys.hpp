// The calls of this thread's platform, one object each: sys::send(…). Internal.
#pragma once

#include <utility>

#include "reactor/platform/platform.hpp"

namespace reactor::inline v0::platform {

template <auto real, auto replacing>
struct Call;

/// Calls `real` on the kernel, `replacing` on another platform.
template <class Result, class... Arguments, Result (*real)(Arguments...),
          Result (Platform::*replacing)(Arguments...)>
struct Call<real, replacing> {
  Result operator()(Arguments... arguments) const {
    if (replacement) [[unlikely]]
      return replaced(std::forward<Arguments>(arguments)...);
    return real(std::forward<Arguments>(arguments)...);
  }

 private:
  // A separate function, so that the kernel's path loads nothing for it.
  [[gnu::cold, gnu::noinline]] static Result replaced(Arguments... arguments) {
    return (replacement->*replacing)(std::forward<Arguments>(arguments)...);
  }
};

inline constexpr Call<kernel::socket, &Platform::socket> socket;
inline constexpr Call<kernel::socketpair, &Platform::socketpair> socketpair;
inline constexpr Call<kernel::pipe, &Platform::pipe> pipe;
inline constexpr Call<kernel::bind, &Platform::bind> bind;
inline constexpr Call<kernel::listen, &Platform::listen> listen;
inline constexpr Call<kernel::accept, &Platform::accept> accept;
inline constexpr Call<kernel::connect, &Platform::connect> connect;
inline constexpr Call<kernel::shutdown, &Platform::shutdown> shutdown;
inline constexpr Call<kernel::close, &Platform::close> close;
inline constexpr Call<kernel::recv, &Platform::recv> recv;
inline constexpr Call<kernel::send, &Platform::send> send;
inline constexpr Call<kernel::sendmsg, &Platform::sendmsg> sendmsg;
inline constexpr Call<kernel::recvmsg, &Platform::recvmsg> recvmsg;
inline constexpr Call<kernel::sendfile, &Platform::sendfile> sendfile;
inline constexpr Call<kernel::recvmmsg, &Platform::recvmmsg> recvmmsg;
inline constexpr Call<kernel::sendmmsg, &Platform::sendmmsg> sendmmsg;
inline constexpr Call<kernel::getsockopt, &Platform::getsockopt> getsockopt;
inline constexpr Call<kernel::setsockopt, &Platform::setsockopt> setsockopt;
inline constexpr Call<kernel::getsockname, &Platform::getsockname> getsockname;
inline constexpr Call<kernel::getpeername, &Platform::getpeername> getpeername;
inline constexpr Call<kernel::peer_credentials, &Platform::peer_credentials> peer_credentials;
inline constexpr Call<kernel::fcntl, &Platform::fcntl> fcntl;
inline constexpr Call<kernel::unsent_bytes, &Platform::unsent_bytes> unsent_bytes;
inline constexpr Call<kernel::pread, &Platform::pread> pread;
inline constexpr Call<kernel::lstat, &Platform::lstat> lstat;
inline constexpr Call<kernel::unlink, &Platform::unlink> unlink;

inline constexpr Call<kernel::new_poller, &Platform::new_poller> new_poller;
inline constexpr Call<kernel::steady_now, &Platform::steady_now> steady_now;
inline constexpr Call<kernel::wall_now, &Platform::wall_now> wall_now;

inline constexpr Call<kernel::getaddrinfo, &Platform::getaddrinfo> getaddrinfo;
inline constexpr Call<kernel::getnameinfo, &Platform::getnameinfo> getnameinfo;
inline constexpr Call<kernel::queue_work, &Platform::queue_work> queue_work;
inline constexpr Call<kernel::cancel_work, &Platform::cancel_work> cancel_work;
inline constexpr Call<kernel::run_detached, &Platform::run_detached> run_detached;
inline constexpr Call<kernel::random_bytes, &Platform::random_bytes> random_bytes;
inline constexpr Call<kernel::hash_seeds, &Platform::hash_seeds> hash_seeds;

}  // namespace reactor::platform

namespace reactor::inline v0 {
namespace sys = platform;
}
