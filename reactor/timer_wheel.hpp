// Orders timers by expiry: constant time to insert and to remove, however many there are. Internal.
//
// Eight levels of 64 lists. A node lies at the level of the highest base-64 digit in which its
// expiry differs from the current tick, in the list of that digit: level 0 holds the next 64 ticks
// one by one, level 1 the next 4,096 in groups of 64, and so on for 2^48 ticks. When the current
// tick enters a group, its nodes move down, in order; so nodes of one tick expire in the order in
// which they were inserted.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <limits>

namespace reactor::inline v0 {

class TimerWheel {
 public:
  using Tick = std::uint64_t;
  static constexpr Tick never = std::numeric_limits<Tick>::max();

  /// A place in the wheel; part of whatever expires. Not copied or moved while linked.
  struct Node {
    Node* previous = nullptr;
    Node* next = nullptr;
    Tick expiry = 0;

    [[nodiscard]] bool linked() const { return next != nullptr; }
  };

  explicit TimerWheel(Tick now) : current_(now) {
    for (Node& list : lists_) make_empty(list);
    make_empty(due_);
  }
  TimerWheel(const TimerWheel&) = delete;
  TimerWheel& operator=(const TimerWheel&) = delete;

  /// Makes `node`, which is not linked, expire at `expiry`, or at the next tick if that is past.
  void insert(Node& node, Tick expiry) {
    node.expiry = expiry > current_ ? expiry : current_ + 1;
    place(node);
  }

  void remove(Node& node) {
    Node* const neighbour = node.next;
    unlink(node);
    if (neighbour->next != neighbour) return;
    const auto list = static_cast<std::size_t>(neighbour - lists_.data());
    if (list < lists_.size()) occupied_[list / slots] &= ~(std::uint64_t{1} << list % slots);
  }

  /// No node expires before this tick; the wheel has work to do at it.
  [[nodiscard]] Tick next() const { return due_.next != &due_ ? current_ : next_group(); }

  /// Makes `now` the current tick, and every node that expires by then due.
  void advance(Tick now) {
    for (Tick tick = next_group(); tick <= now; tick = next_group()) {
      current_ = tick;
      drop_down();
    }
    if (now > current_) current_ = now;
  }

  /// The next node that is due, null when there is none.
  [[nodiscard]] const Node* first_due() const { return due_.next == &due_ ? nullptr : due_.next; }

  /// Unlinks and returns the next node that is due, null when there is none.
  Node* pop_due() {
    Node* const node = due_.next;
    if (node == &due_) return nullptr;
    unlink(*node);
    return node;
  }

 private:
  static constexpr std::size_t bits = 6;
  static constexpr std::size_t slots = 1 << bits;
  static constexpr std::size_t levels = 8;

  static void make_empty(Node& list) { list.previous = list.next = &list; }

  static void append(Node& list, Node& node) {
    node.next = &list;
    node.previous = list.previous;
    list.previous->next = &node;
    list.previous = &node;
  }

  static void unlink(Node& node) {
    node.previous->next = node.next;
    node.next->previous = node.previous;
    node.previous = node.next = nullptr;
  }

  void place(Node& node) {
    const Tick differing = node.expiry ^ current_;
    if (differing == 0) return append(due_, node);
    const auto level = static_cast<std::size_t>(std::bit_width(differing) - 1) / bits;
    const auto slot = static_cast<std::size_t>(node.expiry >> level * bits) % slots;
    occupied_[level] |= std::uint64_t{1} << slot;
    append(lists_[level * slots + slot], node);
  }

  // The next tick at which the current tick has to stop. The lowest level that is not empty holds
  // what expires first, and all its groups lie ahead, so only the first of them is needed.
  [[nodiscard]] Tick next_group() const {
    for (std::size_t level = 0; level < levels; ++level) {
      if (occupied_[level] == 0) continue;
      const auto slot = static_cast<Tick>(std::countr_zero(occupied_[level]));
      const std::size_t shift = level * bits;
      return (current_ >> shift >> bits << bits | slot) << shift;
    }
    return never;
  }

  // The current tick has just entered a group: its nodes move to a lower level, or are due.
  void drop_down() {
    for (std::size_t level = 0; level < levels; ++level) {
      const auto slot = static_cast<std::size_t>(current_ >> level * bits) % slots;
      const std::uint64_t bit = std::uint64_t{1} << slot;
      if (!(occupied_[level] & bit)) continue;
      occupied_[level] &= ~bit;
      Node& list = lists_[level * slots + slot];
      while (list.next != &list) {
        Node& node = *list.next;
        unlink(node);
        place(node);
      }
      return;
    }
  }

  Tick current_;
  std::array<std::uint64_t, levels> occupied_{};  // A bit for each list that is not empty.
  std::array<Node, levels * slots> lists_;
  Node due_;
};

}  // namespace reactor
