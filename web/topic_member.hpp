// What links a WebSocket to the topics that it has joined. Internal.
#pragma once

#include <algorithm>
#include <cstddef>
#include <vector>

namespace web::inline v0 {

class TopicMember;
class WebSocketState;

/// The members of one topic, in any order.
class TopicMembers {
 public:
  TopicMembers() = default;
  TopicMembers(const TopicMembers&) = delete;
  TopicMembers& operator=(const TopicMembers&) = delete;
  inline ~TopicMembers();

  /// False if it was one already.
  inline bool add(TopicMember& member);
  inline bool remove(TopicMember& member);

  [[nodiscard]] const std::vector<TopicMember*>& all() const { return all_; }

 private:
  std::vector<TopicMember*> all_;
};

class TopicMember {
 public:
  explicit TopicMember(WebSocketState& of) : socket(of) {}
  TopicMember(const TopicMember&) = delete;
  TopicMember& operator=(const TopicMember&) = delete;
  ~TopicMember() { leave_all(); }

  void leave_all() {
    while (!joined_.empty()) joined_.back().topic->remove(*this);
  }

  WebSocketState& socket;

 private:
  friend class TopicMembers;
  struct Joined {
    TopicMembers* topic;
    std::size_t index;  // In its list.
  };

  auto find(const TopicMembers* topic) {
    return std::find_if(joined_.begin(), joined_.end(),
                        [&](const Joined& each) { return each.topic == topic; });
  }

  std::vector<Joined> joined_;
};

TopicMembers::~TopicMembers() {
  while (!all_.empty()) remove(*all_.back());
}

bool TopicMembers::add(TopicMember& member) {
  if (member.find(this) != member.joined_.end()) return false;
  member.joined_.push_back({this, all_.size()});
  all_.push_back(&member);
  return true;
}

bool TopicMembers::remove(TopicMember& member) {
  const auto link = member.find(this);
  if (link == member.joined_.end()) return false;
  TopicMember* const last = all_.back();
  last->find(this)->index = link->index;
  all_[link->index] = last;
  all_.pop_back();
  member.joined_.erase(link);
  return true;
}

}  // namespace web
