// A chat without a server: each line goes to a named peer, as one datagram.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "reactor/datagram.hpp"
#include "reactor/resolver.hpp"
#include "reactor/timer.hpp"
#include "samples/support/line_input.hpp"
#include "samples/support/printable.hpp"
#include "samples/support/program.hpp"

namespace {

struct Options {
  std::string listen = "127.0.0.1:9002";
  std::vector<std::string> peers;
};

// After the last line: a host in reach says sooner that nobody is there.
constexpr std::chrono::milliseconds time_for_refusals(200);

class Chat {
 public:
  Chat(reactor::Loop& loop, const Options& options)
      : socket_(samples::value_of(reactor::DatagramSocket::bind(
            loop, samples::value_of(reactor::resolve_now(options.listen)).front(),
            {.refusals = true}))),
        end_(loop, [this] { socket_.pause(); }) {
    for (const std::string& peer : options.peers) add_peer(peer);
    socket_.on_received([this](std::span<const reactor::Datagram> batch) {
      input_->hide();
      for (const reactor::Datagram& datagram : batch) print(datagram);
      input_->prompt();
    });
    socket_.on_error([this](const reactor::Error& error) { report_by_name(error); });
    socket_.on_drained([this] {
      if (held_back_) send_to(held_back_->first, held_back_->second);
      if (!held_back_ && input_) input_->resume();
    });
    samples::announce(socket_.address());
    input_.emplace(
        loop, [this](std::string_view line) { send(line); },
        [this] { end_.restart(time_for_refusals); });
  }

  // What is queued still leaves.
  void stop() {
    end_.cancel();
    socket_.pause();
    input_.reset();
  }

 private:
  void add_peer(const std::string& words) {
    const std::size_t sign = words.find('=');
    const auto address = samples::value_of(reactor::resolve_now(words.substr(sign + 1))).front();
    const std::string name = words.substr(0, sign);
    if (!addresses_.emplace(name, address).second) throw samples::Failed(name + ": named twice");
    names_[address.to_string()] = name;
  }

  void send(std::string_view line) {
    const std::size_t colon = end_of_name(line);
    const auto to = address_of(line.substr(0, colon));
    if (colon == line.npos || !to) {
      report(usage());
    } else {
      std::string_view text = line.substr(colon + 1);
      if (text.starts_with(' ')) text.remove_prefix(1);
      send_to(*to, std::string(text));
    }
    input_->prompt();
  }

  // Where the colon behind NAME, @HOST:PORT or @[HOST]:PORT is.
  static std::size_t end_of_name(std::string_view line) {
    if (!line.starts_with('@')) return line.find(':');
    const std::size_t host_end = line.starts_with("@[") ? line.find(']') : 0;
    const std::size_t colon = host_end == line.npos ? line.npos : line.find(':', host_end);
    return colon == line.npos ? line.npos : line.find(':', colon + 1);
  }

  // Only a sender that wrote before: a mistyped address receives nothing.
  [[nodiscard]] std::optional<reactor::Address> address_of(std::string_view name) const {
    const auto peer = addresses_.find(std::string(name));
    if (peer != addresses_.end()) return peer->second;
    if (!name.starts_with('@')) return std::nullopt;
    const auto stranger =
        std::find_if(strangers_.begin(), strangers_.end(), [name](const reactor::Address& address) {
          return address.unmapped().to_string() == name.substr(1);
        });
    return stranger == strangers_.end() ? std::nullopt : std::optional(*stranger);
  }

  // A line for which there is no room waits, and the lines behind it with it.
  void send_to(const reactor::Address& address, const std::string& text) {
    const bool full = socket_.send(address, text) == reactor::Sent::full;
    held_back_ = full ? std::optional(std::pair(address, text)) : std::nullopt;
    if (full && input_) input_->pause();
  }

  void print(const reactor::Datagram& datagram) {
    const std::string address = datagram.sender.unmapped().to_string();
    const auto known_as = names_.find(address);
    if (known_as == names_.end()) remember(datagram.sender);
    std::printf("%s: %s\n", known_as != names_.end() ? known_as->second.c_str() : address.c_str(),
                samples::escaped(datagram.text()).c_str());
    std::fflush(stdout);
  }

  // Those who have written last.
  void remember(const reactor::Address& stranger) {
    constexpr std::size_t max_strangers = 100;
    std::erase(strangers_, stranger);
    if (strangers_.size() == max_strangers) strangers_.erase(strangers_.begin());
    strangers_.push_back(stranger);
  }

  // As when nobody is there.
  void report_by_name(reactor::Error error) {
    const auto known_as = names_.find(error.subject);
    if (known_as != names_.end()) {
      error.operation.clear();
      error.subject = known_as->second;
    }
    report(error.message());
    if (input_) input_->prompt();
  }

  void report(const std::string& what) {
    if (input_) input_->hide();
    std::fprintf(stderr, "error: %s\n", what.c_str());
  }

  [[nodiscard]] std::string usage() const {
    std::string all;
    for (const auto& [name, address] : addresses_) all += (all.empty() ? "" : ", ") + name;
    std::string known = all.empty() ? "no friend is known: add one by --peer NAME=HOST:PORT"
                                    : "a line is `NAME: text`, to one of: " + all;
    if (!strangers_.empty()) {
      known += "; `@HOST:PORT: text` answers one who wrote, as @" +
               strangers_.back().unmapped().to_string();
    }
    return known;
  }

  reactor::DatagramSocket socket_;
  std::map<std::string, reactor::Address> addresses_;
  std::map<std::string, std::string> names_;  // By address.
  std::vector<reactor::Address> strangers_;   // Who wrote, without being in the list of friends.
  std::optional<std::pair<reactor::Address, std::string>> held_back_;
  reactor::Timer end_;
  std::optional<samples::LineInput> input_;
};

}  // namespace

int main(int count, char** words) {
  Options options;
  CLI::App command_line{
      "Sends lines `NAME: text` to the peer of that name, and prints what comes, until its input "
      "ends.\nA line `@HOST:PORT: text` answers somebody who has written and is no "
      "--peer.\nExample: udp_chat --listen 127.0.0.1:9002 --peer bob=127.0.0.1:9003"};
  command_line.add_option("--listen", options.listen, "HOST:PORT or [::1]:PORT; port 0: any")
      ->capture_default_str();
  command_line.add_option("--peer", options.peers, "NAME=HOST:PORT; may be repeated")
      ->take_all()
      ->check([](const std::string& peer) {
        const std::size_t sign = peer.find('=');
        if (sign == 0 || sign == peer.npos) return peer + ": not NAME=HOST:PORT";
        const std::string name = peer.substr(0, sign);
        const bool fits = name.front() != '@' && name.find(':') == name.npos;
        return fits ? "" : name + ": a name has no colon and does not begin with @";
      });
  return samples::run_program(command_line, count, words, [&] {
    reactor::Loop loop;
    std::optional<Chat> chat;
    const samples::StopSignals signals(loop, [&chat] { chat->stop(); });
    chat.emplace(loop, options);
    loop.run();
  });
}
