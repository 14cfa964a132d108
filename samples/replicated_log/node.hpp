// A node of a group that keeps one list of lines, whichever minority of the nodes fails.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <deque>
#include <functional>
#include <sstream>
#include <string>
#include <vector>

#include "protocols/lines.hpp"
#include "reactor/datagram.hpp"
#include "reactor/random_bytes.hpp"
#include "reactor/server.hpp"
#include "reactor/timer.hpp"
#include "samples/support/failed.hpp"

namespace replicated_log {

/// A line, and the term of the leader that added it. The first entry of each leader has no text.
struct Entry {
  std::uint64_t term = 0;
  std::string text;
};

/// What a node must still know after a restart.
struct Memory {
  std::uint64_t term = 0;
  bool has_voted = false;  // In this term.
  std::vector<Entry> log = {};
};

/// What nodes send to one another, as text: `a 3 7205500 12 3 11 3 a line`.
struct Message {
  enum Kind : char { append = 'a', appended = 'y', missing = 'n', candidate = 'c', vote = 'v' };

  char kind = append;
  std::uint64_t term = 0;
  std::int64_t sent_at = 0;      // By the leader's clock; a follower sends it back.
  std::uint64_t index = 0;       // The entry before the new one, or the last that the sender has.
  std::uint64_t index_term = 0;  // The term of that entry.
  std::uint64_t committed = 0;   // So many entries are on a majority of the nodes.
  Entry entry = {};              // Term 0: none.

  [[nodiscard]] std::string encode() const {
    return fmt::format("{} {} {} {} {} {} {} {}", kind, term, sent_at, index, index_term, committed,
                       entry.term, entry.text);
  }
  [[nodiscard]] bool decode(const std::string& text) {
    std::istringstream in(text);
    in >> kind >> term >> sent_at >> index >> index_term >> committed >> entry.term;
    return in && in.get() == ' ' && (std::getline(in, entry.text) || in.eof());
  }
};

/// The nodes elect a leader by majority, as in Raft, and it sends them its log. A follower that
/// hears from the leader promises to vote for no other for a second. A leader with the promises of
/// a majority holds a lease: no other node leads, so it reads its log without asking the others.
///
/// A client, by TCP to the same port, gets `added` for `add TEXT` once a majority has the line; for
/// `list` it gets all lines, and `end`. If its connection ends first, a line may be added or not.
class Node {
 public:
  /// `save` is called before anything is sent that depends on a change of `memory`.
  Node(reactor::Loop& loop, const reactor::Address& own, const std::vector<reactor::Address>& peers,
       Memory& memory, reactor::Callback<void()> save, const reactor::ServerOptions& options = {})
      : loop_(loop),
        memory_(memory),
        save_(std::move(save)),
        server_(samples::value_of(Server::listen(loop, own, options,
                                                 [this](reactor::Stream& of) {
                                                   return Client{of, *this};
                                                 }))),
        socket_(samples::value_of(reactor::DatagramSocket::bind(loop, server_.address()))),
        ticks_(reactor::Timer::every(loop, std::chrono::milliseconds(100), [this] { tick(); })) {
    for (const auto& address : peers) peers_.push_back({address});
    note_promise();  // What it promised before a restart is not known.
    socket_.on_received([this](std::span<const reactor::Datagram> batch) {
      for (const reactor::Datagram& datagram : batch) receive(datagram);
    });
  }

  [[nodiscard]] const reactor::Address& address() const { return server_.address(); }
  [[nodiscard]] bool holds_lease() { return role_ == leader && now() < lease_end(); }

 private:
  using Time = std::chrono::nanoseconds;
  static constexpr Time promise = std::chrono::seconds(1);
  static constexpr Time lease = std::chrono::milliseconds(900);  // Clocks differ a little.
  enum Role : char { follower, candidate, leader };

  struct Peer {
    reactor::Address address;
    std::size_t matching = 0;  // So many entries are known to be there.
    std::size_t next = 0;      // The entry to send.
    Time promised_at{};        // When that was sent to which its last promise responds.
    bool votes = false;
  };

  struct Client {
    void on_frame(std::string_view line) { node.request(*this, line); }
    reactor::Stream& stream;
    Node& node;
    std::deque<std::size_t> waits_for = {};  // The entries to be committed.
  };
  using Server = reactor::Server<Client, protocols::LineDecoder>;

  [[nodiscard]] Time now() { return loop_.now().time_since_epoch(); }
  [[nodiscard]] Time promised() { return role_ == leader ? lease_end() : promised_until_; }
  [[nodiscard]] Time lease_end() { return of_majority(now(), &Peer::promised_at) + lease; }
  [[nodiscard]] std::uint64_t term_of(std::size_t index) const {
    return index == 0 ? 0 : memory_.log[index - 1].term;
  }

  // The value that a majority of the nodes has reached, this one included.
  template <class Value>
  [[nodiscard]] Value of_majority(Value own, Value Peer::*value) const {
    std::vector<Value> all{own};
    for (const Peer& peer : peers_) all.push_back(peer.*value);
    std::ranges::sort(all, std::greater());
    return all[all.size() / 2];
  }

  void request(Client& client, std::string_view line) {
    const auto respond = [&](std::string_view text) { (void)client.stream.write(text); };
    // The first entry of a leader is committed after all entries of earlier leaders.
    const bool may_read = holds_lease() && term_of(committed_) == memory_.term;
    if (!may_read) return respond("not the leader\n");
    if (line == "list") {
      for (std::size_t i = 0; i < committed_; ++i) {
        if (!memory_.log[i].text.empty()) respond(memory_.log[i].text + "\n");
      }
      return respond("end\n");
    }
    const bool is_line = line.starts_with("add ") && line.size() > 4 && line.size() <= 200;
    if (!is_line || memory_.log.size() >= 1000) return respond("refused\n");
    client.waits_for.push_back(memory_.log.size() + 1);
    add(std::string(line.substr(4)));
  }

  void add(std::string text) {
    memory_.log.push_back({memory_.term, std::move(text)});
    save_();
    commit();
    for (const Peer& peer : peers_) send_next(peer);
  }

  void send_next(const Peer& peer) {
    const auto entry = peer.next == memory_.log.size() ? Entry() : memory_.log[peer.next];
    send(peer, {Message::append, memory_.term, now().count(), peer.next, term_of(peer.next),
                committed_, entry});
  }

  void take_response(Peer& peer, const Message& message) {
    peer.promised_at = std::max(peer.promised_at, Time(message.sent_at));
    const auto index = std::min<std::size_t>(message.index, memory_.log.size());
    if (message.kind == Message::appended) peer.matching = std::max(peer.matching, index);
    peer.next = std::max(peer.matching, index);
    commit();
    if (peer.next < memory_.log.size()) send_next(peer);
  }

  // An entry of an earlier term is not safe on a majority until one of this term follows it.
  void commit() {
    const auto index = of_majority(memory_.log.size(), &Peer::matching);
    if (index <= committed_ || term_of(index) != memory_.term) return;
    committed_ = index;
    server_.for_each([this](Client& client) {
      for (auto& waits = client.waits_for; !waits.empty() && waits.front() <= committed_;) {
        waits.pop_front();
        client.stream.write("added\n");
      }
    });
  }

  void take_append(const Peer& from, const Message& message) {
    note_promise();
    role_ = follower;
    std::vector<Entry>& log = memory_.log;
    auto have = std::min<std::uint64_t>(message.index, log.size());
    if (have < message.index || term_of(have) != message.index_term) {
      if (have > 0) --have;
      return send(from, {Message::missing, memory_.term, message.sent_at, have});
    }
    const Entry& entry = message.entry;
    if (entry.term != 0 && (have == log.size() || log[have].term != entry.term)) {
      log.resize(have);
      log.push_back(entry);
      save_();
    }
    if (entry.term != 0) ++have;
    committed_ = std::max<std::size_t>(committed_, std::min(message.committed, have));
    send(from, {Message::appended, memory_.term, message.sent_at, have});
  }

  // To stand at the same time as another node would divide the votes.
  void note_promise() {
    promised_until_ = now() + promise;
    std::byte random{};
    reactor::fill_randomly({&random, 1});
    stands_at_ = promised_until_ + 4 * std::chrono::milliseconds(std::to_integer<int>(random));
  }

  void tick() {
    if (role_ == leader) {
      for (const Peer& peer : peers_) send_next(peer);
    } else if (now() >= stands_at_) {
      note_promise();
      enter_term(memory_.term + 1, candidate);
      const std::size_t last = memory_.log.size();
      for (Peer& peer : peers_) {
        peer.votes = false;
        send(peer, {Message::candidate, memory_.term, 0, last, term_of(last)});
      }
      lead_if_elected();
    }
  }

  // A candidate votes for itself. Clients that wait see their connection end.
  void enter_term(std::uint64_t term, Role role) {
    memory_.term = term;
    memory_.has_voted = role == candidate;
    save_();
    role_ = role;
    server_.for_each([](Client& client) {
      if (!client.waits_for.empty()) client.stream.close();
    });
  }

  void take_candidate(const Peer& peer, const Message& message) {
    const std::uint64_t last = memory_.log.size();
    const bool has_less =
        std::pair(message.index_term, message.index) < std::pair(term_of(last), last);
    if (memory_.has_voted || has_less) return;
    memory_.has_voted = true;
    save_();
    send(peer, {Message::vote, memory_.term});
  }

  void lead_if_elected() {
    const auto votes = std::ranges::count(peers_, true, &Peer::votes);
    if (role_ != candidate || std::cmp_less(votes, (peers_.size() + 1) / 2)) return;
    role_ = leader;
    for (Peer& peer : peers_) peer = {peer.address, 0, memory_.log.size()};
    add("");
  }

  void send(const Peer& to, const Message& message) { socket_.send(to.address, message.encode()); }

  void receive(const reactor::Datagram& datagram) {
    const auto peer = std::ranges::find(peers_, datagram.sender, &Peer::address);
    Message message;
    if (peer == peers_.end() || !message.decode(std::string(datagram.text()))) return;
    const char kind = message.kind;
    if (kind == Message::candidate && now() < promised()) return;  // Comment out: two leases.
    if (message.term > memory_.term) enter_term(message.term, follower);
    if (message.term < memory_.term) {
      if (kind == Message::append) send(*peer, {Message::missing, memory_.term});
    } else if (kind == Message::append) {
      take_append(*peer, message);
    } else if (kind == Message::candidate) {
      take_candidate(*peer, message);
    } else if (kind == Message::vote) {
      peer->votes = true;
      lead_if_elected();
    } else if (role_ == leader) {
      take_response(*peer, message);
    }
  }

  reactor::Loop& loop_;
  Memory& memory_;
  reactor::Callback<void()> save_;
  std::vector<Peer> peers_;
  Server server_;
  reactor::DatagramSocket socket_;
  reactor::Timer ticks_;
  Time promised_until_{};
  Time stands_at_{};
  Role role_ = follower;
  std::size_t committed_ = 0;
};

}  // namespace replicated_log
