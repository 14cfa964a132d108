// Commands about keys.
#include <algorithm>
#include <limits>
#include <optional>

#include "samples/kv_server/call.hpp"

namespace kv {
namespace {

using protocols::resp::Type;
using Milliseconds = std::chrono::milliseconds;

constexpr std::string_view syntax_error = "ERR syntax error";
constexpr std::string_view no_integer = "ERR value is not an integer or out of range";
constexpr std::string_view out_of_memory =
    "OOM command not allowed when used memory > 'maxmemory'.";
constexpr std::int64_t longest_expiry = std::int64_t{100} * 365 * 24 * 3600 * 1000;  // In ms.

class KeyCommands : public Call {
 public:
  explicit KeyCommands(const Call& call) : Call(call) {}

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
    is_allowed ? ok() : out_.null();
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
    if (words_.size() % 2 == 0) return refuse_arity();
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
    ok();
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

 private:
  struct Conditions {
    bool if_new = false;
    bool if_there = false;
    bool gets = false;
    bool keeps_ttl = false;
    std::optional<Time> expiry;
  };

  void set_always() {
    if (!store_.set(words_[1], words_[2], Store::Expiry::removed)) return out_.error(out_of_memory);
    ok();
  }

  void bulk_or_null(const std::string* value) { value ? out_.bulk(*value) : out_.null(); }

  template <class Matches>
  void count(Matches matches) {
    out_.integer(std::count_if(words_.begin() + 1, words_.end(), matches));
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
        return out_.error("ERR Unsupported option " +
                          std::string(words_[3].substr(0, most_shown_bytes)));
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
};

constexpr Command commands_of_keys[] = {
    {"append", 3, run<KeyCommands, &KeyCommands::append>},
    {"decr", 2, run<KeyCommands, &KeyCommands::decr>},
    {"decrby", 3, run<KeyCommands, &KeyCommands::decrby>},
    {"del", -2, run<KeyCommands, &KeyCommands::del>},
    {"exists", -2, run<KeyCommands, &KeyCommands::exists>},
    {"expire", -3, run<KeyCommands, &KeyCommands::expire>},
    {"get", 2, run<KeyCommands, &KeyCommands::get>},
    {"incr", 2, run<KeyCommands, &KeyCommands::incr>},
    {"incrby", 3, run<KeyCommands, &KeyCommands::incrby>},
    {"mget", -2, run<KeyCommands, &KeyCommands::mget>},
    {"mset", -3, run<KeyCommands, &KeyCommands::mset>},
    {"persist", 2, run<KeyCommands, &KeyCommands::persist>},
    {"pexpire", -3, run<KeyCommands, &KeyCommands::pexpire>},
    {"pttl", 2, run<KeyCommands, &KeyCommands::pttl>},
    {"set", -3, run<KeyCommands, &KeyCommands::set>},
    {"setnx", 3, run<KeyCommands, &KeyCommands::setnx>},
    {"strlen", 2, run<KeyCommands, &KeyCommands::strlen>},
    {"ttl", 2, run<KeyCommands, &KeyCommands::ttl>},
    {"type", 2, run<KeyCommands, &KeyCommands::type>},
    {"unlink", -2, run<KeyCommands, &KeyCommands::del>},
};

}  // namespace

std::span<const Command> key_commands() { return commands_of_keys; }

}  // namespace kv
