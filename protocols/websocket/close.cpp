#include "protocols/websocket/close.hpp"

#include "protocols/error.hpp"

namespace protocols::inline v0::websocket {

std::uint16_t close_code_of(const std::error_code& decode_error) {
  if (decode_error == DecodeError::too_large) return close_code::too_big;
  if (decode_error == DecodeError::invalid_utf8 || decode_error == DecodeError::bad_deflate) {
    return close_code::invalid_data;
  }
  return close_code::protocol_error;
}

}  // namespace protocols::websocket
