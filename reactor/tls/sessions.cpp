#include "reactor/tls/sessions.hpp"

#include <algorithm>

namespace reactor::inline v0::tls {

void Sessions::keep(const std::string& name, SessionPtr session) {
  const std::lock_guard lock(mutex_);
  sessions_.emplace_front(name, std::move(session));
  if (sessions_.size() > most) sessions_.pop_back();
}

SessionPtr Sessions::take(const std::string& name) {
  const std::lock_guard lock(mutex_);
  const auto found = std::find_if(sessions_.begin(), sessions_.end(),
                                  [&](const auto& entry) { return entry.first == name; });
  if (found == sessions_.end()) return nullptr;
  SessionPtr session = std::move(found->second);
  sessions_.erase(found);
  return session;
}

void Sessions::clear() {
  const std::lock_guard lock(mutex_);
  sessions_.clear();
}

}  // namespace reactor::tls
