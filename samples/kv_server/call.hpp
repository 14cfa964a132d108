// A call of a command: its words, and where the reply goes. What all commands share.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "protocols/resp/encoder.hpp"
#include "protocols/resp/request.hpp"
#include "samples/kv_server/client.hpp"
#include "samples/kv_server/store.hpp"

namespace kv {

using protocols::resp::Words;

[[nodiscard]] inline char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
}

/// Whether `text` is `word`, which is in lower case, in any case.
[[nodiscard]] bool is_word(std::string_view text, std::string_view word);

/// False unless `text` is an integer as redis-server writes it: without leading zeros or a plus.
[[nodiscard]] bool read_integer(std::string_view text, std::int64_t& value);

class Call {
 public:
  Call(Store& store, const Statistics& statistics, Client& client, Words words,
       std::vector<std::byte>& out)
      : store_(store),
        statistics_(statistics),
        client_(client),
        words_(words),
        bytes_(out),
        out_(out, client.version) {}

  void refuse_unknown();
  void refuse_arity();

 protected:
  void ok(std::string_view text = "OK") { static_cast<void>(out_.simple(text)); }

  static constexpr std::size_t most_shown_bytes = 128;  // Of a word, in an error.

  Store& store_;
  const Statistics& statistics_;
  Client& client_;
  const Words words_;
  std::vector<std::byte>& bytes_;
  protocols::resp::Encoder out_;
};

/// A command in the words of redis-server: a positive arity is exact, a negative one the least.
struct Command {
  std::string_view name;
  int arity;
  void (*run)(Call& call);

  [[nodiscard]] bool fits(std::size_t words) const {
    return arity > 0 ? words == static_cast<std::size_t>(arity)
                     : words >= static_cast<std::size_t>(-arity);
  }
};

template <class Commands, void (Commands::*command)()>
void run(Call& call) {
  (Commands(call).*command)();
}

/// Those about keys, in the order of their names.
[[nodiscard]] std::span<const Command> key_commands();

/// Those about the connection and the server, in the order of their names.
[[nodiscard]] std::span<const Command> server_commands();

}  // namespace kv
