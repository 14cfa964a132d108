// The options that every system has.
#include "reactor/socket_option.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

namespace reactor::inline v0::option {

const SocketOption<bool> reuse_address{"reuse_address", SOL_SOCKET, SO_REUSEADDR};
const SocketOption<int> send_buffer{"send_buffer", SOL_SOCKET, SO_SNDBUF};
const SocketOption<int> receive_buffer{"receive_buffer", SOL_SOCKET, SO_RCVBUF};
const SocketOption<bool> ipv6_only{"ipv6_only", IPPROTO_IPV6, IPV6_V6ONLY};
const SocketOption<int> ttl{"ttl", IPPROTO_IP, IP_TTL, IPPROTO_IPV6, IPV6_UNICAST_HOPS};
const SocketOption<bool> no_delay{"no_delay", IPPROTO_TCP, TCP_NODELAY};
const SocketOption<bool> accepting{"accepting", SOL_SOCKET, SO_ACCEPTCONN};
const SocketOption<Linger> linger{"linger", SOL_SOCKET, SO_LINGER};
const SocketOption<bool> keep_alive{"keep_alive", SOL_SOCKET, SO_KEEPALIVE};
const SocketOption<bool> broadcast{"broadcast", SOL_SOCKET, SO_BROADCAST};
const SocketOption<int> multicast_ttl{"multicast_ttl", IPPROTO_IP, IP_MULTICAST_TTL, IPPROTO_IPV6,
                                      IPV6_MULTICAST_HOPS};
const SocketOption<bool> multicast_loopback{"multicast_loopback", IPPROTO_IP, IP_MULTICAST_LOOP,
                                            IPPROTO_IPV6, IPV6_MULTICAST_LOOP};

}  // namespace reactor::option
