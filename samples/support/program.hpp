// What every sample program shares: its command line, its first line of output, its end.
#pragma once

#include <functional>
#include <vector>

#include "reactor/address.hpp"
#include "samples/support/command_line.hpp"
#include "samples/support/failed.hpp"

namespace samples {

/// Parses the command line and runs the program. Returns 0 when `program` returns; 1 when it throws
/// Failed or its output could not be written; 2 when the command line is wrong or the Failed is of
/// a malformed endpoint. Opens /dev/null in place of a closed standard descriptor.
int run_program(CommandLine& command_line, int count, char** words,
                const std::function<void()>& program);

/// Prints the line by which scripts know that a server is ready: `listening on 127.0.0.1:9000`.
void announce(const reactor::Address& address);
void announce_all(const std::vector<reactor::Address>& addresses);

}  // namespace samples
