#include "samples/kv_server/commands.hpp"

#include <algorithm>
#include <charconv>
#include <limits>

#include "reactor/version.hpp"

namespace kv {
namespace {

using protocols::resp::Encoder;
using protocols::resp::Type;
using protocols::resp::Version;
using protocols::resp::Words;
using Milliseconds = std::chrono::milliseconds;

constexpr std::string_view syntax_error = "ERR syntax error";
constexpr std::string_view no_integer = "ERR value is not an integer or out of range";
constexpr std::string_view out_of_memory =
    "OOM command not allowed when used memory > 'maxmemory'.";
constexpr std::int64_t longest_expiry = std::int64_t{100} * 365 * 24 * 3600 * 1000;  // In ms.

[[nodiscard]] char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }

[[nodiscard]] std::string in_lower_case(std::string_view text) {
  std::string lowered(text);
  std::transform(lowered.begin(), lowered.end(), lowered.begin(), lower);
  return lowered;
}

// Whether `text` is this word in any case.
[[nodiscard]] bool is_word(std::string_view text, std::string_view word) {
  return text.size() == word.size() && std::equal(text.begin(), text.end(), word.begin(),
                                                  [](char a, char b) { return lower(a) == b; });
}

[[nodiscard]] bool read_integer(std::string_view text, std::int64_t& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size() && !text.starts_with("-0") &&
         (text.size() == 1 || text.front() != '0');
}

// A call of a command: its words, and where the reply goes.
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

  void ping() {
    if (words_.size() > 2) return wrong_arity("ping");
    words_.size() == 1 ? ok("PONG") : out_.bulk(words_[1]);
  }
  void echo() { out_.bulk(words_[1]); }

  void get() { bulk_or_null(store_.find(words_[1])); }

  void set() {
    Conditions conditions;
    for (std::size_t i = 3; i < words_.size(); ++i) {
      if (!read_condition(i, conditions)) return;
    }
    if ((conditions.if_new && conditions.if_there) || (conditions.keeps_ttl && conditions.expiry)) {
      return out_.error(syntax_error);
    }
    if (words_.size() == 3) return set_always();
    const std::string* const before = store_.find(words_[1]);
    const bool is_allowed = before ? !conditions.if_new : !conditions.if_there;
    const std::string old = conditions.gets && before ? *before : std::string();
    const bool had_value = before != nullptr;
    if (is_allowed) {
      const auto expiry = conditions.keeps_ttl ? Store::Expiry::kept : Store::Expiry::removed;
      if (!store_.set(words_[1], words_[2], expiry)) return out_.error(out_of_memory);
      if (conditions.expiry) store_.set_expiry(words_[1], conditions.expiry);
    }
    if (conditions.gets) return had_value ? out_.bulk(old) : out_.null();
    is_allowed ? ok("OK") : out_.null();
  }

  void setnx() {
    const bool is_new = !store_.find(words_[1]);
    if (is_new && !store_.set(words_[1], words_[2], Store::Expiry::removed))
      return out_.error(out_of_memory);
    out_.integer(is_new ? 1 : 0);
  }

  void del() {
    count([this](std::string_view key) { return store_.erase(key); });
  }
  void exists() {
    count([this](std::string_view key) { return store_.find(key) != nullptr; });
  }

  void mget() {
    std::size_t bytes = 0;
    for (std::string_view key : words_.subspan(1)) {
      const std::string* const value = store_.find(key);
      bytes += 32 + (value ? value->size() : 0);
    }
    if (bytes > max_reply_bytes) return out_.error("ERR the reply is too long");
    out_.begin(Type::array, words_.size() - 1);
    for (std::string_view key : words_.subspan(1)) bulk_or_null(store_.find(key));
  }

  void mset() {
    if (words_.size() % 2 == 0) return wrong_arity("mset");
    std::size_t bytes = 0;
    for (std::string_view word : words_.subspan(1)) bytes += word.size() + Store::bytes_each / 2;
    if (bytes > store_.max_bytes() - std::min(store_.max_bytes(), store_.bytes())) {
      return out_.error(out_of_memory);
    }
    for (std::size_t i = 1; i < words_.size(); i += 2) {
      if (!store_.set(words_[i], words_[i + 1], Store::Expiry::removed)) {
        return out_.error(out_of_memory);
      }
    }
    ok("OK");
  }

  void incr() { add(1); }
  void decr() { add(-1); }
  void incrby() {
    std::int64_t by = 0;
    read_integer(words_[2], by) ? add(by) : out_.error(no_integer);
  }
  void decrby() {
    std::int64_t by = 0;
    if (!read_integer(words_[2], by)) return out_.error(no_integer);
    if (by == std::numeric_limits<std::int64_t>::min()) {
      return out_.error("ERR decrement would overflow");
    }
    add(-by);
  }

  void append() {
    const std::string* const before = store_.find(words_[1]);
    const std::size_t size = (before ? before->size() : 0) + words_[2].size();
    if (size > max_reply_bytes) return out_.error("ERR string exceeds maximum allowed size");
    std::string value = before ? *before : std::string();
    value += words_[2];
    if (!store_.set(words_[1], value, Store::Expiry::kept)) return out_.error(out_of_memory);
    out_.integer(static_cast<std::int64_t>(size));
  }

  void strlen() {
    const std::string* const value = store_.find(words_[1]);
    out_.integer(value ? static_cast<std::int64_t>(value->size()) : 0);
  }

  void type() { ok(store_.find(words_[1]) ? "string" : "none"); }

  void expire() { expire_after(1000, "expire"); }
  void pexpire() { expire_after(1, "pexpire"); }

  void ttl() { time_left(1000); }
  void pttl() { time_left(1); }

  void persist() {
    const bool expires = store_.expiry(words_[1]).has_value();
    if (expires) store_.set_expiry(words_[1], std::nullopt);
    out_.integer(expires ? 1 : 0);
  }

  void flush() {
    store_.clear();
    ok("OK");
  }

  void dbsize() { out_.integer(static_cast<std::int64_t>(store_.size())); }

  void select() {
    std::int64_t index = 0;
    if (!read_integer(words_[1], index)) return out_.error("ERR invalid DB index");
    index == 0 ? ok("OK") : out_.error("ERR DB index is out of range");
  }

  void quit() {
    client_.leaves = true;
    ok("OK");
  }

  void hello() {
    std::int64_t version = static_cast<int>(client_.version);
    if (words_.size() > 1 && !read_integer(words_[1], version)) {
      return out_.error("ERR Protocol version is not an integer or out of range");
    }
    if (version != 2 && version != 3) {
      return out_.error("NOPROTO unsupported protocol version");
    }
    for (std::size_t i = 2; i < words_.size(); ++i) {
      if (is_word(words_[i], "setname") && i + 1 < words_.size()) {
        client_.name = words_[++i];
      } else if (is_word(words_[i], "auth") && i + 2 < words_.size()) {
        return auth();
      } else {
        return out_.error("ERR Syntax error in HELLO option '" + std::string(words_[i]) + "'");
      }
    }
    client_.version = static_cast<Version>(version);
    Encoder out(bytes_, client_.version);
    out.begin(Type::map, 7);
    pair(out, "server", "redis");
    pair(out, "version", compatible_version);
    out.bulk("proto");
    out.integer(version);
    out.bulk("id");
    out.integer(static_cast<std::int64_t>(client_.id));
    pair(out, "mode", "standalone");
    pair(out, "role", "master");
    out.bulk("modules");
    out.begin(Type::array, 0);
  }

  void auth() {
    out_.error(
        "ERR AUTH <password> called without any password configured for the default user. Are you "
        "sure your configuration is correct?");
  }

  void client() {
    if (is_word(words_[1], "setname") && words_.size() == 3) {
      client_.name = words_[2];
      return ok("OK");
    }
    if (is_word(words_[1], "setinfo") && words_.size() == 4) return ok("OK");
    if (is_word(words_[1], "getname") && words_.size() == 2) {
      return client_.name.empty() ? out_.null() : out_.bulk(client_.name);
    }
    if (is_word(words_[1], "id") && words_.size() == 2) {
      return out_.integer(static_cast<std::int64_t>(client_.id));
    }
    unknown_subcommand("CLIENT");
  }

  void config() {
    if (!is_word(words_[1], "get") || words_.size() < 3) return unknown_subcommand("CONFIG");
    const std::pair<std::string_view, std::string> settings[] = {
        {"maxmemory", std::to_string(store_.max_bytes())},
        {"maxmemory-policy", "noeviction"},
        {"save", ""},
        {"appendonly", "no"},
        {"databases", "1"},
    };
    std::vector<const std::pair<std::string_view, std::string>*> found;
    for (const auto& setting : settings) {
      for (std::string_view name : words_.subspan(2)) {
        if (name == "*" || is_word(name, setting.first)) {
          found.push_back(&setting);
          break;
        }
      }
    }
    out_.begin(Type::map, found.size());
    for (const auto* setting : found) pair(out_, setting->first, setting->second);
  }

  void command();
  void info();

  void unknown() {
    std::string text = "ERR unknown command '" + std::string(words_[0].substr(0, 128)) +
                       "', with args beginning with: ";
    std::size_t shown = 0;
    for (std::string_view word : words_.subspan(1)) {
      if (shown >= 128) break;
      const std::string_view part = word.substr(0, 128 - shown);
      text += "'" + std::string(part) + "' ";
      shown += part.size();
    }
    out_.error(text);
  }

  void wrong_arity(std::string_view name) {
    out_.error("ERR wrong number of arguments for '" + std::string(name) + "' command");
  }

 private:
  static constexpr std::string_view compatible_version = "7.0.0";

  struct Conditions {
    bool if_new = false;
    bool if_there = false;
    bool gets = false;
    bool keeps_ttl = false;
    std::optional<Time> expiry;
  };

  void set_always() {
    if (!store_.set(words_[1], words_[2], Store::Expiry::removed)) return out_.error(out_of_memory);
    ok("OK");
  }

  void ok(std::string_view text) { static_cast<void>(out_.simple(text)); }

  void bulk_or_null(const std::string* value) { value ? out_.bulk(*value) : out_.null(); }

  static void pair(Encoder& out, std::string_view name, std::string_view value) {
    out.bulk(name);
    out.bulk(value);
  }

  template <class Matches>
  void count(Matches matches) {
    out_.integer(std::count_if(words_.begin() + 1, words_.end(), matches));
  }

  void unknown_subcommand(std::string_view command) {
    out_.error("ERR unknown subcommand or wrong number of arguments for '" +
               std::string(words_[1].substr(0, 128)) + "'. Try " + std::string(command) + " HELP.");
  }

  // An option of SET; those with a value move `i`.
  [[nodiscard]] bool read_condition(std::size_t& i, Conditions& conditions) {
    const std::string_view word = words_[i];
    if (is_word(word, "nx")) return conditions.if_new = true;
    if (is_word(word, "xx")) return conditions.if_there = true;
    if (is_word(word, "get")) return conditions.gets = true;
    if (is_word(word, "keepttl")) return conditions.keeps_ttl = true;
    const bool in_seconds = is_word(word, "ex");
    const bool is_expiry = in_seconds || is_word(word, "px");
    if (!is_expiry || i + 1 == words_.size() || conditions.expiry) return fail(syntax_error);
    std::int64_t time = 0;
    if (!read_integer(words_[++i], time)) return fail(no_integer);
    if (time <= 0 || time > longest_expiry / (in_seconds ? 1000 : 1)) {
      return fail("ERR invalid expire time in 'set' command");
    }
    conditions.expiry = store_.now() + Milliseconds(time * (in_seconds ? 1000 : 1));
    return true;
  }

  [[nodiscard]] bool fail(std::string_view error) {
    out_.error(error);
    return false;
  }

  void add(std::int64_t by) {
    std::int64_t value = 0;
    const std::string* const before = store_.find(words_[1]);
    if (before && !read_integer(*before, value)) return out_.error(no_integer);
    if (__builtin_add_overflow(value, by, &value)) {
      return out_.error("ERR increment or decrement would overflow");
    }
    if (!store_.set(words_[1], std::to_string(value), Store::Expiry::kept))
      return out_.error(out_of_memory);
    out_.integer(value);
  }

  void expire_after(std::int64_t unit, std::string_view name) {
    std::int64_t time = 0;
    if (!read_integer(words_[2], time)) return out_.error(no_integer);
    if (time > longest_expiry / unit || time < -longest_expiry / unit) {
      return out_.error("ERR invalid expire time in '" + std::string(name) + "' command");
    }
    if (words_.size() > 4) return out_.error(syntax_error);
    if (!store_.find(words_[1])) return out_.integer(0);
    const Time expiry = store_.now() + Milliseconds(time * unit);
    if (words_.size() == 4) {
      const std::optional<Time> before = store_.expiry(words_[1]);
      bool is_allowed = false;
      if (is_word(words_[3], "nx")) {
        is_allowed = !before;
      } else if (is_word(words_[3], "xx")) {
        is_allowed = before.has_value();
      } else if (is_word(words_[3], "gt")) {
        is_allowed = before && expiry > *before;
      } else if (is_word(words_[3], "lt")) {
        is_allowed = !before || expiry < *before;
      } else {
        return out_.error("ERR Unsupported option " + std::string(words_[3].substr(0, 128)));
      }
      if (!is_allowed) return out_.integer(0);
    }
    if (time <= 0) {
      store_.erase(words_[1]);
    } else {
      store_.set_expiry(words_[1], expiry);
    }
    out_.integer(1);
  }

  void time_left(std::int64_t unit) {
    if (!store_.find(words_[1])) return out_.integer(-2);
    const std::optional<Time> expiry = store_.expiry(words_[1]);
    if (!expiry) return out_.integer(-1);
    const auto left = std::chrono::ceil<Milliseconds>(*expiry - store_.now()).count();
    out_.integer((left + unit / 2) / unit);
  }

  Store& store_;
  const Statistics& statistics_;
  Client& client_;
  const Words words_;
  std::vector<std::byte>& bytes_;
  Encoder out_;
};

// In the words of redis-server: a positive arity is exact, a negative one the least.
struct Command {
  std::string_view name;
  int arity;
  void (Call::*run)();

  [[nodiscard]] bool fits(std::size_t words) const {
    return arity > 0 ? words == static_cast<std::size_t>(arity)
                     : words >= static_cast<std::size_t>(-arity);
  }
};

constexpr Command commands[] = {
    {"append", 3, &Call::append},    {"auth", -2, &Call::auth},       {"client", -2, &Call::client},
    {"command", -1, &Call::command}, {"config", -2, &Call::config},   {"dbsize", 1, &Call::dbsize},
    {"decr", 2, &Call::decr},        {"decrby", 3, &Call::decrby},    {"del", -2, &Call::del},
    {"echo", 2, &Call::echo},        {"exists", -2, &Call::exists},   {"expire", -3, &Call::expire},
    {"flushall", -1, &Call::flush},  {"flushdb", -1, &Call::flush},   {"get", 2, &Call::get},
    {"hello", -1, &Call::hello},     {"incr", 2, &Call::incr},        {"incrby", 3, &Call::incrby},
    {"info", -1, &Call::info},       {"mget", -2, &Call::mget},       {"mset", -3, &Call::mset},
    {"persist", 2, &Call::persist},  {"pexpire", -3, &Call::pexpire}, {"ping", -1, &Call::ping},
    {"pttl", 2, &Call::pttl},        {"quit", -1, &Call::quit},       {"select", 2, &Call::select},
    {"set", -3, &Call::set},         {"setnx", 3, &Call::setnx},      {"strlen", 2, &Call::strlen},
    {"ttl", 2, &Call::ttl},          {"type", 2, &Call::type},        {"unlink", -2, &Call::del},
};

constexpr std::size_t longest_name = 8;

[[nodiscard]] const Command* find_command(std::string_view name) {
  if (name.size() > longest_name) return nullptr;
  char buffer[longest_name];
  std::transform(name.begin(), name.end(), buffer, lower);
  const std::string_view lowered(buffer, name.size());
  const auto* const found = std::lower_bound(
      std::begin(commands), std::end(commands), lowered,
      [](const Command& command, std::string_view wanted) { return command.name < wanted; });
  return found != std::end(commands) && found->name == lowered ? found : nullptr;
}

void Call::command() {
  if (words_.size() > 1 && is_word(words_[1], "count")) return out_.integer(std::size(commands));
  if (words_.size() > 1 && is_word(words_[1], "docs")) return out_.begin(Type::map, 0);
  if (words_.size() > 1) return unknown_subcommand("COMMAND");
  out_.begin(Type::array, std::size(commands));
  for (const Command& each : commands) {
    out_.begin(Type::array, 2);
    out_.bulk(each.name);
    out_.integer(each.arity);
  }
}

void Call::info() {
  const auto up =
      std::chrono::duration_cast<std::chrono::seconds>(store_.now() - statistics_.started);
  std::string text =
      "# Server\r\nredis_version:" + std::string(compatible_version) +
      "\r\nredis_mode:standalone\r\nuvreactor_version:" + reactor::version() +
      "\r\nuptime_in_seconds:" + std::to_string(up.count()) +
      "\r\n\r\n# Clients\r\nconnected_clients:" + std::to_string(statistics_.clients) +
      "\r\n\r\n# Memory\r\nused_memory:" + std::to_string(store_.bytes()) +
      "\r\nmaxmemory:" + std::to_string(store_.max_bytes()) +
      "\r\nmaxmemory_policy:noeviction\r\n\r\n# Persistence\r\nloading:0" +
      "\r\n\r\n# Stats\r\ntotal_connections_received:" + std::to_string(statistics_.accepted) +
      "\r\ntotal_commands_processed:" + std::to_string(statistics_.commands) +
      "\r\nexpired_keys:" + std::to_string(store_.expired()) +
      "\r\n\r\n# Replication\r\nrole:master\r\n\r\n# Keyspace\r\n";
  if (store_.size() > 0) {
    text += "db0:keys=" + std::to_string(store_.size()) +
            ",expires=" + std::to_string(store_.expiring()) + ",avg_ttl=0\r\n";
  }
  static_cast<void>(out_.verbatim("txt", text));
}

}  // namespace

void run_command(Store& store, const Statistics& statistics, Client& client, Words words,
                 std::vector<std::byte>& out) {
  Call call(store, statistics, client, words, out);
  const Command* const command = find_command(words.front());
  if (!command) return call.unknown();
  if (!command->fits(words.size())) return call.wrong_arity(in_lower_case(words.front()));
  (call.*command->run)();
}

bool is_http(std::string_view command) {
  return is_word(command, "post") || is_word(command, "host:");
}

}  // namespace kv
