// A chat room: what one says, all read. Lines of UTF-8 in both directions:
//
//     hello, all              said to everybody, who receive `NAME: hello, all`
//     /nick NAME              a name to be known by, guest-1 and so on until then
//     /who  /quit
//     * ann joined            from the server; nobody can say a line that begins like this
//     ! that name is taken    from the server, to one client: a command that was refused
//
// A client joins with its first line, under its name if that line is a /nick. Everybody receives
// everything in the same order, its sender too. A client that does not read is dropped when more
// than --max-unread bytes wait for it; nobody else waits.
#include <cstdio>
#include <set>
#include <string>
#include <string_view>

#include "protocols/lines.hpp"
#include "reactor/server.hpp"
#include "support/printable.hpp"
#include "support/program.hpp"

namespace {

class Room;

struct Member {
  reactor::Stream& stream;
  Room& room;
  std::string name;
  bool joined = false;

  void on_frame(std::string_view line);
  void on_end();
  void on_close(const reactor::Error& error);
};

using ChatServer = reactor::Server<Member, protocols::LineDecoder>;

constexpr std::size_t max_text_bytes = 4096;
constexpr std::size_t max_name_bytes = 32;

class Room {
 public:
  Room(reactor::Loop& loop, const std::string& endpoint, std::size_t max_unread_bytes)
      : loop_(loop),
        server_(samples::value_of(
            ChatServer::listen(loop, endpoint, {.limits = {.max_queued_bytes = max_unread_bytes}},
                               [this](reactor::Stream& stream) {
                                 return Member{stream, *this, guest_name()};
                               }))) {
    samples::announce(server_.address());
  }

  void stop() { server_.drain(); }

  void hear(Member& member, std::string_view line) {
    if (line == "/quit") return leave(member);
    if (line.starts_with("/nick ")) return rename(member, std::string(line.substr(6)));
    join(member);
    if (line == "/who") return list_names(member);
    if (line.starts_with('/')) return answer(member, "! commands are /nick NAME, /who, /quit\n");
    if (line.size() > max_text_bytes) return answer(member, "! that line is too long\n");
    const std::string text = samples::printable(line);
    if (!text.empty()) tell_all(member.name + ": " + text + '\n');
  }

  // The last to be said to a client may be its own last line.
  void leave(Member& member) {
    tell_now();
    member.stream.close();
    forget(member);
  }

  void forget(Member& member) {
    const std::string name = std::exchange(member.name, {});
    names_.erase(name);
    if (std::exchange(member.joined, false)) tell_all("* " + name + " left\n");
  }

 private:
  std::string guest_name() {
    for (;;) {
      std::string name = "guest-" + std::to_string(++guests_);
      if (names_.insert(name).second) return name;
    }
  }

  void join(Member& member) {
    if (!std::exchange(member.joined, true)) tell_all("* " + member.name + " joined\n");
  }

  void rename(Member& member, std::string name) {
    const bool fit = !name.empty() && name.size() <= max_name_bytes &&
                     name.find_first_of(" :") == name.npos && name.front() != '*' &&
                     name.front() != '!' && samples::printable(name) == name;
    if (!fit) return answer(member, "! a name has 1 to 32 bytes, no space and no colon\n");
    if (name != member.name && !names_.insert(name).second) {
      return answer(member, "! that name is taken\n");
    }
    if (name != member.name) names_.erase(member.name);
    const std::string before = std::exchange(member.name, name);
    if (member.joined) tell_all("* " + before + " is now " + name + '\n');
    join(member);
  }

  void list_names(Member& member) {
    std::string list = "* " + std::to_string(names_.size()) + " here:\n";
    for (const std::string& name : names_) list += "*   " + name + '\n';
    answer(member, list);
  }

  void answer(Member& member, std::string_view text) {
    tell_now();  // What was said before comes before.
    member.stream.write(text);
  }

  // Everything said in one turn of the loop is encoded once, and goes to each in one system call.
  void tell_all(std::string_view line) {
    constexpr std::size_t enough_at_once = 65536;
    if (said_.empty()) loop_.post([this] { tell_now(); });
    said_ += line;
    if (said_.size() >= enough_at_once) tell_now();
  }

  void tell_now() {
    if (said_.empty()) return;
    server_.for_each([this](Member& member) { member.stream.write(said_); });
    said_.clear();
  }

  reactor::Loop& loop_;
  std::set<std::string> names_;
  std::size_t guests_ = 0;
  std::string said_;
  ChatServer server_;
};

void Member::on_frame(std::string_view line) { room.hear(*this, line); }
void Member::on_end() { room.leave(*this); }
void Member::on_close(const reactor::Error& error) {
  if (error) std::fprintf(stderr, "%s\n", error.message().c_str());
  room.forget(*this);
}

}  // namespace

int main(int count, char** words) {
  std::string endpoint = "127.0.0.1:9000";
  std::size_t max_unread_bytes = 4 << 20;
  CLI::App command_line{
      "A chat room: what one says, all read.\n"
      "Example: chat_server --listen 127.0.0.1:9000"};
  command_line.option_defaults()->always_capture_default();
  command_line.add_option("--listen", endpoint, "HOST:PORT, [::1]:PORT or unix:PATH; port 0: any");
  command_line.add_option("--max-unread", max_unread_bytes,
                          "Bytes that may wait for a client before it is dropped");
  return samples::run_program(command_line, count, words, [&] {
    reactor::Loop loop;
    Room room(loop, endpoint, max_unread_bytes);
    const auto signals = samples::stop_on_signals(loop, [&] { room.stop(); });
    loop.run();
  });
}
