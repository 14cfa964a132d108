#include "reactor/result.hpp"

#include <cctype>
#include <string_view>
#include <utility>

namespace reactor {
namespace {

struct Hint {
  std::string_view operation;  // Any, if empty.
  std::errc code;
  std::string_view text;
};

constexpr Hint hints[] = {
    {"bind", std::errc::permission_denied, "ports below 1024 need CAP_NET_BIND_SERVICE"},
    {"bind", std::errc::address_in_use, "another program listens there"},
    {"bind", std::errc::address_not_available, "no interface has this address"},
    {"listen", std::errc::address_in_use, "another program listens there"},
    {"connect", std::errc::permission_denied, "a broadcast address needs the broadcast option"},
    {"send", std::errc::permission_denied, "a broadcast address needs the broadcast option"},
    {"send", std::errc::operation_not_permitted, "a firewall of this host forbids it"},
    {"send", std::errc::message_size, "longer than any datagram, or than the link takes whole"},
    {"join multicast group", std::errc::no_such_device, "name an interface: no route to choose by"},
    {"join multicast group", std::errc::address_in_use, "joined already"},
    {"watch", std::errc::operation_not_permitted, "a regular file is always ready: just read it"},
    {"", std::errc::too_many_files_open, "raise the limit with ulimit -n"},
    {"", std::errc::network_unreachable, "this host has no route there"},
};

std::string hint_for(std::errc code, const std::string& operation, const std::string& subject) {
  if (code == std::errc::invalid_argument && subject.starts_with("[fe80:") &&
      subject.find('%') == subject.npos) {
    return "a link-local address needs its interface: fe80::1%eth0";
  }
  for (const Hint& hint : hints) {
    if (hint.code == code && (hint.operation.empty() || hint.operation == operation)) {
      return std::string(hint.text);
    }
  }
  return {};
}

}  // namespace

std::string Error::message() const {
  std::string reason = code ? code.message() : "no error";
  // The C library begins its texts in upper case; ours stand after a colon.
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
