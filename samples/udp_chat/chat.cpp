#include "samples/udp_chat/chat.hpp"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "reactor/datagram.hpp"
#include "reactor/resolver.hpp"
#include "reactor/stop_signals.hpp"
#include "reactor/timer.hpp"
#include "samples/support/line_input.hpp"
#include "samples/support/printable.hpp"
#include "samples/support/program.hpp"
#include "samples/udp_chat/friend.hpp"

namespace udp_chat {
namespace {

// Waits after the last line: a reachable host reports earlier that nothing receives there.
constexpr std::chrono::milliseconds time_for_refusals(200);

class Chat {
 public:
  Chat(reactor::Loop& loop, const Options& options)
      : loop_(loop),
        sockets_(samples::value_of(
            reactor::DatagramSocket::bind_all(loop, options.listen, {.icmp_errors = true}))),
        end_(loop, [this] { drain(); }) {
    for (const std::string& peer : options.peers) add_friend(peer);
    for (reactor::DatagramSocket& socket : sockets_) receive_on(socket);
    samples::announce(sockets_.front().address());
    input_.emplace(
        loop, [this](std::string_view line) { send(line); },
        [this] { end_.restart(time_for_refusals); });
  }

  // Queued datagrams are still sent.
  void stop() {
    end_.cancel();
    drain();
    input_.reset();
  }

 private:
  void add_friend(const std::string& words) {
    const std::size_t sign = words.find('=');
    const std::string name = words.substr(0, sign);
    Friend added{.name = name,
                 .addresses = samples::value_of(reactor::resolve_now(words.substr(sign + 1)))};
    const auto [place, is_new] = friends_.emplace(name, std::move(added));
    if (!is_new) throw samples::Failed(name + ": named twice");
    for (const Address& address : place->second.addresses) {
      by_address_[address.to_string()] = &place->second;
    }
  }

  void receive_on(reactor::DatagramSocket& socket) {
    socket.on_received([this](std::span<const reactor::Datagram> batch) {
      input_->hide();
      for (const reactor::Datagram& datagram : batch) print(datagram);
      input_->prompt();
    });
    socket.on_error([this](const reactor::Error& error) { try_next_or_report(error); });
    socket.on_drained([this] {
      if (held_back_) send_to(held_back_->first, held_back_->second);
      if (!held_back_ && input_) input_->resume();
    });
  }

  void drain() {
    for (reactor::DatagramSocket& socket : sockets_) socket.drain();
  }

  void send(std::string_view line) {
    const std::size_t colon = end_of_name(line);
    const std::string name(line.substr(0, colon));
    std::string_view text = colon == line.npos ? "" : line.substr(colon + 1);
    if (text.starts_with(' ')) text.remove_prefix(1);
    const auto known = friends_.find(name);
    if (colon != line.npos && known != friends_.end()) {
      Friend& to = known->second;
      to.remember({std::string(text), to.current, 1, loop_.now()});
      send_to(to.addresses[to.current], std::string(text));
    } else if (const auto stranger = stranger_of(name); colon != line.npos && stranger) {
      send_to(*stranger, std::string(text));
    } else {
      report(usage());
    }
    input_->prompt();
  }

  // The position of the colon behind NAME, @HOST:PORT or @[HOST]:PORT.
  static std::size_t end_of_name(std::string_view line) {
    if (!line.starts_with('@')) return line.find(':');
    const std::size_t host_end = line.starts_with("@[") ? line.find(']') : 0;
    const std::size_t colon = host_end == line.npos ? line.npos : line.find(':', host_end);
    return colon == line.npos ? line.npos : line.find(':', colon + 1);
  }

  // Finds only a sender that wrote before, so that a mistyped address receives nothing.
  [[nodiscard]] std::optional<Address> stranger_of(std::string_view name) const {
    if (!name.starts_with('@')) return std::nullopt;
    const auto stranger =
        std::find_if(strangers_.begin(), strangers_.end(), [name](const Address& address) {
          return address.unmapped().to_string() == name.substr(1);
        });
    return stranger == strangers_.end() ? std::nullopt : std::optional(*stranger);
  }

  // A line without room waits, and so do the lines behind it.
  void send_to(const Address& address, const std::string& text) {
    const bool refused = socket_for(address).send(address, text) == reactor::WriteStatus::refused;
    held_back_ = refused ? std::optional(std::pair(address, text)) : std::nullopt;
    if (refused && input_) input_->pause();
  }

  // The socket of the address's family, if there are several.
  [[nodiscard]] reactor::DatagramSocket& socket_for(const Address& address) {
    for (reactor::DatagramSocket& socket : sockets_) {
      if (socket.address().family() == address.family()) return socket;
    }
    return sockets_.front();
  }

  void print(const reactor::Datagram& datagram) {
    const std::string address = datagram.sender.unmapped().to_string();
    const auto known = by_address_.find(address);
    if (known == by_address_.end()) {
      remember(datagram.sender);
    } else {
      known->second->note_sender(address);
    }
    std::printf("%s: %s\n",
                known != by_address_.end() ? known->second->name.c_str() : address.c_str(),
                samples::escaped(datagram.text()).c_str());
    std::fflush(stdout);
  }

  // Keeps the senders that wrote last.
  void remember(const Address& stranger) {
    std::erase(strangers_, stranger);
    if (strangers_.size() == most_strangers) strangers_.erase(strangers_.begin());
    strangers_.push_back(stranger);
  }

  // For errors such as that nothing receives at an address.
  void try_next_or_report(reactor::Error error) {
    const auto known = by_address_.find(error.subject);
    if (known != by_address_.end()) {
      Friend& to = *known->second;
      const auto again = to.leave(error.subject, loop_.now());
      for (const auto& [address, text] : again.messages) send_to(address, text);
      if (!again.messages.empty() && end_.running()) end_.restart(time_for_refusals);
      if (!again.is_lost) return;
      error.operation.clear();
      error.subject = to.name;
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
    for (const auto& [name, known] : friends_) all += (all.empty() ? "" : ", ") + name;
    std::string known = all.empty() ? "no friend is known: add one by --peer NAME=HOST:PORT"
                                    : "a line is `NAME: text`, to one of: " + all;
    if (!strangers_.empty()) {
      known += "; `@HOST:PORT: text` replies to a sender, as @" +
               strangers_.back().unmapped().to_string();
    }
    return known;
  }

  reactor::Loop& loop_;
  std::vector<reactor::DatagramSocket> sockets_;  // One for each address of this chat.
  std::map<std::string, Friend> friends_;
  std::map<std::string, Friend*> by_address_;
  std::vector<Address> strangers_;  // Senders that are not friends.
  std::optional<std::pair<Address, std::string>> held_back_;
  reactor::Timer end_;
  std::optional<samples::LineInput> input_;
};

}  // namespace

void chat(const Options& options) {
  reactor::Loop loop;
  std::optional<Chat> chat;
  const auto stop =
      samples::value_of(reactor::StopSignals::create(loop, [&chat] { chat->stop(); }));
  chat.emplace(loop, options);
  loop.run();
}

}  // namespace udp_chat
