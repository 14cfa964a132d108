#include "reactor/process.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <optional>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "support/child.hpp"
#include "support/loop_modes.hpp"
#include "support/peer.hpp"
#include "support/platform.hpp"
#include "support/result.hpp"
#include "support/run_until.hpp"
#include "support/valgrind.hpp"

using reactor::Command;
using reactor::Error;
using reactor::Loop;
using reactor::Process;
using reactor::ProcessEnd;
using reactor::Standard;
using reactor::Stream;

namespace {

std::string text_of(Stream::Bytes bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// The bytes of a stream of a child, up to its end.
struct Heard {
  std::string text;
  bool ended = false;

  void listen_to(Stream& stream) {
    stream.on_data([this](Stream::Bytes bytes) { text += text_of(bytes); });
    stream.on_close([this](const Error& error) {
      CHECK_FALSE(error);
      ended = true;
    });
  }
};

// A process with all its output and the way it ends.
struct Running {
  Running(Loop& on, Command command)
      : loop(on),
        process(ok(Process::start(loop, command, [this](ProcessEnd how) { end = how; }))) {
    if (command.output == Standard::stream) output.listen_to(process.output());
    if (command.errors == Standard::stream) errors.listen_to(process.errors());
    output.ended |= command.output != Standard::stream;
    errors.ended |= command.errors != Standard::stream;
  }

  void finish() {
    run_until(loop, [this] { return end && output.ended && errors.ended; });
  }

  Loop& loop;
  std::optional<ProcessEnd> end;
  Heard output, errors;
  Process process;
};

Command shell(std::string script) {
  return {.program = "/bin/sh",
          .arguments = {"-c", std::move(script)},
          .environment = {"PATH=/usr/bin:/bin"},
          .output = Standard::stream,
          .errors = Standard::stream};
}

std::string output_of(Command command) {
  Loop loop;
  command.output = Standard::stream;
  Running run(loop, std::move(command));
  run.finish();
  CHECK(run.end->succeeded());
  return run.output.text;
}

// A file that ends for its reader when the last process that writes to it has ended.
class Fifo {
 public:
  Fifo() : path_(unused_path()) {
    REQUIRE(mkfifo(path_.c_str(), 0600) == 0);
    fd_ = open(path_.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    REQUIRE(fd_ >= 0);
  }
  ~Fifo() {
    close(fd_);
    unlink(path_.c_str());
  }
  Fifo(const Fifo&) = delete;
  Fifo& operator=(const Fifo&) = delete;

  [[nodiscard]] const std::string& path() const { return path_; }

  // Whether something was written since the last call.
  [[nodiscard]] bool written() const {
    std::array<char, 100> buffer;
    return read(fd_, buffer.data(), buffer.size()) > 0;
  }
  [[nodiscard]] bool ended() const {
    char byte;
    return read(fd_, &byte, 1) == 0;
  }

 private:
  std::string path_;
  int fd_;
};

// The portable platform is notified by this signal that a child has ended; Linux has a descriptor.
bool may_lose_sigchld() { return below_thread_sanitizer && on_portable_platform(); }

}  // namespace

TEST_SUITE("process") {
  TEST_CASE_TEMPLATE("the end of a process is reported once, and the loop runs until then",
                     LoopMode, Standalone, Embedded) {
    struct Case {
      const char* script;
      int status;
      int signal;
    };
    for (const Case& expected : {Case{"exit 0", 0, 0}, Case{"exit 255", 255, 0},
                                 Case{"kill -9 $$", 0, SIGKILL}, Case{"kill -15 $$", 0, SIGTERM}}) {
      CAPTURE(expected.script);
      LoopMode mode;
      int calls = 0;
      const Process process =
          ok(Process::start(mode.loop, {.program = "/bin/sh", .arguments = {"-c", expected.script}},
                            [&](ProcessEnd end) {
                              ++calls;
                              CHECK(end.status == expected.status);
                              CHECK(end.signal == expected.signal);
                            }));
      run_until(mode.loop, [&] { return calls > 0; });
      for (int i = 0; i < 3; ++i) mode.loop.poll();
      CHECK(calls == 1);
    }
  }

  TEST_CASE("run() returns once the process has ended and its streams have ended") {
    Loop loop;
    bool ended = false;
    Command command{.program = "true"};
    command.input = command.output = command.errors = Standard::stream;
    Process process = ok(Process::start(loop, command, [&](ProcessEnd) { ended = true; }));
    process.output().on_data([](Stream::Bytes) {});
    process.errors().on_data([](Stream::Bytes) {});
    loop.run();
    CHECK(ended);
  }

  TEST_CASE_TEMPLATE("cat returns what is written to its input, and no byte is lost", LoopMode,
                     Standalone, Embedded) {
    LoopMode mode;
    Command command{.program = "cat"};
    command.input = command.output = Standard::stream;
    Running cat(mode.loop, command);
    const std::string sent = Pattern::text(3'000'000);
    cat.process.input().write(sent);
    cat.process.input().shutdown();
    cat.finish();
    CHECK((cat.output.text == sent));
    CHECK(cat.end->succeeded());
  }

  TEST_CASE("output and errors are two streams") {
    Loop loop;
    Running run(loop, shell("echo out; echo err >&2; exit 3"));
    run.finish();
    CHECK(run.output.text == "out\n");
    CHECK(run.errors.text == "err\n");
    CHECK(run.end->status == 3);
  }

  TEST_CASE("a child may open its output and errors by name, and all its output arrives") {
    Loop loop;
    Running child(loop, shell("echo one; echo two > /dev/stdout; echo three | tee /dev/stderr > "
                              "/dev/null; head -c 300000 /dev/zero > /dev/fd/1"));
    loop.run();
    CHECK(child.output.text == "one\ntwo\n" + std::string(300000, '\0'));
    CHECK(child.errors.text == "three\n");
  }

  TEST_CASE("a child that writes gets SIGPIPE once its output is closed") {
    Loop loop;
    Running run(loop, shell("while :; do echo on and on; done"));
    run.output.ended = true;
    run.process.output().on_data([&](Stream::Bytes) { run.process.output().abort(); });
    run.process.output().on_close([](const Error&) {});
    run.finish();
    CHECK(run.end->signal == SIGPIPE);
  }

  TEST_CASE("if a child ends without reading its input, the input stream reports it") {
    Loop loop;
    Command command = shell("exec <&-; exit 0");
    command.input = Standard::stream;
    Running run(loop, command);
    Error lost;
    bool closed = false;
    run.process.input().on_close([&](const Error& error) {
      lost = error;
      closed = true;
    });
    run.process.input().write(Pattern::text(1'000'000));
    run.finish();
    run_until(loop, [&] { return closed; });
    CHECK(lost);
  }

  TEST_CASE("arguments and environment reach the child unchanged, whatever they contain") {
    const std::vector<std::string> strange = {"",  " ",     "a b", "$HOME;`ls`",
                                              "*", "\"'\\", "\n",  "\xff"};
    std::string expected;
    for (const std::string& text : strange) expected += "<" + text + ">";
    std::vector<std::string> arguments{"<%s>"};
    arguments.insert(arguments.end(), strange.begin(), strange.end());
    CHECK(output_of({.program = "printf", .arguments = arguments}) == expected);

    setenv("UVREACTOR_SECRET", "leaked", 1);
    CHECK(output_of({.program = "/usr/bin/env", .environment = {"A=1", "B= \n;$A"}}) ==
          "A=1\nB= \n;$A\n");
    CHECK(output_of({.program = "/usr/bin/env"}) == "");
    unsetenv("UVREACTOR_SECRET");
  }

  TEST_CASE("a process starts in the given directory, or by default in the current one") {
    CHECK(output_of({.program = "pwd", .directory = "/usr"}) == "/usr\n");
    std::array<char, 4096> here;
    REQUIRE(getcwd(here.data(), here.size()));
    CHECK(output_of({.program = "pwd"}) == std::string(here.data()) + "\n");
  }

  TEST_CASE("a child inherits the three standard descriptors and no other, close-on-exec or not") {
    const int low = open("/dev/zero", O_RDONLY);
    const int high = fcntl(low, F_DUPFD, 900);
    REQUIRE(high >= 900);
    std::istringstream listed(output_of({.program = "ls", .arguments = {"/proc/self/fd"}}));
    std::vector<std::string> descriptors;
    for (std::string fd; listed >> fd;) descriptors.push_back(fd);
    CHECK(descriptors.size() == 4);  // The standard ones, and the one with which ls reads.
    CHECK(std::find(descriptors.begin(), descriptors.end(), "3") != descriptors.end());
    close(low);
    close(high);
  }

  TEST_CASE("a shared descriptor is the one of the parent process") {
    if (may_lose_sigchld()) {
      MESSAGE("skipped: ThreadSanitizer may keep back SIGCHLD in a forked child");
      return;
    }
    const ChildEnd end = in_child([] {
      Loop loop;
      Command command = shell("echo shared; echo too >&2");
      command.output = command.errors = Standard::shared;
      fcntl(STDOUT_FILENO, F_SETFD, FD_CLOEXEC);
      const Process process = ok(Process::start(loop, command, [](ProcessEnd) {}));
      loop.run();
    });
    CHECK(end.printed == "shared\ntoo\n");
  }

  TEST_CASE("a child does not inherit blocked and ignored signals") {
    sigset_t blocked, before;
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGTERM);
    sigaddset(&blocked, SIGUSR1);
    pthread_sigmask(SIG_BLOCK, &blocked, &before);
    const auto handler = signal(SIGUSR2, SIG_IGN);
    const auto signals = [](const char* line) {
      return std::stoull(
          output_of({.program = "sed", .arguments = {"-n", line, "/proc/self/status"}}), nullptr,
          16);
    };
    constexpr unsigned long long glibcs_own = 0b11ULL << 31;
    CHECK(signals("s/^SigBlk://p") == 0);
    CHECK((signals("s/^SigIgn://p") & ~glibcs_own) == 0);
    signal(SIGUSR2, handler);
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
  }

  TEST_CASE("a process leads a group and a session of its own, without a terminal") {
    Loop loop;
    Running run(loop, {.program = "cut",
                       .arguments = {"-d", " ", "-f", "1,5,6,7", "/proc/self/stat"},
                       .output = Standard::stream});
    run.finish();
    const std::string id = std::to_string(run.process.id());
    std::string expected = id;
    expected += " " + id + " " + id + " 0\n";
    CHECK(run.output.text == expected);
  }

  TEST_CASE("a signal reaches the whole process group") {
    Loop loop;
    Running run(loop, shell("sleep 1000 & echo ready; wait"));
    run_until(loop, [&] { return run.output.text == "ready\n"; });
    run.process.kill(SIGTERM);
    run.finish();  // The output ends only when the last process that has it ends.
    CHECK(run.end->signal == SIGTERM);
  }

  TEST_CASE("processes that a child left behind are signalled after its end, too") {
    Loop loop;
    Running run(loop, shell("sleep 1000 & exit 5"));
    run_until(loop, [&] { return run.end.has_value(); });
    CHECK(run.end->status == 5);
    for (int i = 0; i < 3; ++i) loop.poll();
    CHECK_FALSE(run.output.ended);
    run.process.kill(SIGKILL);
    run.finish();
  }

  TEST_CASE_TEMPLATE("destroying a Process ends the whole group, and no callback is called",
                     LoopMode, Standalone, Embedded) {
    for (const char* script : {"exec >\"$0\"; trap '' TERM HUP; echo x; sleep 1000 & wait",
                               "exec >\"$0\"; echo x; sleep 1000 & exit 0"}) {
      LoopMode mode;
      const Fifo fifo;
      bool called = false, may_call = true;
      std::optional<Process> process = ok(Process::start(mode.loop,
                                                         {.program = "sh",
                                                          .arguments = {"-c", script, fifo.path()},
                                                          .environment = {"PATH=/usr/bin:/bin"}},
                                                         [&](ProcessEnd) { called |= !may_call; }));
      poll_until(mode.loop, [&] { return fifo.written(); });
      may_call = false;
      process.reset();
      poll_until(mode.loop, [&] { return fifo.ended(); });
      CHECK_FALSE(called);
    }
  }

  TEST_CASE("no zombie is left, whether the process has ended or was destroyed while it ran") {
    if (may_lose_sigchld()) {
      MESSAGE("skipped: ThreadSanitizer may keep back SIGCHLD in a forked child");
      return;
    }
    const ChildEnd end = in_child([] {
      {
        Loop loop;
        bool ended = false;
        std::optional<Process> done =
            ok(Process::start(loop, {.program = "true"}, [&](ProcessEnd) { ended = true; }));
        run_until(loop, [&] { return ended; });
        done.reset();
        (void)ok(
            Process::start(loop, {.program = "sleep", .arguments = {"1000"}}, [](ProcessEnd) {}));
      }
      CHECK(waitpid(-1, nullptr, WNOHANG) == -1);
      dprintf(STDOUT_FILENO, "%s\n", errno == ECHILD ? "none" : "some");
    });
    CHECK(end.printed == "none\n");
  }

  TEST_CASE("a Process may be destroyed in the callbacks of its own streams") {
    Loop loop;
    std::optional<Process> process = ok(Process::start(loop, shell("echo x; sleep 1000"),
                                                       [](ProcessEnd) { FAIL("was destroyed"); }));
    process->output().on_data([&](Stream::Bytes) { process.reset(); });
    loop.run();
    CHECK_FALSE(process);
  }

  TEST_CASE("many simultaneous processes each report their own end") {
    Loop loop;
    std::vector<Process> processes;
    std::vector<int> statuses(60, -1);
    for (int number = 0; number < 60; ++number) {
      processes.push_back(ok(Process::start(
          loop, {.program = "sh", .arguments = {"-c", "exit " + std::to_string(number)}},
          [&statuses, number](ProcessEnd end) {
            statuses[static_cast<std::size_t>(number)] = end.status;
          })));
    }
    loop.run();
    for (int number = 0; number < 60; ++number) {
      CHECK(statuses[static_cast<std::size_t>(number)] == number);
    }
  }

  TEST_CASE("a program whose standard descriptors are closed starts children like any other") {
    if (may_lose_sigchld()) {
      MESSAGE("skipped: ThreadSanitizer may keep back SIGCHLD in a forked child");
      return;
    }
    const ChildEnd end = in_child([] {
      const int printed = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 100);
      for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) close(fd);
      Loop loop;
      Command command = shell("cat; echo err >&2; ls /proc/self/fd | wc -l");
      command.input = Standard::stream;
      Running run(loop, command);
      run.process.input().write("in ");
      run.process.input().shutdown();
      run.finish();
      const std::string all = run.output.text + run.errors.text;
      CHECK(write(printed, all.data(), all.size()) == static_cast<ssize_t>(all.size()));
    });
    CHECK(end.printed == "in 4\nerr\n");
  }

  TEST_CASE("a child is watched through any free descriptor, also through descriptor 0") {
    if (may_lose_sigchld()) {
      MESSAGE("skipped: ThreadSanitizer may keep back SIGCHLD in a forked child");
      return;
    }
    const ChildEnd end = in_child([] {
      Loop loop;
      close(STDIN_FILENO);
      Command command = shell("exit 7");
      command.output = command.errors = Standard::null;
      Running run(loop, command);
      run.finish();
      if (run.end->status == 7) (void)!write(STDOUT_FILENO, "seven", 5);
    });
    CHECK(end.printed == "seven");
  }

  TEST_CASE(
      "a program that cannot be started is an error that names it, and no callback is called") {
    if (below_valgrind()) {
      MESSAGE("skipped: below valgrind a child cannot tell why it was not started");
      return;
    }
    const auto refused = [](Command command) {
      Loop loop;
      const auto process = Process::start(loop, command, [](ProcessEnd) { FAIL("never began"); });
      loop.run();
      return failure(process);
    };
    CHECK(refused({.program = "no-such-program"}) ==
          "start no-such-program: no such file or directory");
    CHECK(refused({.program = ""}) == "start: no such file or directory");
    CHECK(refused({.program = "/etc/passwd"}) == "start /etc/passwd: permission denied");
    CHECK(refused({.program = "/"}) == "start /: permission denied");
    CHECK(refused({.program = "true", .directory = "/no/such/folder"}) ==
          "start true: no such file or directory");
    CHECK(refused({.program = "true", .arguments = {std::string(4 << 20, 'x')}}) ==
          "start true: argument list too long");
    const std::string nul("a\0b", 3);
    CHECK(refused({.program = nul}).ends_with(": invalid argument"));
    CHECK(refused({.program = "true", .arguments = {nul}}) == "start true: invalid argument");
    CHECK(refused({.program = "true", .environment = {nul}}) == "start true: invalid argument");
    CHECK(refused({.program = "true", .directory = nul}) == "start true: invalid argument");
  }
}
