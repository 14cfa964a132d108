// What a user can say to file_client.
#pragma once

#include <tl/expected.hpp>

#include <string>
#include <vector>

namespace file_transfer {

/// One thing to do: a command for several files is several jobs.
struct Job {
  std::string command;
  std::string argument;
};

/// All commands, for people.
[[nodiscard]] const char* command_list();

/// What the words of a line, at least one, say; or what is wrong with them.
[[nodiscard]] tl::expected<std::vector<Job>, std::string> parse_command(
    const std::vector<std::string>& words);

/// `path` from the home on, for who is in the folder `from`: `..` and a leading `/` are the client's
/// business.
[[nodiscard]] std::string resolve(const std::string& from, const std::string& path);

}  // namespace file_transfer
