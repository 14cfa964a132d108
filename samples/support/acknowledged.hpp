// How far a client has come with reading.
#pragma once

#include <cstdint>
#include <optional>

namespace samples {

/// How many bytes the peer has received since it connected; nothing where all that was sent has
/// been received, or nobody knows, as of a unix socket.
[[nodiscard]] std::optional<std::uint64_t> acknowledged_while_sending(int fd);

}  // namespace samples
