// The options that POSIX does not have, on Linux.
#include "reactor/socket_option.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>
#include <sys/socket.h>

namespace reactor::inline v0::option {

const SocketOption<bool> reuse_port{"reuse_port", SOL_SOCKET, SO_REUSEPORT};
const SocketOption<seconds> keep_alive_idle{"keep_alive_idle", IPPROTO_TCP, TCP_KEEPIDLE};
const SocketOption<seconds> keep_alive_interval{"keep_alive_interval", IPPROTO_TCP, TCP_KEEPINTVL};
const SocketOption<int> keep_alive_count{"keep_alive_count", IPPROTO_TCP, TCP_KEEPCNT};
const SocketOption<int> unsent_low_water{"unsent_low_water", IPPROTO_TCP, TCP_NOTSENT_LOWAT};
const SocketOption<milliseconds> user_timeout{"user_timeout", IPPROTO_TCP, TCP_USER_TIMEOUT};
const SocketOption<bool> packet_info{"packet_info", IPPROTO_IP, IP_PKTINFO, IPPROTO_IPV6,
                                     IPV6_RECVPKTINFO};
const SocketOption<bool> error_queue{"error_queue", IPPROTO_IP, IP_RECVERR, IPPROTO_IPV6,
                                     IPV6_RECVERR};
const SocketOption<bool> receive_timestamps{"receive_timestamps", SOL_SOCKET, SO_TIMESTAMPNS};
const SocketOption<bool> udp_gro{"udp_gro", SOL_UDP, UDP_GRO};

}  // namespace reactor::option
