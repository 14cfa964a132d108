// The options that only some systems have.
#include "reactor/socket_option.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

namespace reactor::inline v0::option {

namespace {

// Every system refuses it.
constexpr int none = -1;

}  // namespace

#ifdef SO_REUSEPORT
const SocketOption<bool> reuse_port{"reuse_port", SOL_SOCKET, SO_REUSEPORT};
#else
const SocketOption<bool> reuse_port{"reuse_port", SOL_SOCKET, none};
#endif

#if defined(TCP_KEEPALIVE)
const SocketOption<seconds> keep_alive_idle{"keep_alive_idle", IPPROTO_TCP, TCP_KEEPALIVE};
#elif defined(TCP_KEEPIDLE)
const SocketOption<seconds> keep_alive_idle{"keep_alive_idle", IPPROTO_TCP, TCP_KEEPIDLE};
#else
const SocketOption<seconds> keep_alive_idle{"keep_alive_idle", IPPROTO_TCP, none};
#endif

#ifdef TCP_KEEPINTVL
const SocketOption<seconds> keep_alive_interval{"keep_alive_interval", IPPROTO_TCP, TCP_KEEPINTVL};
const SocketOption<int> keep_alive_count{"keep_alive_count", IPPROTO_TCP, TCP_KEEPCNT};
#else
const SocketOption<seconds> keep_alive_interval{"keep_alive_interval", IPPROTO_TCP, none};
const SocketOption<int> keep_alive_count{"keep_alive_count", IPPROTO_TCP, none};
#endif

#ifdef TCP_NOTSENT_LOWAT
const SocketOption<int> unsent_low_water{"unsent_low_water", IPPROTO_TCP, TCP_NOTSENT_LOWAT};
#else
const SocketOption<int> unsent_low_water{"unsent_low_water", IPPROTO_TCP, none};
#endif

#ifdef IP_PKTINFO
const SocketOption<bool> packet_info{"packet_info", IPPROTO_IP, IP_PKTINFO, IPPROTO_IPV6,
                                     IPV6_RECVPKTINFO};
#else
const SocketOption<bool> packet_info{"packet_info", IPPROTO_IP, none, IPPROTO_IPV6,
                                     IPV6_RECVPKTINFO};
#endif

#ifdef SO_TIMESTAMP
const SocketOption<bool> receive_timestamps{"receive_timestamps", SOL_SOCKET, SO_TIMESTAMP};
#else
const SocketOption<bool> receive_timestamps{"receive_timestamps", SOL_SOCKET, none};
#endif

const SocketOption<milliseconds> user_timeout{"user_timeout", IPPROTO_TCP, none};
const SocketOption<bool> error_queue{"error_queue", SOL_SOCKET, none};
const SocketOption<bool> udp_gro{"udp_gro", SOL_SOCKET, none};

}  // namespace reactor::option
