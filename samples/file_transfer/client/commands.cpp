#include "samples/file_transfer/client/commands.hpp"

#include <algorithm>
#include <map>
#include <string_view>

namespace file_transfer {
namespace {

enum class Arguments : unsigned char { none, at_most_one, some };

const std::map<std::string_view, Arguments> commands = {
    {"put", Arguments::some},       {"get", Arguments::some},   {"rm", Arguments::some},
    {"mkdir", Arguments::some},     {"rmdir", Arguments::some}, {"ls", Arguments::at_most_one},
    {"cd", Arguments::at_most_one}, {"pwd", Arguments::none},   {"quota", Arguments::none},
    {"help", Arguments::none},      {"quit", Arguments::none},  {"exit", Arguments::none},
};

bool fits(Arguments arguments, std::size_t count) {
  if (arguments == Arguments::some) return count > 0;
  return count <= (arguments == Arguments::none ? 0U : 1U);
}

}  // namespace

const char* command_list() {
  return "put FILE…, get FILE…, ls [FOLDER], cd [FOLDER], pwd, mkdir FOLDER, rm FILE, rmdir "
         "FOLDER, "
         "quota, help, quit, exit";
}

tl::expected<std::vector<Job>, std::string> parse_command(const std::vector<std::string>& words) {
  const std::string& command = words.front();
  const auto known = commands.find(command);
  if (known == commands.end()) {
    return tl::unexpected("there is no " + command + ", but " + command_list());
  }
  if (!fits(known->second, words.size() - 1)) {
    return tl::unexpected(std::string("so they are said: ") + command_list());
  }
  if (words.size() == 1) return std::vector{Job{command, command == "cd" ? "/" : ""}};
  std::vector<Job> jobs;
  for (std::size_t at = 1; at < words.size(); ++at) jobs.push_back({command, words[at]});
  return jobs;
}

std::string resolve(const std::string& from, const std::string& path) {
  std::vector<std::string> names;
  const std::string whole = path.starts_with('/') ? path : from + "/" + path;
  for (std::size_t at = 0; at <= whole.size();) {
    const std::size_t end = std::min(whole.find('/', at), whole.size());
    const std::string name = whole.substr(at, end - at);
    if (name == ".." && !names.empty()) names.pop_back();
    if (!name.empty() && name != "." && name != "..") names.push_back(name);
    at = end + 1;
  }
  std::string resolved;
  for (const std::string& name : names) resolved += (resolved.empty() ? "" : "/") + name;
  return resolved;
}

}  // namespace file_transfer
