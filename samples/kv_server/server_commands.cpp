// Commands about the connection and the server.
#include <utility>

#include "reactor/version.hpp"
#include "samples/kv_server/call.hpp"

namespace kv {
namespace {

using protocols::resp::Encoder;
using protocols::resp::Type;
using protocols::resp::Version;

class ServerCommands : public Call {
 public:
  explicit ServerCommands(const Call& call) : Call(call) {}

  void ping() {
    if (words_.size() > 2) return refuse_arity();
    words_.size() == 1 ? ok("PONG") : out_.bulk(words_[1]);
  }
  void echo() { out_.bulk(words_[1]); }

  void flush() {
    store_.clear();
    ok();
  }

  void dbsize() { out_.integer(static_cast<std::int64_t>(store_.size())); }

  void select() {
    std::int64_t index = 0;
    if (!read_integer(words_[1], index)) return out_.error("ERR invalid DB index");
    index == 0 ? ok() : out_.error("ERR DB index is out of range");
  }

  void quit() {
    client_.leaves = true;
    ok();
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
      return ok();
    }
    if (is_word(words_[1], "setinfo") && words_.size() == 4) return ok();
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

 private:
  // Clients use what a server of this version can do.
  static constexpr std::string_view compatible_version = "7.0.0";

  static void pair(Encoder& out, std::string_view name, std::string_view value) {
    out.bulk(name);
    out.bulk(value);
  }

  void unknown_subcommand(std::string_view command) {
    out_.error("ERR unknown subcommand or wrong number of arguments for '" +
               std::string(words_[1].substr(0, most_shown_bytes)) + "'. Try " +
               std::string(command) + " HELP.");
  }
};

constexpr Command commands_of_server[] = {
    {"auth", -2, run<ServerCommands, &ServerCommands::auth>},
    {"client", -2, run<ServerCommands, &ServerCommands::client>},
    {"command", -1, run<ServerCommands, &ServerCommands::command>},
    {"config", -2, run<ServerCommands, &ServerCommands::config>},
    {"dbsize", 1, run<ServerCommands, &ServerCommands::dbsize>},
    {"echo", 2, run<ServerCommands, &ServerCommands::echo>},
    {"flushall", -1, run<ServerCommands, &ServerCommands::flush>},
    {"flushdb", -1, run<ServerCommands, &ServerCommands::flush>},
    {"hello", -1, run<ServerCommands, &ServerCommands::hello>},
    {"info", -1, run<ServerCommands, &ServerCommands::info>},
    {"ping", -1, run<ServerCommands, &ServerCommands::ping>},
    {"quit", -1, run<ServerCommands, &ServerCommands::quit>},
    {"select", 2, run<ServerCommands, &ServerCommands::select>},
};

void ServerCommands::command() {
  const std::span<const Command> tables[] = {key_commands(), server_commands()};
  const std::size_t all = tables[0].size() + tables[1].size();
  if (words_.size() > 1 && is_word(words_[1], "count")) {
    return out_.integer(static_cast<std::int64_t>(all));
  }
  if (words_.size() > 1 && is_word(words_[1], "docs")) return out_.begin(Type::map, 0);
  if (words_.size() > 1) return unknown_subcommand("COMMAND");
  out_.begin(Type::array, all);
  for (const auto& table : tables) {
    for (const Command& each : table) {
      out_.begin(Type::array, 2);
      out_.bulk(each.name);
      out_.integer(each.arity);
    }
  }
}

void ServerCommands::info() {
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

std::span<const Command> server_commands() { return commands_of_server; }

}  // namespace kv
