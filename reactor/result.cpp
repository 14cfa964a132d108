#include "reactor/result.hpp"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>

#include <cctype>
#include <charconv>
#include <cstring>
#include <string_view>
#include <utility>

namespace reactor::inline v0 {
namespace {

// The object of an error, as far as its hint depends on it.
enum class About : unsigned char { anything, unix_socket, internet, privileged_port, broadcast };

struct Hint {
  std::string_view operation;  // Any, if empty.
  std::errc code;
  About about;
  std::string_view text;
};

constexpr std::string_view no_right_to_socket =
    "this user may not write to the socket, or not enter its directory";
constexpr std::string_view connected_elsewhere = "the receiver is connected to another socket";
constexpr std::string_view needs_broadcast = "a broadcast address needs the broadcast option";
constexpr std::string_view prohibited = "a route of this host prohibits it";
constexpr std::string_view firewall = "a firewall of this host forbids it";

// The first that matches is used.
constexpr Hint hints[] = {
    {"bind", std::errc::permission_denied, About::unix_socket,
     "this user may not create files in its directory"},
    {"bind", std::errc::permission_denied, About::privileged_port,
     "ports below 1024 need CAP_NET_BIND_SERVICE"},
    {"bind", std::errc::no_such_file_or_directory, About::unix_socket,
     "its directory does not exist"},
    {"bind", std::errc::address_in_use, About::anything, "another program listens there"},
    {"bind", std::errc::address_not_available, About::internet, "no interface has this address"},
    {"listen", std::errc::address_in_use, About::anything, "another program listens there"},
    {"connect", std::errc::permission_denied, About::unix_socket, no_right_to_socket},
    {"connect", std::errc::permission_denied, About::broadcast, needs_broadcast},
    {"connect", std::errc::permission_denied, About::internet, prohibited},
    {"connect", std::errc::operation_not_permitted, About::unix_socket, connected_elsewhere},
    {"connect", std::errc::operation_not_permitted, About::internet, firewall},
    {"connect", std::errc::network_unreachable, About::broadcast,
     "only datagrams are sent to a broadcast address"},
    {"send", std::errc::permission_denied, About::unix_socket, no_right_to_socket},
    {"send", std::errc::permission_denied, About::broadcast, needs_broadcast},
    {"send", std::errc::permission_denied, About::internet, prohibited},
    {"send", std::errc::operation_not_permitted, About::unix_socket, connected_elsewhere},
    {"send", std::errc::operation_not_permitted, About::internet, firewall},
    {"send", std::errc::message_size, About::unix_socket,
     "longer than the send_buffer option allows"},
    {"send", std::errc::message_size, About::internet,
     "longer than any datagram, or than the link takes whole"},
    {"join multicast group", std::errc::no_such_device, About::anything,
     "name an interface: no route to choose by"},
    {"join multicast group", std::errc::address_in_use, About::anything, "joined already"},
    {"watch", std::errc::operation_not_permitted, About::anything,
     "a regular file is always ready: just read it"},
    {"", std::errc::too_many_files_open, About::anything, "raise the limit with ulimit -n"},
    {"", std::errc::network_unreachable, About::internet, "this host has no route there"},
};

bool is_unix(std::string_view subject) { return subject.starts_with("unix:"); }

// The digits after the last colon; 0 if there are none.
unsigned port_of(std::string_view subject) {
  unsigned port = 0;
  const std::string_view digits = subject.substr(subject.rfind(':') + 1);
  std::from_chars(digits.data(), digits.data() + digits.size(), port);
  return port;
}

// The IPv4 address in `1.2.3.4:80` or `[::ffff:1.2.3.4]:80`, in network byte order.
bool read_ipv4(std::string_view subject, in_addr_t& address) {
  constexpr std::string_view mapped = "[::ffff:";
  if (subject.starts_with(mapped)) subject.remove_prefix(mapped.size());
  const std::string host(subject.substr(0, subject.find_first_of("]:")));
  return inet_pton(AF_INET, host.c_str(), &address) == 1;
}

bool is_broadcast_of(const ifaddrs& entry, in_addr_t address) {
  if (!entry.ifa_addr || entry.ifa_addr->sa_family != AF_INET || !entry.ifa_netmask) return false;
  sockaddr_in local, mask;
  std::memcpy(&local, entry.ifa_addr, sizeof local);
  std::memcpy(&mask, entry.ifa_netmask, sizeof mask);
  const in_addr_t hosts = ~mask.sin_addr.s_addr;
  // Networks of one or two addresses have no broadcast address.
  return ntohl(hosts) > 1 && (local.sin_addr.s_addr | hosts) == address;
}

// 255.255.255.255, or the last address of a network of this host.
bool is_broadcast(std::string_view subject) {
  in_addr_t address = 0;
  if (!read_ipv4(subject, address)) return false;
  if (address == INADDR_BROADCAST) return true;
  ifaddrs* interfaces = nullptr;
  if (getifaddrs(&interfaces) != 0) return false;
  bool found = false;
  for (const ifaddrs* entry = interfaces; entry && !found; entry = entry->ifa_next) {
    found = is_broadcast_of(*entry, address);
  }
  freeifaddrs(interfaces);
  return found;
}

bool is_about(About about, std::string_view subject) {
  switch (about) {
    case About::unix_socket:
      return is_unix(subject);
    case About::internet:
      return !is_unix(subject);
    case About::privileged_port:
      return !is_unix(subject) && port_of(subject) > 0 && port_of(subject) < 1024;
    case About::broadcast:
      return !is_unix(subject) && is_broadcast(subject);
    default:
      return true;
  }
}

std::string hint_for(std::errc code, const std::string& operation, const std::string& subject) {
  if (code == std::errc::invalid_argument && subject.starts_with("[fe80:") &&
      subject.find('%') == subject.npos) {
    return "a link-local address needs its interface: fe80::1%eth0";
  }
  for (const Hint& hint : hints) {
    if (hint.code == code && (hint.operation.empty() || hint.operation == operation) &&
        is_about(hint.about, subject)) {
      return std::string(hint.text);
    }
  }
  return {};
}

}  // namespace

std::string Error::message() const {
  std::string reason = code ? code.message() : "no error";
  // Texts of the C library begin in upper case; here they follow a colon.
  if (reason.size() > 1 && std::islower(static_cast<unsigned char>(reason[1]))) {
    reason[0] = static_cast<char>(std::tolower(static_cast<unsigned char>(reason[0])));
  }
  std::string text = operation;
  if (!subject.empty()) text += (text.empty() ? "" : " ") + subject;
  if (!text.empty()) text += ": ";
  text += reason;
  if (!hint.empty()) text += " (" + hint + ")";
  return text;
}

Error system_error(int error_number, std::string operation, std::string subject) {
  const std::error_code code(error_number, std::generic_category());
  std::string hint = hint_for(static_cast<std::errc>(error_number), operation, subject);
  return {code, std::move(operation), std::move(subject), std::move(hint)};
}

}  // namespace reactor
