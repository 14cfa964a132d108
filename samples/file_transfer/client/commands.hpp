// The commands of file_client.
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

/// The jobs that the words of a line (at least one) request, or what is wrong with the words.
[[nodiscard]] tl::expected<std::vector<Job>, std::string> parse_command(
    const std::vector<std::string>& words);

/// `path` as a path from the home, for a user in the folder `from`. The client resolves `..` and a
/// leading `/`: the server refuses both.
[[nodiscard]] std::string resolve(const std::string& from, const std::string& path);

}  // namespace file_transfer
