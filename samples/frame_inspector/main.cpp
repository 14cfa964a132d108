// Cuts a captured byte stream into frames and prints one JSON object a line for each, then one that
// reports how the stream ended. The output is the same however the stream is cut into pieces.
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <functional>
#include <random>

#include "reactor/result.hpp"
#include "samples/frame_inspector/inspector.hpp"
#include "samples/support/command_line.hpp"

namespace {

using inspector::Config;
using inspector::Ending;
using inspector::Json;
using inspector::WrongSetting;

constexpr std::size_t largest_read = 65536;
constexpr std::size_t random_chunks_up_to = 2000;

struct Failure : std::runtime_error {
  explicit Failure(const char* operation, const std::string& subject = {})
      : std::runtime_error(reactor::system_error(errno, operation, subject).message()) {}
};

const inspector::Protocol& find_protocol(const std::string& name) {
  for (const auto& protocol : inspector::protocols_known()) {
    if (protocol.name == name) return protocol;
  }
  throw WrongSetting("no protocol is named " + name + "; --list shows which there are");
}

/// `--config JSON` with each `--option KEY=VALUE` on top. A VALUE is a text if it is not JSON, or
/// not of the required kind: base64 may look like a number.
Json settings(const Json& defaults, const std::string& config,
              const std::vector<std::string>& options) {
  Json given = Json::parse(config, nullptr, false);
  if (!given.is_object()) throw WrongSetting("--config wants a JSON object, not " + config);
  for (const std::string& option : options) {
    const std::size_t equals = option.find('=');
    if (equals == option.npos) throw WrongSetting("--option wants KEY=VALUE, not " + option);
    const std::string name = option.substr(0, equals);
    const std::string value = option.substr(equals + 1);
    const Json wanted = defaults.value(name, Json());
    Json parsed = Json::parse(value, nullptr, false);
    const bool wants_text = wanted.is_string() || wanted.is_array();
    if (parsed.is_discarded() || (wants_text && parsed.is_primitive() && !parsed.is_string())) {
      parsed = value;
    }
    given[name] = std::move(parsed);
  }
  return given;
}

/// How many bytes to feed at a time, as `--chunk` requests; 0: as many as a read returns.
std::function<std::size_t()> chunk_sizes(const std::string& chunk) {
  if (chunk.empty()) return [] { return std::size_t{0}; };
  const bool random = chunk.starts_with("random:");
  const std::string digits = random ? chunk.substr(std::strlen("random:")) : chunk;
  const Json number = Json::parse(digits, nullptr, false);
  if (!number.is_number_unsigned() || (!random && number == 0)) {
    throw WrongSetting("--chunk wants a number of bytes or random:SEED, not " + chunk);
  }
  const auto value = number.get<std::uint64_t>();
  if (!random) return [value] { return value; };
  return [engine = std::mt19937_64(value)]() mutable {
    return 1 + engine() % (1 + engine() % random_chunks_up_to);
  };
}

/// Reads up to `size` bytes, and fewer only at the end of the file.
void read_chunk(int file, const std::string& path, std::size_t size, std::vector<char>& chunk) {
  const bool as_read = size == 0;
  if (as_read) size = largest_read;
  chunk.clear();
  while (chunk.size() < size) {
    const std::size_t begin = chunk.size();
    chunk.resize(begin + std::min(size - begin, largest_read));
    const ssize_t got = read(file, chunk.data() + begin, chunk.size() - begin);
    if (got < 0 && errno != EINTR) throw Failure("read", path == "-" ? "standard input" : path);
    chunk.resize(begin + static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
    if (got == 0 || (as_read && got > 0)) return;
  }
}

void print(std::string& lines) {
  std::fwrite(lines.data(), 1, lines.size(), stdout);
  if (std::fflush(stdout) != 0) throw Failure("write");
  lines.clear();
}

Ending inspect(inspector::Inspector& stream, int file, const std::string& path,
               const std::function<std::size_t()>& next_size) {
  std::vector<char> chunk;
  std::string lines;
  for (;;) {
    read_chunk(file, path, next_size(), chunk);
    if (chunk.empty()) break;
    stream.feed(std::as_bytes(std::span(chunk)), lines);
    print(lines);
  }
  const Ending ending = stream.end(lines);
  print(lines);
  return ending;
}

int exit_code(Ending ending) {
  switch (ending) {
    case Ending::incomplete:
      return 3;
    case Ending::error:
      return 4;
    default:
      return 0;
  }
}

}  // namespace

int main(int count, char** words) {
  samples::CommandLine command_line{
      "Cuts a captured byte stream into frames: one JSON object a line for each, and a last one\n"
      "that states how the stream ended: clean, incomplete, error, close, tunnel or ok.\n"
      "Example: printf 'hello\\nworld\\nun' | "
      "frame_inspector --protocol delimiter --option mode=line"};
  std::string name, config = "{}", chunk, path = "-";
  std::vector<std::string> options;
  bool list = false;
  command_line.add_flag("--list", list, "Print the protocols with their settings and defaults");
  command_line.add_option("--protocol", name, "What the stream speaks").type_name("NAME");
  command_line.add_option("--config", config, "All settings at once").type_name("JSON");
  command_line.add_option("--option", options, "One setting; repeatable")
      .type_name("KEY=VALUE")
      .one_value_each();
  command_line
      .add_option("--chunk", chunk, "Feed N bytes at a time, or random:SEED (default: as read)")
      .type_name("N");
  command_line.add_option("FILE", path, "The stream; - is standard input");
  if (const auto status = command_line.parse(count, words)) return *status;

  try {
    if (list) {
      std::string lines;
      for (const auto& protocol : inspector::protocols_known()) {
        std::string name_column(protocol.name);
        name_column.resize(20, ' ');
        lines += name_column + ' ' + protocol.defaults.dump() + '\n';
      }
      print(lines);
      return 0;
    }
    if (name.empty()) throw WrongSetting("--protocol has to be given");
    const inspector::Protocol& protocol = find_protocol(name);
    const auto stream =
        protocol.inspect(Config(protocol.defaults, settings(protocol.defaults, config, options)));
    const auto next_size = chunk_sizes(chunk);
    const int file = path == "-" ? STDIN_FILENO : open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (file < 0) throw Failure("open", path);
    return exit_code(inspect(*stream, file, path, next_size));
  } catch (const WrongSetting& wrong) {
    std::fprintf(stderr, "error: %s\n", wrong.what());
    return 2;
  } catch (const Failure& failure) {
    std::fprintf(stderr, "error: %s\n", failure.what());
    return 1;
  }
}
