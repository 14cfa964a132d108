#include "reactor/simulation/socket.hpp"

#include <netinet/in.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace reactor::inline v0::simulation {
namespace {

// How many ports the system may choose from.
constexpr int most_choices = 16'384;

}  // namespace

unsigned reported(Interest interest) {
  unsigned events = Happened::failed | Happened::hung_up;
  if (interest & Interest::readable) events |= Happened::readable;
  if (interest & Interest::writable) events |= Happened::writable;
  if (interest & Interest::priority) events |= Happened::priority;
  if (interest & Interest::peer_closed) events |= Happened::peer_closed;
  return events;
}

int Socket::bind(const Endpoint& to) {
  if (is_bound) return -EINVAL;
  const bool is_specific =
      !to.ip.is_any() && !to.ip.is_loopback() && !to.ip.is_multicast() && !to.ip.is_broadcast();
  if (is_specific) {
    Computer* const owner = world_.computer(to.ip);
    if (!owner || (host && host != owner)) return -EADDRNOTAVAIL;
    host = owner;
  }
  local = to;
  is_bound = true;
  if (const int failed = claim_address()) {
    local = {};
    is_bound = false;
    return failed;
  }
  return 0;
}

int Socket::bind_to_any_port() {
  if (is_bound) return 0;
  is_bound = true;
  if (const int failed = claim_address()) {
    is_bound = false;
    return failed;
  }
  return 0;
}

// Also called once a socket that was bound without a host gets one.
int Socket::claim_address() {
  if (local.port == 0) has_chosen_port_ = true;
  if (local.port == 0) local.port = world_.next_port();
  if (!host) return 0;
  for (int choices = 1; has_conflict(); ++choices) {
    if (!has_chosen_port_) return -EADDRINUSE;
    if (choices == most_choices) return peer_address.port != 0 ? -EADDRNOTAVAIL : -EADDRINUSE;
    local.port = world_.next_port();
  }
  host->ports(type_ == SOCK_STREAM)[local.port].push_back(this);
  return 0;
}

bool Socket::has_conflict() const {
  const auto& ports = host->ports(type_ == SOCK_STREAM);
  const auto same_port = ports.find(local.port);
  return same_port != ports.end() &&
         std::any_of(same_port->second.begin(), same_port->second.end(),
                     [this](const Socket* other) { return conflicts_with(*other); });
}

bool Socket::is_only_ipv6() const {
  return family_ == AF_INET6 && int_option(IPPROTO_IPV6, IPV6_V6ONLY) != 0;
}

bool Socket::conflicts_with(const Socket& other) const {
  if (!overlap(local.ip, other.local.ip)) return false;
  if (is_only_ipv6() && other.family_ == AF_INET) return false;
  if (other.is_only_ipv6() && family_ == AF_INET) return false;
  const auto both = [&](int option) {
    return int_option(SOL_SOCKET, option) != 0 && other.int_option(SOL_SOCKET, option) != 0;
  };
  if (both(SO_REUSEPORT)) return false;
  return !(both(SO_REUSEADDR) && (type_ == SOCK_DGRAM || !other.is_listening()));
}

void Socket::release_port() {
  if (!host || local.port == 0) return;
  auto& all = host->ports(type_ == SOCK_STREAM);
  const auto place = all.find(local.port);
  if (place == all.end()) return;
  std::erase(place->second, this);
  if (place->second.empty()) all.erase(place);
}

int Socket::settle_on(Computer& on) {
  if (host == &on) return 0;
  if (host) return -EXDEV;
  host = &on;
  if (is_bound) {
    if (const int failed = claim_address()) {
      host = nullptr;
      return failed;
    }
  }
  begin();
  return 0;
}

void Socket::drop_use() {
  if (--uses > 0) return;
  is_open = false;
  remove_all();
  close();
}

void Socket::add(const Registration& registration) {
  registrations_.push_back(registration);
  wake(~0U);
}

bool Socket::change(Token token, Interest interest, Trigger trigger) {
  Registration* const registration = find(token);
  if (!registration) return false;
  registration->interest = interest;
  registration->trigger = trigger;
  registration->is_disabled = false;
  if (!registration->is_listed) {
    registration->is_listed = true;
    registration->list->push_back({this, token});
  }
  return true;
}

void Socket::remove(Token token) {
  std::erase_if(registrations_,
                [token](const Registration& registration) { return registration.token == token; });
}

Socket::Registration* Socket::find(Token token) {
  const auto place =
      std::find_if(registrations_.begin(), registrations_.end(),
                   [token](const Registration& known) { return known.token == token; });
  return place == registrations_.end() ? nullptr : &*place;
}

std::vector<Socket::Registration*> Socket::registrations_in(const ReadyList& list) {
  std::vector<Registration*> found;
  for (Registration& registration : registrations_) {
    if (registration.list == &list) found.push_back(&registration);
  }
  return found;
}

void Socket::wake(unsigned what) {
  for (Registration& registration : registrations_) {
    if (registration.is_listed || registration.is_disabled ||
        !(what & reported(registration.interest)))
      continue;
    registration.is_listed = true;
    registration.list->push_back({this, registration.token});
  }
}

int Socket::int_option(int level, int number) const {
  const auto place = options.find({level, number});
  int value = 0;
  if (place != options.end() && place->second.size() >= sizeof value) {
    std::memcpy(&value, place->second.data(), sizeof value);
  }
  return value;
}

}  // namespace reactor::simulation
