#include "samples/kv_server/store.hpp"

#include <algorithm>
#include <bit>
#include <cstring>
#include <span>
#include <utility>

#include "reactor/random_bytes.hpp"

namespace kv {
namespace {

constexpr int most_expired_at_once = 1000;

struct SipState {
  std::uint64_t a, b, c, d;

  void round() {
    a += b;
    b = std::rotl(b, 13) ^ a;
    a = std::rotl(a, 32);
    c += d;
    d = std::rotl(d, 16) ^ c;
    a += d;
    d = std::rotl(d, 21) ^ a;
    c += b;
    b = std::rotl(b, 17) ^ c;
    c = std::rotl(c, 32);
  }

  void add(std::uint64_t word) {
    d ^= word;
    round();
    a ^= word;
  }
};

}  // namespace

SeededHash::SeededHash() { reactor::fill_randomly(std::as_writable_bytes(std::span(secret_))); }

std::size_t SeededHash::operator()(std::string_view key) const {
  SipState state{secret_[0] ^ 0x736F6D6570736575U, secret_[1] ^ 0x646F72616E646F6DU,
                 secret_[0] ^ 0x6C7967656E657261U, secret_[1] ^ 0x7465646279746573U};
  std::uint64_t last = std::uint64_t{key.size()} << 56;
  for (; key.size() >= 8; key.remove_prefix(8)) {
    std::uint64_t word;
    std::memcpy(&word, key.data(), sizeof word);
    state.add(word);
  }
  for (std::size_t i = 0; i < key.size(); ++i) {
    last |= std::uint64_t{static_cast<unsigned char>(key[i])} << 8 * i;
  }
  state.add(last);
  state.c ^= 0xFF;
  for (int i = 0; i < 3; ++i) state.round();
  return state.a ^ state.b ^ state.c ^ state.d;
}

Store::Store(reactor::Loop& loop, std::size_t max_bytes)
    : loop_(loop), max_bytes_(max_bytes), timer_(loop, [this] { expire_some(); }) {}

Store::Entries::iterator Store::look_up(std::string_view key) {
  const auto found = entries_.find(key);
  if (found == entries_.end() || !found->second.expiry) return found;
  if ((*found->second.expiry)->first > now()) return found;
  remove(found);
  ++expired_;
  return entries_.end();
}

const std::string* Store::find(std::string_view key) {
  const auto found = look_up(key);
  return found == entries_.end() ? nullptr : &found->second.value;
}

bool Store::set(std::string_view key, std::string_view value, Expiry expiry) {
  const auto found = look_up(key);
  const bool is_new = found == entries_.end();
  const std::size_t before = is_new ? 0 : found->second.value.size();
  const std::size_t added = value.size() + (is_new ? key.size() + bytes_each : 0);
  if (added > before && added - before > max_bytes_ - std::min(max_bytes_, bytes_)) return false;
  if (is_new) {
    entries_.emplace(key, Entry{std::string(value), {}});
  } else {
    found->second.value = value;
    auto& place = found->second.expiry;
    if (place && expiry == Expiry::removed) expiries_.erase(*std::exchange(place, std::nullopt));
  }
  bytes_ += added - before;
  return true;
}

bool Store::erase(std::string_view key) {
  const auto found = look_up(key);
  if (found == entries_.end()) return false;
  remove(found);
  return true;
}

void Store::remove(Entries::iterator entry) {
  bytes_ -= entry->first.size() + entry->second.value.size() + bytes_each;
  if (entry->second.expiry) expiries_.erase(*entry->second.expiry);
  entries_.erase(entry);
}

void Store::clear() {
  entries_.clear();
  expiries_.clear();
  bytes_ = 0;
}

std::optional<Time> Store::expiry(std::string_view key) {
  const auto found = look_up(key);
  if (found == entries_.end() || !found->second.expiry) return std::nullopt;
  return (*found->second.expiry)->first;
}

void Store::set_expiry(std::string_view key, std::optional<Time> expiry) {
  const auto entry = entries_.find(key);
  auto& place = entry->second.expiry;
  if (place) expiries_.erase(*place);
  place.reset();
  if (!expiry) return;
  place = expiries_.emplace(*expiry, entry->first);
  update_timer();
}

void Store::stop_timer() {
  has_timer_ = false;
  timer_.cancel();
}

// The timer fires at the first expiry, or earlier if that one was removed.
void Store::update_timer() {
  if (!has_timer_ || expiries_.empty()) return;
  const Time first = expiries_.begin()->first;
  if (timer_at_ && *timer_at_ <= first) return;
  timer_at_ = first;
  timer_.restart(std::max(first - now(), Time::duration(0)));
}

// Other events of the loop come between two steps.
void Store::expire_some() {
  timer_at_.reset();
  const Time time = now();
  for (int i = 0; i < most_expired_at_once && !expiries_.empty(); ++i) {
    const auto first = expiries_.begin();
    if (first->first > time) break;
    remove(entries_.find(first->second));
    ++expired_;
  }
  update_timer();
}

}  // namespace kv
