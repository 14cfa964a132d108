#include "reactor/interfaces.hpp"

#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>

#include <cerrno>
#include <memory>
#include <utility>

namespace reactor::inline v0 {

Result<std::vector<Interface>> interfaces() {
  ifaddrs* list = nullptr;
  if (getifaddrs(&list) != 0) return Failure(system_error(errno, "list network interfaces"));
  const std::unique_ptr<ifaddrs, decltype(&freeifaddrs)> owner(list, &freeifaddrs);

  std::vector<Interface> found;
  for (const ifaddrs* entry = list; entry; entry = entry->ifa_next) {
    if (!entry->ifa_addr) continue;
    const int family = entry->ifa_addr->sa_family;
    if (family != AF_INET && family != AF_INET6) continue;

    Interface interface;
    interface.name = entry->ifa_name;
    interface.index = if_nametoindex(entry->ifa_name);
    interface.is_up = (entry->ifa_flags & IFF_UP) != 0;
    interface.address = Address::from(
        entry->ifa_addr, family == AF_INET ? sizeof(sockaddr_in) : sizeof(sockaddr_in6));
    if (family == AF_INET && (entry->ifa_flags & IFF_BROADCAST) && entry->ifa_broadaddr) {
      interface.broadcast = Address::from(entry->ifa_broadaddr, sizeof(sockaddr_in));
      interface.can_broadcast = true;
    }
    found.push_back(std::move(interface));
  }
  return found;
}

}  // namespace reactor
