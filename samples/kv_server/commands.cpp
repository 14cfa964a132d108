#include "samples/kv_server/commands.hpp"

#include <algorithm>

#include "samples/kv_server/call.hpp"

namespace kv {
namespace {

constexpr std::size_t longest_name = 8;

[[nodiscard]] const Command* find_in(std::span<const Command> commands, std::string_view name) {
  const auto found = std::lower_bound(
      commands.begin(), commands.end(), name,
      [](const Command& command, std::string_view wanted) { return command.name < wanted; });
  return found != commands.end() && found->name == name ? &*found : nullptr;
}

[[nodiscard]] const Command* find_command(std::string_view name) {
  if (name.size() > longest_name) return nullptr;
  char buffer[longest_name];
  std::transform(name.begin(), name.end(), buffer, lower);
  const std::string_view lowered(buffer, name.size());
  const Command* const found = find_in(key_commands(), lowered);
  return found ? found : find_in(server_commands(), lowered);
}

}  // namespace

void run_command(Store& store, const Statistics& statistics, Client& client, Words words,
                 std::vector<std::byte>& out) {
  Call call(store, statistics, client, words, out);
  const Command* const command = find_command(words.front());
  if (!command) return call.refuse_unknown();
  if (!command->fits(words.size())) return call.refuse_arity();
  command->run(call);
}

bool is_http(std::string_view command) {
  return is_word(command, "post") || is_word(command, "host:");
}

}  // namespace kv
