#include "reactor/resolver.hpp"

#include <strings.h>
#include <uv.h>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cstring>
#include <memory>
#include <mutex>
#include <string>
#include <system_error>
#include <utility>

#include "reactor/ares_channel.hpp"
#include "reactor/engine.hpp"
#include "reactor/platform/metered.hpp"
#include "reactor/platform/sys.hpp"
#include "reactor/timer.hpp"

namespace reactor::inline v0 {
namespace {

using Addresses = std::vector<Address>;

constexpr std::size_t max_name_bytes = 253;  // RFC 1035, in text and without the final dot.

struct ResolveCategory final : std::error_category {
  [[nodiscard]] const char* name() const noexcept override { return "resolve"; }
  [[nodiscard]] std::string message(int value) const override {
    switch (static_cast<ResolveError>(value)) {
      case ResolveError::not_found:
        return "no such name";
      case ResolveError::no_answer:
        return "the name servers do not answer";
      case ResolveError::unknown_service:
        return "no such service";
      default:
        return "the name servers failed";
    }
  }
};

std::error_code from_libuv(int error) {
  switch (error) {
    case UV_EAI_NONAME:
    case UV_EAI_NODATA:
    case UV_EAI_ADDRFAMILY:
      return ResolveError::not_found;
    case UV_EAI_AGAIN:
      return ResolveError::no_answer;
    case UV_EAI_SERVICE:
      return ResolveError::unknown_service;
    case UV_EAI_MEMORY:
      return std::make_error_code(std::errc::not_enough_memory);
    default:
      // Beyond these lie libuv's own numbers, and before them errno's.
      return error > -3000 ? std::error_code(-error, std::generic_category())
                           : make_error_code(ResolveError::failed);
  }
}

Failure failed(std::string_view endpoint, std::error_code code, std::string hint = {}) {
  return Failure(Error{code, "resolve", std::string(endpoint), std::move(hint)});
}

Failure malformed(std::string_view endpoint, std::string hint) {
  return failed(endpoint, std::make_error_code(std::errc::invalid_argument), std::move(hint));
}

// What to ask the name service for.
struct Question {
  std::string host;
  std::string service;  // Empty where the port is a number.
  std::uint16_t port = 0;
  int family = AF_UNSPEC;

  [[nodiscard]] addrinfo hints() const {
    addrinfo hints{};
    hints.ai_family = family;
    // A service may have a port for TCP, for UDP or for both.
    hints.ai_socktype = service.empty() ? SOCK_STREAM : 0;
    return hints;
  }
  [[nodiscard]] const char* service_or_null() const {
    return service.empty() ? nullptr : service.c_str();
  }
};

bool all_of(std::string_view text, int (*has_property)(int)) {
  return std::all_of(text.begin(), text.end(), [has_property](char letter) {
    return has_property(static_cast<unsigned char>(letter)) != 0;
  });
}

// RFC 6335 section 5.1: letters, digits and hyphens, one letter at least.
bool is_service_name(std::string_view text) {
  const auto letter = [](int c) { return std::isalnum(c) || c == '-' ? 1 : 0; };
  return all_of(text, letter) && !all_of(text, [](int c) { return std::isalpha(c) ? 0 : 1; });
}

// getaddrinfo takes more for an IPv4 address than four decimal numbers: "127.1", "0x7f000001",
// "2130706433". A name ending like that is none (RFC 1123 section 2.1), and lets pass what a filter
// for addresses has stopped.
bool ends_in_number(std::string_view host) {
  if (host.ends_with('.')) host.remove_suffix(1);
  const std::string_view last = host.substr(host.rfind('.') + 1);
  if (last.empty()) return false;
  if (last.starts_with("0x") || last.starts_with("0X")) {
    return all_of(last.substr(2), [](int c) { return std::isxdigit(c); });
  }
  return all_of(last, [](int c) { return std::isdigit(c); });
}

// The question to ask for an endpoint that Address::parse refuses with `error`.
Result<Question> to_question(std::string_view endpoint, const Error& error) {
  const std::size_t colon = endpoint.rfind(':');
  const bool has_nul = endpoint.find('\0') != endpoint.npos;
  const bool bracketed = endpoint.starts_with('[');
  if (colon == endpoint.npos || has_nul || endpoint.starts_with("unix:")) {
    return malformed(error.subject, error.hint);
  }
  std::string_view host = endpoint.substr(0, colon);
  const std::string_view port = endpoint.substr(colon + 1);

  Question question;
  const auto [end, not_a_number] =
      std::from_chars(port.data(), port.data() + port.size(), question.port);
  if (not_a_number != std::errc{} || end != port.data() + port.size()) {
    if (!is_service_name(port)) return malformed(endpoint, error.hint);
    question.service = port;
  }
  if (bracketed || host.find(':') != host.npos) {
    if (question.service.empty() || !bracketed || !host.ends_with(']')) {
      return malformed(endpoint, error.hint);
    }
    host = host.substr(1, host.size() - 2);
    if (host.find(':') == host.npos) return malformed(endpoint, "not an IPv6 address");
  } else if (host.empty()) {
    return malformed(endpoint, "a host is missing: HOST:PORT");
  } else if (host.size() > max_name_bytes) {
    return malformed(endpoint, "a host name has at most 253 bytes");
  } else if (ends_in_number(host) && !Address::parse(std::string(host) + ":0")) {
    return malformed(endpoint, "an IPv4 address is four decimal numbers");
  }
  question.host = host;
  return question;
}

// First the family that the host prefers, then in turn (RFC 8305 section 4).
Addresses in_turn(const Addresses& preferred) {
  const auto is_first_family = [&](const Address& address) {
    return address.family() == preferred.front().family();
  };
  Addresses order;
  auto first = preferred.begin();
  auto second = preferred.begin();
  while (first != preferred.end() || second != preferred.end()) {
    first = std::find_if(first, preferred.end(), is_first_family);
    if (first != preferred.end()) order.push_back(*first++);
    second = std::find_if_not(second, preferred.end(), is_first_family);
    if (second != preferred.end()) order.push_back(*second++);
  }
  return order;
}

// What the name service answered, for the user.
Result<Addresses> to_answer(std::string_view endpoint, const Question& question, int error,
                            const Addresses& answered) {
  if (error) return failed(endpoint, from_libuv(error));
  Addresses found;
  for (Address address : answered) {
    if (question.service.empty()) address.set_port(question.port);
    if (std::find(found.begin(), found.end(), address) == found.end()) found.push_back(address);
  }
  if (found.empty()) return failed(endpoint, ResolveError::not_found);
  return in_turn(found);
}

// The answer that needs no lookup, or the question to ask.
struct Prepared {
  std::optional<Result<Addresses>> answer;
  Question question;
};

Prepared prepare(std::string_view endpoint, std::optional<Family> family) {
  auto address = Address::parse(endpoint);
  if (address) {
    if (!family || address->family() == *family) return {Addresses{*address}, {}};
    return {failed(endpoint, ResolveError::not_found, "not of the requested family"), {}};
  }
  auto question = to_question(endpoint, address.error());
  if (!question) return {Failure(question.error()), {}};
  if (family) question->family = *family == Family::ipv4 ? AF_INET : AF_INET6;
  return {std::nullopt, *question};
}

}  // namespace

std::error_code make_error_code(ResolveError error) {
  static const ResolveCategory category;
  return {static_cast<int>(error), category};
}

namespace {

// Blocks until the name service answers.
Result<Addresses> look_up(std::string_view endpoint, const Question& question) {
  const addrinfo hints = question.hints();
  addrinfo* list = nullptr;
  const int error =
      sys::getaddrinfo(question.host.c_str(), question.service_or_null(), &hints, &list);
  const std::unique_ptr<addrinfo, decltype(&uv_freeaddrinfo)> owner(list, &uv_freeaddrinfo);
  Addresses answered;
  for (const addrinfo* entry = list; entry; entry = entry->ai_next) {
    if (entry->ai_family != AF_INET && entry->ai_family != AF_INET6) continue;
    answered.push_back(Address::from(entry->ai_addr, entry->ai_addrlen));
  }
  return to_answer(endpoint, question, error, answered);
}

// The name of the host with this address.
Result<std::string> look_up_name(const Address& address) {
  std::string name;
  const int error = sys::getnameinfo(address.data(), &name);
  if (error) return failed(address.host(), from_libuv(error));
  return name;
}

// False for what only getaddrinfo reads well. c-ares takes the service "1x" for port 1, does not
// convert an internationalized name, and asks name servers for a name of mDNS (RFC 6762 section 3).
bool is_for_name_servers(const Question& question) {
  const auto is_plain = [](int c) { return std::isalnum(c) || std::strchr("-._", c) ? 1 : 0; };
  std::string_view host = question.host;
  if (host.ends_with('.')) host.remove_suffix(1);
  const std::string_view top = host.substr(host.rfind('.') + 1);
  const bool is_local = top.size() < host.size() && top.size() == 5 &&
                        strncasecmp(top.data(), "local", top.size()) == 0;
  const std::string& service = question.service;
  const bool begins_with_digit =
      !service.empty() && service.front() >= '0' && service.front() <= '9';
  return !begins_with_digit && !is_local && all_of(host, is_plain);
}

// Null without c-ares, and on another platform, which has names of its own: a thread asks then.
std::shared_ptr<AresChannel> channel_of(Loop& loop) {
  return sys::on_kernel() ? AresChannel::of(loop) : nullptr;
}

// What a thread runs, and the Lookup to which its result goes, if that still exists.
struct Task {
  virtual ~Task() = default;
  virtual void run() = 0;  // Blocks.

  [[nodiscard]] bool is_wanted() {
    const std::lock_guard lock(mutex);
    return engine != nullptr;
  }

  std::mutex mutex;
  Engine* engine = nullptr;  // Guarded by mutex, like its token. Null: no Lookup waits.
  Token lookup = 0;
};

template <class Answer>
struct TaskOf final : Task {
  Callback<Result<Answer>()> ask;
  void (*deliver)(Source& lookup, Result<Answer> result) = nullptr;

  // The mutex keeps the Lookup, and with it the loop, from being destroyed meanwhile.
  void run() override {
    Result<Answer> result = ask();
    const std::lock_guard lock(mutex);
    if (!engine) return;
    engine->post([on = engine, token = lookup, to = deliver, result = std::move(result)]() mutable {
      if (Source* const waiting = on->find(token)) to(*waiting, std::move(result));
    });
  }
};

}  // namespace

struct Lookup::State : Source {
  State(Loop& loop, std::string what, Duration timeout)
      : Source(loop.engine(), Kind::lookup),
        subject(std::move(what)),
        limit(loop, [this, timeout] { time_out(timeout); }) {
    keep_loop_running(true);
  }

  virtual void fail(Error error) = 0;

  void time_out(Duration timeout) {
    const std::chrono::milliseconds limit_in_ms = timeout;
    fail({std::make_error_code(std::errc::timed_out), "resolve", subject,
          "no answer within " + std::to_string(limit_in_ms.count()) + " ms"});
  }

  void abandon_task() noexcept {
    if (!task) return;
    // In a forked child, its mutex may be held by a thread of the parent.
    if (!engine().forked()) {
      const std::lock_guard lock(task->mutex);
      task->engine = nullptr;
    }
    task.reset();
  }

  void on_ready(unsigned) override {}

  [[nodiscard]] std::string describe() const override { return "lookup of " + subject; }

  void unregister() noexcept override {
    abandon_task();
    channel.reset();
  }

  const std::string subject;
  Timer limit;
  std::shared_ptr<Task> task;            // Null unless a thread has it, or will have.
  std::shared_ptr<AresChannel> channel;  // Null unless it was asked, and lives until then.
};

template <class Answer>
struct Lookup::StateFor final : State {
  using OnAnswer = Callback<void(Result<Answer>)>;

  StateFor(Loop& loop, std::string what, Duration timeout, OnAnswer callback)
      : State(loop, std::move(what), timeout), on_answer(std::move(callback)) {}

  void ask_thread(Callback<Result<Answer>()> question) {
    auto asked = std::make_shared<TaskOf<Answer>>();
    asked->ask = std::move(question);
    asked->engine = &engine();
    asked->lookup = token();
    asked->deliver = [](Source& lookup, Result<Answer> result) {
      static_cast<StateFor&>(lookup).finish(std::move(result));
    };
    task = asked;
    const int error = sys::run_detached([asked = std::move(asked)] {
      if (asked->is_wanted()) asked->run();
    });
    if (error != 0) {
      finish(failed(subject, std::error_code(error, std::generic_category())));
    }
  }

  void fail(Error error) override { finish(Failure(std::move(error))); }

  // Of an answer and a timeout in one iteration, the first counts.
  void finish(Result<Answer> result) {
    if (outcome) return;
    abandon_task();
    limit.cancel();
    outcome = std::move(result);
    engine().schedule(*this);
  }

  // Here no answer of the channel is on its way, so the channel may end.
  void on_iteration() override {
    keep_loop_running(false);
    channel.reset();
    (void)engine().call(*this, on_answer, std::move(*outcome));
  }

  std::optional<Result<Answer>> outcome;
  OnAnswer on_answer;
};

Lookup Lookup::start(Loop& loop, std::string_view endpoint, LookupOptions options,
                     OnResolved on_resolved) {
  auto* const state =
      new StateFor<Addresses>(loop, std::string(endpoint), options.timeout, std::move(on_resolved));
  Lookup lookup(state);
  Prepared prepared = prepare(endpoint, options.family);
  if (prepared.answer) {
    state->finish(std::move(*prepared.answer));
    return lookup;
  }
  state->limit.restart(options.timeout);
  const Question& question = prepared.question;
  if (is_for_name_servers(question)) state->channel = channel_of(loop);
  if (state->channel) {
    state->channel->find_addresses(
        question.host.c_str(), question.service_or_null(), question.family,
        [on = &loop.engine(), token = state->token(), question](int error, const Addresses& found) {
          if (Source* const source = on->find(token)) {
            auto& waiting = static_cast<StateFor<Addresses>&>(*source);
            waiting.finish(to_answer(waiting.subject, question, error, found));
          }
        });
  } else {
    state->ask_thread([subject = state->subject, question] { return look_up(subject, question); });
  }
  return lookup;
}

Lookup Lookup::start(Loop& loop, std::string_view endpoint, OnResolved on_resolved) {
  return start(loop, endpoint, {}, std::move(on_resolved));
}

Lookup Lookup::name_of(Loop& loop, const Address& address, LookupOptions options,
                       OnNamed on_named) {
  auto* const state =
      new StateFor<std::string>(loop, address.host(), options.timeout, std::move(on_named));
  Lookup lookup(state);
  if (address.family() == Family::unix_socket) {
    state->finish(failed(state->subject, ResolveError::not_found, "a unix socket is no host"));
    return lookup;
  }
  state->limit.restart(options.timeout);
  if ((state->channel = channel_of(loop))) {
    state->channel->find_name(address.unmapped(), [on = &loop.engine(), token = state->token()](
                                                      int error, std::string name) {
      if (Source* const source = on->find(token)) {
        auto& waiting = static_cast<StateFor<std::string>&>(*source);
        waiting.finish(error ? Result<std::string>(failed(waiting.subject, from_libuv(error)))
                             : std::move(name));
      }
    });
  } else {
    state->ask_thread([address = address.unmapped()] { return look_up_name(address); });
  }
  return lookup;
}

Result<Addresses> resolve_now(std::string_view endpoint, std::optional<Family> family) {
  Prepared prepared = prepare(endpoint, family);
  if (prepared.answer) return std::move(*prepared.answer);

  return look_up(endpoint, prepared.question);
}

std::string with_port(std::string_view endpoint, std::uint16_t port) {
  if (endpoint.starts_with("unix:")) return std::string(endpoint);
  return std::string(endpoint.substr(0, endpoint.rfind(':') + 1)) + std::to_string(port);
}

}  // namespace reactor
