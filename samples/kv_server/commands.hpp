// What the server does for each command.
#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

#include "protocols/resp/request.hpp"
#include "samples/kv_server/client.hpp"
#include "samples/kv_server/store.hpp"

namespace kv {

/// Appends the reply to `out`. The texts of errors are those of redis-server.
void run_command(Store& store, const Statistics& statistics, Client& client,
                 protocols::resp::Words words, std::vector<std::byte>& out);

/// True for a command that a browser sends when a page makes it post to this port.
[[nodiscard]] bool is_http(std::string_view command);

}  // namespace kv
