#include "reactor/result.hpp"

#include <cctype>
#include <utility>

namespace reactor {
namespace {

std::string hint_for(std::errc code, const std::string& operation) {
  const bool binding = operation == "bind" || operation == "listen";
  if (binding && code == std::errc::permission_denied) {
    return "ports below 1024 need CAP_NET_BIND_SERVICE";
  }
  if (binding && code == std::errc::address_in_use) return "another program listens there";
  if (binding && code == std::errc::address_not_available) return "no interface has this address";
  if (operation == "send" && code == std::errc::permission_denied) {
    return "a broadcast address needs the broadcast option";
  }
  if (operation == "watch" && code == std::errc::operation_not_permitted) {
    return "a regular file is always ready: just read it";
  }
  if (code == std::errc::too_many_files_open) return "raise the limit with ulimit -n";
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
  std::string hint = hint_for(static_cast<std::errc>(error_number), operation);
  return {code, std::move(operation), std::move(subject), std::move(hint)};
}

}  // namespace reactor
