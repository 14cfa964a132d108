// Runs commands for clients that know a secret; README.md describes the protocol.
#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "reactor/fair_share.hpp"
#include "reactor/idle_timeout.hpp"
#include "reactor/server.hpp"
#include "reactor/stop_signals.hpp"
#include "samples/remote_command/run.hpp"
#include "samples/remote_command/wire.hpp"
#include "samples/support/access.hpp"
#include "samples/support/endpoint.hpp"
#include "samples/support/memory.hpp"
#include "samples/support/program.hpp"
#include "samples/support/secret.hpp"
#include "samples/support/tls.hpp"
#include "web/tcp_progress.hpp"

namespace remote_command {
namespace {

using reactor::Error;
using reactor::Standard;
using reactor::Stream;

struct Options {
  std::vector<std::string> allowed;  // Empty: any program.
  bool shell = false;
  Limits limits;
  std::chrono::milliseconds patience{0};
  samples::Access access;
  samples::ReachedAs reached_as;
  std::optional<reactor::TlsContext> tls = {};
};

// A command uses two descriptors for its outputs and one for its end. Only one request of the
// largest size is in memory at a time, because what is read is parsed immediately.
reactor::ServerOptions server_options(const Options& options) {
  reactor::ServerOptions server{.tls = options.tls, .descriptors_each = 4, .read_bytes = 64 * 1024};
  options.access.apply(server, options.patience);
  return server;
}

constexpr std::size_t max_waiting = 64;

std::vector<std::string> environment() {
  std::vector<std::string> variables;
  for (const std::string name : {"PATH", "HOME", "USER", "LANG", "LC_ALL", "TZ"}) {
    if (const char* value = std::getenv(name.c_str())) variables.push_back(name + "=" + value);
  }
  return variables;
}

class Session {
 public:
  Session(reactor::Loop& loop, Stream& stream, const samples::Secret& secret,
          const Options& options, reactor::FairShare& share)
      : loop_(loop),
        stream_(stream),
        options_(options),
        share_(share, [this] { run_next(); }),
        gate_(loop, stream,
              secret.challenge(samples::Challenge::Side::server,
                               {"remote_command", options.reached_as.endpoints_of(stream), {}}),
              options.patience) {}

  void on_data(Stream::Bytes bytes) {
    bytes = gate_.pass(bytes);
    if (!gate_.is_open() || ending_) return;
    requests_.feed(bytes);
    while (const auto request = requests_.next()) take(request->header);
    if (requests_.error()) refuse_and_end(requests_.error().message());
    // A client that has begun a request has to finish it.
    if (requests_.at_boundary()) {
      unfinished_.reset();
    } else if (!unfinished_) {
      unfinished_.emplace(loop_, options_.patience, [this] {
        stream_.fail(reactor::system_error(ETIMEDOUT, "read request from", peer()));
      });
    }
    requests_.copy_tail();
  }

  // A client that has ended its side has probably gone, so its command is ended.
  void on_end() {
    run_.reset();
    stream_.close();
  }

  void on_drained() {
    unread_.reset();
    if (run_) run_->resume();
  }

  void on_close(const Error& error) { samples::log_end(error); }

  // A running command may end; waiting commands are not begun.
  void finish() {
    ending_ = true;
    if (!run_) stream_.close();
  }

 private:
  void take(std::string_view header) {
    if (ending_) return;
    auto request = parse_request(header);
    if (!request) return refuse_and_end(request.error().message());
    if (waiting_.size() == max_waiting) return refuse_and_end("too many requests wait");
    waiting_.push_back(std::move(*request));
    run_next();
  }

  void run_next() {
    while (!run_ && !waiting_.empty() && !ending_ && share_.may_go_on()) {
      const Request request = std::move(waiting_.front());
      waiting_.pop_front();
      run(request);
    }
    if (!run_ && ending_) stream_.close();
  }

  void run(const Request& request) {
    if (const std::string reason = forbids(request); !reason.empty()) return refuse(reason);
    const std::vector<std::string> words =
        request.is_for_shell() ? std::vector<std::string>{"/bin/sh", "-c", request.shell}
                               : request.words;
    std::fprintf(stderr, "%s runs %s\n", peer().c_str(), to_json(words).c_str());
    const auto began = Run::Clock::now();
    auto process = reactor::Process::start(loop_,
                                           {.program = words.front(),
                                            .arguments = {words.begin() + 1, words.end()},
                                            .environment = environment(),
                                            .output = Standard::stream,
                                            .errors = Standard::stream},
                                           [this](reactor::ProcessEnd end) { run_->ended(end); });
    if (!process) return refuse(process.error().message());
    run_ = std::make_unique<Run>(
        loop_, std::move(*process), began, options_.limits,
        [this](Run::Channel channel, Stream::Bytes bytes) { pass_on(channel, bytes); },
        [this](const Outcome& outcome) { tell(outcome); });
  }

  [[nodiscard]] std::string forbids(const Request& request) const {
    if (request.is_for_shell()) return options_.shell ? "" : "this server runs no shell";
    const auto& allowed = options_.allowed;
    const bool known =
        std::find(allowed.begin(), allowed.end(), request.words.front()) != allowed.end();
    return allowed.empty() || known ? "" : "this server does not run " + request.words.front();
  }

  void pass_on(Run::Channel channel, Stream::Bytes bytes) {
    const bool is_output = channel == Run::Channel::standard_output;
    const auto kind = is_output ? Answer::Kind::standard_output : Answer::Kind::standard_error;
    stream_.write(message(Answer{.kind = kind}, bytes.size()));
    if (stream_.write(bytes) == reactor::WriteStatus::above_high_water) run_->pause();
  }

  void tell(const Outcome& outcome) {
    const bool killed = outcome.end.signal != 0;
    const Answer answer{
        .reason = std::string(outcome.stopped_by),
        .killed = killed,
        .status = killed ? outcome.end.signal : outcome.end.status,
        .stdout_bytes = outcome.stdout_bytes,
        .stderr_bytes = outcome.stderr_bytes,
        .duration_seconds = std::chrono::duration<double>(outcome.duration).count()};
    if (stream_.write(message(answer)) == reactor::WriteStatus::above_high_water) wait_for_reader();
    run_.reset();
    run_next();
  }

  // A client has as long to read a command's output as a command may run, and longer only while it
  // reads.
  void wait_for_reader() {
    if (options_.limits.timeout.count() == 0) return;
    const auto timeout = std::chrono::ceil<std::chrono::milliseconds>(options_.limits.timeout);
    const auto acknowledged = [this] { return web::acknowledged_bytes(stream_.socket().fd()); };
    acknowledged_ = acknowledged();
    unread_.emplace(loop_, timeout, [this, timeout, acknowledged] {
      const auto now = acknowledged();
      if (now && std::exchange(acknowledged_, now) != now) return unread_->restart(timeout);
      stream_.fail(reactor::system_error(ETIMEDOUT, "wait for reading by", peer()));
      stream_.abort();
    });
  }

  void refuse(const std::string& reason) {
    std::fprintf(stderr, "%s is refused: %s\n", peer().c_str(), to_json(reason).c_str());
    stream_.write(message(Answer{.kind = Answer::Kind::refused, .reason = reason}));
  }

  void refuse_and_end(const std::string& reason) {
    refuse(reason);
    waiting_.clear();
    ending_ = true;
    run_.reset();
    stream_.close();
  }

  [[nodiscard]] std::string peer() const {
    const auto address = stream_.socket().peer_address();
    return address ? address->to_string() : "a client";
  }

  reactor::Loop& loop_;
  Stream& stream_;
  const Options& options_;
  reactor::FairShare::Client share_;
  samples::Gate gate_;
  protocols::JsonHeaderDecoder requests_ = request_decoder();
  std::optional<reactor::IdleTimeout> unfinished_;
  std::optional<reactor::IdleTimeout> unread_;
  std::optional<std::uint64_t> acknowledged_;  // At the last check.
  std::deque<Request> waiting_;
  std::unique_ptr<Run> run_;
  bool ending_ = false;
};

void serve(const std::string& endpoint, const samples::Secret& secret, const Options& options) {
  reactor::Loop loop;
  reactor::FairShare share(loop);  // Starting a process takes milliseconds.
  auto server = samples::value_of(reactor::Server<Session>::listen(
      loop, endpoint, server_options(options),
      [&](Stream& stream) { return Session(loop, stream, secret, options, share); }));
  samples::log_errors(server);
  const auto reload = samples::reload_on_hangup(loop, options.tls);
  const auto stop = samples::value_of(reactor::StopSignals::create(loop, [&] { server.drain(); }));
  samples::announce(server.address());
  loop.run();
}

}  // namespace
}  // namespace remote_command

int main(int count, char** words) {
  std::string endpoint = "127.0.0.1:9000";
  std::string secret_file;
  std::vector<std::string> reached_as;
  double timeout_seconds = 60;
  double patience_seconds = 10;
  remote_command::Options options{.limits = {.max_output_bytes = 16 << 20}};
  samples::CommandLine command_line{
      "Runs commands for clients that prove that they know a secret. Only TLS\n"
      "encrypts what they send.\n"
      "Example: remote_command_server --secret-file secret --allow ls --allow df"};
  constexpr std::size_t request_bytes = 2 * 65536;  // A header, and the parsed request.
  command_line.footer(samples::memory_text(remote_command::server_options(options), request_bytes));
  command_line.add_option("--listen", endpoint, "HOST:PORT, [::1]:PORT or unix:PATH; port 0: any");
  command_line
      .add_option(
          "--secret-file", secret_file,
          "The file with the secret, which only its owner may read; 32 random bytes are hard to "
          "guess; use another secret for each service")
      .required();
  command_line.add_option("--reached-as", reached_as, samples::reached_as_help);
  const auto allow = command_line.add_option(
      "--allow", options.allowed,
      "A program that clients may run, by the name that they use; may be repeated; any "
      "if not given");
  command_line.add_flag("--shell", options.shell, "Also run lines by /bin/sh").excludes(allow);
  command_line
      .add_option("--timeout", timeout_seconds,
                  "Seconds after which a command and its children are killed; 0: never")
      .not_negative();
  command_line.add_option("--max-output", options.limits.max_output_bytes,
                          "Bytes of output after which a command is killed");
  command_line
      .add_option("--patience", patience_seconds,
                  "Seconds for proving the secret, and for sending the rest of a request")
      .positive();
  options.access.add_options(command_line);
  samples::ServerTls tls;
  tls.add_options(command_line);
  return samples::run_program(command_line, count, words, [&] {
    options.limits.timeout = std::chrono::nanoseconds(std::llround(timeout_seconds * 1e9));
    options.patience = std::chrono::milliseconds(std::llround(patience_seconds * 1000));
    options.reached_as = samples::ReachedAs(reached_as);
    options.tls = tls.context();
    remote_command::serve(endpoint, samples::Secret::read(secret_file), options);
  });
}
