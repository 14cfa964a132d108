// Lookups against a name server of the test's own, in namespaces of the test's own: once by c-ares,
// where the library has it, and once by the threads that ask getaddrinfo.
#include <doctest/doctest.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "protocols/length_prefixed.hpp"
#include "reactor/ares_channel.hpp"
#include "reactor/datagram.hpp"
#include "reactor/platform/platform.hpp"
#include "reactor/resolver.hpp"
#include "reactor/server.hpp"
#include "support/child.hpp"
#include "support/run_until.hpp"

using namespace reactor;
using namespace std::chrono_literals;
using namespace std::string_literals;

namespace {

enum Type : int { a = 1, ptr = 12, aaaa = 28 };
enum Code : int { no_error = 0, server_failed = 2, no_such_name = 3, refused = 5 };

// How the server answers for a name; a question of a type that is not in `records` has no data.
struct Zone {
  std::multimap<Type, std::string> records;
  Code code = no_error;
  bool answers = true;
  bool needs_tcp = false;     // By UDP it says that the answer was cut.
  bool forged_first = false;  // An answer with another number comes before.
};

std::string u16(std::size_t value) {
  return {static_cast<char>(value >> 8), static_cast<char>(value & 255)};
}

// RFC 1035 section 4.1: a message with one question, of which `zones` knows the answer.
class NameServer {
 public:
  explicit NameServer(Loop& loop, const std::string& host = "127.0.0.1")
      : udp_(DatagramSocket::bind(loop, host + ":53").value()),
        tcp_(Server<Session, protocols::LengthPrefixedDecoder>::listen(
                 loop, host + ":53", {},
                 [this](Stream& stream) {
                   return Session{stream, *this};
                 })
                 .value()) {
    tcp_.set_decoder([] {
      return protocols::LengthPrefixedDecoder({.length_field = protocols::LengthField::u16});
    });
    udp_.on_received([this](std::span<const Datagram> batch) {
      for (const Datagram& datagram : batch) {
        const std::string question(protocols::as_text(datagram.bytes));
        const Zone& zone = zone_of(question);
        if (!zone.answers) continue;
        if (zone.forged_first) udp_.reply(datagram, "!!" + answer(question, false).substr(2));
        udp_.reply(datagram, answer(question, zone.needs_tcp));
      }
    });
  }

  std::map<std::string, Zone> zones;

 private:
  struct Session {
    Stream& stream;
    NameServer& server;
    void on_frame(protocols::Bytes question) {
      const std::string message = server.answer(std::string(protocols::as_text(question)), false);
      stream.write(u16(message.size()) + message);
    }
  };

  static std::string name_in(const std::string& message) {
    std::string name;
    for (std::size_t at = 12; at < message.size() && message[at] != 0;) {
      const auto size = static_cast<std::size_t>(message[at]);
      name += (name.empty() ? "" : ".") + message.substr(at + 1, size);
      at += 1 + size;
    }
    return name;
  }

  [[nodiscard]] const Zone& zone_of(const std::string& message) const {
    static const Zone unknown{.code = no_such_name};
    const auto found = zones.find(name_in(message));
    return found == zones.end() ? unknown : found->second;
  }

  [[nodiscard]] std::string answer(const std::string& question, bool cut) const {
    const Zone& zone = zone_of(question);
    const std::size_t end = 12 + name_in(question).size() + 2 + 4;
    const Type type{static_cast<unsigned char>(question[end - 3])};
    const auto [first, last] = zone.records.equal_range(type);
    const auto count = cut ? 0 : static_cast<std::size_t>(std::distance(first, last));
    const std::size_t flags = 0x8180 | (cut ? 0x0200U : 0U) | static_cast<unsigned>(zone.code);
    std::string message = question.substr(0, 2) + u16(flags) + u16(1) + u16(count) + u16(0) +
                          u16(0) + question.substr(12, end - 12);
    for (auto record = first; count > 0 && record != last; ++record) {
      // A pointer to the name of the question, the type, the class, a minute to live.
      message += u16(0xC00C) + u16(static_cast<std::size_t>(type)) + u16(1) + u16(0) + u16(60) +
                 u16(record->second.size()) + record->second;
    }
    return message;
  }

  DatagramSocket udp_;
  Server<Session, protocols::LengthPrefixedDecoder> tcp_;
};

// The bytes of a record: of an address, and of a name of one label and "test".
std::string ipv4(int last) { return "\x0a\0\0"s + static_cast<char>(last); }
std::string ipv6(int last) { return "\xfd"s + std::string(14, '\0') + static_cast<char>(last); }
std::string name(const std::string& label) {
  return static_cast<char>(label.size()) + label + "\4test\0"s;
}

// Gives this process a loopback of its own, and a resolv.conf that names the server there. False
// where it may not.
bool enter_namespaces(const std::filesystem::path& folder) {
  if (unshare(CLONE_NEWNET | CLONE_NEWNS) != 0) return false;
  std::ofstream(folder / "resolv.conf") << "nameserver 127.0.0.1\n";
  std::ofstream(folder / "hosts") << "127.0.0.1 localhost\n10.0.0.77 listed.test\n";
  std::ofstream(folder / "nsswitch.conf") << "hosts: files dns\nservices: files\n";
  if (mount("none", "/", "", MS_REC | MS_PRIVATE, nullptr) != 0) return false;
  for (const char* file : {"resolv.conf", "hosts", "nsswitch.conf"}) {
    const std::string there = std::string("/etc/") + file;
    if (!std::filesystem::exists(there)) std::ofstream{there};
    if (mount((folder / file).c_str(), there.c_str(), "", MS_BIND, nullptr) != 0) return false;
  }
  ifreq loopback{};
  std::snprintf(loopback.ifr_name, sizeof loopback.ifr_name, "lo");
  loopback.ifr_flags = IFF_UP;
  const auto socket = Socket::open(Family::ipv4, SocketType::datagram);
  return socket && ioctl(socket->fd(), SIOCSIFFLAGS, &loopback) == 0;
}

// Prints what a lookup answers: addresses, or the error.
void print_addresses(Loop& loop, const std::string& endpoint, LookupOptions options = {}) {
  std::optional<std::string> text;
  const auto lookup =
      Lookup::start(loop, endpoint, options, [&](const Result<std::vector<Address>>& found) {
        text = found ? "" : found.error().message();
        if (!found) return;
        for (const Address& address : *found) *text += ' ' + address.to_string();
      });
  run_until(loop, [&] { return text.has_value(); });
  std::printf("%s:%s\n", endpoint.c_str(), text->c_str());
}

void print_name(Loop& loop, const std::string& address) {
  std::optional<std::string> text;
  const auto lookup = Lookup::name_of(
      loop, *Address::parse(address + ":0"), {},
      [&](const Result<std::string>& found) { text = found ? *found : found.error().message(); });
  run_until(loop, [&] { return text.has_value(); });
  std::printf("%s: %s\n", address.c_str(), text->c_str());
}

void look_everything_up(Loop& loop) {
  NameServer server(loop);
  server.zones = {
      {"both.test", {{{a, ipv4(1)}, {aaaa, ipv6(1)}}}},
      {"old.test", {{{a, ipv4(2)}}}},
      {"silent.test", {.answers = false}},
      {"failed.test", {.code = server_failed}},
      {"refused.test", {.code = refused}},
      {"cut.test", {.records = {{a, ipv4(3)}}, .needs_tcp = true}},
      {"forged.test", {.records = {{a, ipv4(4)}}, .forged_first = true}},
      {"2.0.0.10.in-addr.arpa", {{{ptr, name("old")}}}},
  };
  print_addresses(loop, "both.test:80", {.family = Family::ipv4});
  print_addresses(loop, "both.test:80", {.family = Family::ipv6});
  print_addresses(loop, "old.test:80");
  print_addresses(loop, "old.test:80", {.family = Family::ipv6});
  print_addresses(loop, "unknown.test:80");
  print_addresses(loop, "listed.test:80", {.family = Family::ipv4});
  print_addresses(loop, "silent.test:80", {.timeout = 20ms});
  print_addresses(loop, "failed.test:80");
  print_addresses(loop, "refused.test:80");
  print_addresses(loop, "cut.test:80", {.family = Family::ipv4});
  print_addresses(loop, "forged.test:80", {.family = Family::ipv4});
  print_name(loop, "10.0.0.2");
  print_name(loop, "10.0.0.3");
}

constexpr char everything[] =
    "both.test:80: 10.0.0.1:80\n"
    "both.test:80: [fd00::1]:80\n"
    "old.test:80: 10.0.0.2:80\n"
    "old.test:80:resolve old.test:80: no such name\n"
    "unknown.test:80:resolve unknown.test:80: no such name\n"
    "listed.test:80: 10.0.0.77:80\n"
    "silent.test:80:resolve silent.test:80: connection timed out (no answer within 20 ms)\n"
    "failed.test:80:resolve failed.test:80: the name servers do not answer\n"
    "refused.test:80:resolve refused.test:80: the name servers do not answer\n"
    "cut.test:80: 10.0.0.3:80\n"
    "forged.test:80: 10.0.0.4:80\n"
    "10.0.0.2: old.test\n"
    "10.0.0.3: resolve 10.0.0.3: no such name\n";

// What `body` prints in namespaces of its own; none where it may have none.
std::optional<std::string> in_namespaces(const std::function<void()>& body) {
  const std::filesystem::path folder =
      std::filesystem::temp_directory_path() / ("names-" + std::to_string(getpid()));
  std::filesystem::create_directory(folder);
  std::fflush(stdout);  // Else the child prints what this process has not printed yet.
  const ChildEnd end = in_child([&] {
    if (!enter_namespaces(folder)) {
      std::printf("no namespaces");
    } else {
      body();
    }
    std::fflush(stdout);
  });
  std::filesystem::remove_all(folder);
  CHECK_MESSAGE(end.succeeded(), end.printed);
  if (end.printed != "no namespaces") return end.printed;
  MESSAGE("not checked: namespaces of one's own need root");
  return std::nullopt;
}

// How many threads ("task") or open descriptors ("fd") this process has.
std::ptrdiff_t count_of(const std::string& what) {
  return std::distance(std::filesystem::directory_iterator("/proc/self/" + what), {});
}

}  // namespace

TEST_SUITE("name server") {
  TEST_CASE("the loop asks the name servers itself, without a thread") {
    const auto printed = in_namespaces([] {
      Loop loop;
      if (!AresChannel::of(loop)) {
        std::printf("%s", everything);
        return;
      }
      const auto before = count_of("task");
      look_everything_up(loop);
      if (count_of("task") != before) std::printf("there is a thread more\n");
    });
    if (printed) CHECK(*printed == everything);
  }

  TEST_CASE("a thread that asks getaddrinfo has the same answers") {
    const auto printed = in_namespaces([] {
      struct Other : platform::Platform {
      } other;  // That of the kernel but for its name.
      const platform::Use use(other);
      Loop loop;
      look_everything_up(loop);
    });
    if (printed) CHECK(*printed == everything);
  }

  TEST_CASE("an internationalized name is converted before the server is asked") {
    const auto printed = in_namespaces([] {
      Loop loop;
      NameServer server(loop);
      server.zones = {{"xn--bcher-kva.test", {{{a, ipv4(1)}}}}};
      print_addresses(loop, "b\u00fccher.test:80", {.family = Family::ipv4});
    });
    if (printed) CHECK(*printed == "b\u00fccher.test:80: 10.0.0.1:80\n");
  }

  TEST_CASE("a lookup asks the servers that resolv.conf names when it is started") {
    const auto printed = in_namespaces([] {
      Loop loop;
      NameServer first(loop), second(loop, "127.0.0.2");
      first.zones = {{"moved.test", {{{a, ipv4(1)}}}}};
      second.zones = {{"moved.test", {{{a, ipv4(2)}}}}};
      print_addresses(loop, "moved.test:80", {.family = Family::ipv4});
      std::ofstream("/etc/resolv.conf") << "nameserver 127.0.0.2\n";
      print_addresses(loop, "moved.test:80", {.family = Family::ipv4});
    });
    if (printed) CHECK(*printed == "moved.test:80: 10.0.0.1:80\nmoved.test:80: 10.0.0.2:80\n");
  }

  TEST_CASE("nothing is left of lookups that are destroyed while the server is asked") {
    const auto printed = in_namespaces([] {
      Loop loop;
      if (!AresChannel::of(loop)) return;
      const auto silent =
          DatagramSocket::bind(loop, "127.0.0.1:53").value();  // tidy-ok: its own loopback
      const auto before = count_of("fd");
      for (const bool is_run : {false, true}) {
        std::vector<Lookup> lookups;
        for (int number = 0; number < 1000; ++number) {
          lookups.push_back(Lookup::start(loop, std::to_string(number) + ".test:80",
                                          [](const auto&) { std::printf("an answer\n"); }));
        }
        if (is_run) loop.run_once();
        // A socket for each server, not for each lookup.
        if (const auto more = count_of("fd") - before; more < 1 || more > 2) {
          std::printf("%td descriptors more\n", more);
        }
        lookups.clear();
        if (count_of("fd") != before) std::printf("descriptors are left\n");
      }
    });
    if (printed) CHECK(*printed == "");
  }
}
