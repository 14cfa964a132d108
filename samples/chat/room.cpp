#include "samples/chat/room.hpp"

#include <algorithm>
#include <cstdio>
#include <set>
#include <utility>
#include <variant>

#include "samples/chat/names.hpp"
#include "samples/support/access.hpp"
#include "samples/support/failed.hpp"
#include "samples/support/printable.hpp"

namespace chat {
namespace {

constexpr std::size_t max_text_bytes = 4096;
constexpr std::size_t max_name_bytes = 32;
constexpr std::string_view too_long = "! that line is too long\n";

// The reason why `name` is refused, or nothing. A name is one word, and its beginning cannot be
// taken for something else in front of a text.
std::string_view fault_of(const std::string& name) {
  const bool fits = !name.empty() && name.size() <= max_name_bytes &&
                    name.find_first_of(" :") == name.npos && name.front() != '*' &&
                    name.front() != '!' && samples::printable(name) == name;
  if (!fits) return "! a name has 1 to 32 bytes, no space and no colon\n";
  if (!is_visible(name)) return "! a name has no invisible characters\n";
  if (has_variants(name)) return "! a name has no stylistic variants of letters\n";
  return {};
}

}  // namespace

// A line that is too long arrives as an error. It is the last frame of its member.
void Member::on_frame(const Decoder::Frame& frame) {
  if (const auto* line = std::get_if<std::string_view>(&frame)) {
    room.hear(*this, *line);
  } else {
    room.answer(*this, too_long);
  }
  // The frames that were received behind this one are kept until the stream is resumed.
  if (!share->may_go_on()) stream.pause();
}
void Member::on_end() {
  const std::string last = unended->take();
  if (!last.empty()) room.hear(*this, last);
  room.leave(*this);
}
void Member::on_close(const reactor::Error& error) {
  samples::log_end(error);
  room.forget(*this);
}

Room::Room(reactor::Loop& loop, const std::string& endpoint, std::size_t max_unread_bytes,
           std::optional<reactor::TlsContext> tls)
    : loop_(loop),
      share_(loop),
      server_(samples::value_of(
          Server::listen(loop, endpoint, options(max_unread_bytes, std::move(tls)),
                         [this](reactor::Stream& stream) { return enter(stream); }))) {
  samples::log_errors(server_);
  // The server makes the decoder of a connection right after its session.
  server_.set_decoder([this] { return Member::Decoder(samples::PausedLines(*last_entered_)); });
}

Member Room::enter(reactor::Stream& stream) {
  auto unended = std::make_unique<samples::UnendedLine>(loop_);
  unended->on_pause([this, line = unended.get()] { hear_unended(*line); });
  last_entered_ = unended.get();
  auto share = std::make_unique<reactor::FairShare::Client>(share_, [&stream] { stream.resume(); });
  return {stream, *this, guest_name(), std::move(unended), std::move(share)};
}

void Room::hear_unended(const samples::UnendedLine& line) {
  Member* member = nullptr;
  server_.for_each([&](Member& one) {
    if (one.unended.get() == &line) member = &one;
  });
  if (member) hear(*member, member->unended->take());
}

void Room::hear(Member& member, std::string_view line) {
  if (line == "/quit") return leave(member);
  if (line.starts_with("/nick ")) return rename(member, std::string(line.substr(6)));
  join(member);
  if (line == "/who") return list_names(member);
  if (line.starts_with('/')) return answer(member, "! commands are /nick NAME, /who, /quit\n");
  if (line.size() > max_text_bytes) return answer(member, too_long);
  const std::string text = samples::printable(line);
  if (!text.empty()) tell_all(member.name + ": " + text + '\n');
}

// The last line that a client receives may be its own last line.
void Room::leave(Member& member) {
  tell_now();
  member.stream.close();
  forget(member);
}

void Room::forget(Member& member) {
  const std::string name = std::exchange(member.name, {});
  if (!name.empty()) names_.erase(skeleton(name));
  list_.clear();
  if (std::exchange(member.joined, false)) tell_all("* " + name + " left\n");
}

std::string Room::guest_name() {
  for (;;) {
    std::string name = "guest-" + std::to_string(++guests_);
    list_.clear();
    if (names_.emplace(skeleton(name), name).second) return name;
  }
}

void Room::join(Member& member) {
  if (std::exchange(member.joined, true)) return;
  member.stream.accept();
  tell_all("* " + member.name + " joined\n");
}

void Room::rename(Member& member, const std::string& name) {
  if (const auto fault = fault_of(name); !fault.empty()) return answer(member, fault);
  const auto used = names_.find(skeleton(name));
  if (used != names_.end() && used->second != member.name) {
    const bool same = used->second == name;
    return answer(member, same ? "! that name is taken\n"
                               : "! that name is taken, by one that looks like it\n");
  }
  names_.erase(skeleton(member.name));
  names_.emplace(skeleton(name), name);
  list_.clear();
  const std::string before = std::exchange(member.name, name);
  if (member.joined) tell_all("* " + before + " is now " + name + '\n');
  join(member);
}

void Room::list_names(Member& member) {
  if (list_.empty()) {
    std::set<std::string_view> names;
    for (const auto& [skeleton, name] : names_) names.insert(name);
    list_ = "* " + std::to_string(names.size()) + " here:\n";
    for (const std::string_view name : names) list_.append("*   ").append(name) += '\n';
  }
  answer(member, list_);
}

void Room::answer(Member& member, std::string_view text) {
  tell_now();  // Earlier lines are sent first.
  member.stream.write(text);
}

// All lines of one loop iteration are sent to each member in one system call. With many members,
// fewer lines are gathered: they are sent in the time share of the clients that send them.
void Room::tell_all(std::string_view line) {
  const std::size_t enough_at_once =
      std::clamp<std::size_t>((2 << 20) / (server_.connections() + 1), 8192, 65536);
  if (said_.empty()) loop_.post([this] { tell_now(); });
  said_ += line;
  if (said_.size() >= enough_at_once) tell_now();
}

void Room::tell_now() {
  if (said_.empty()) return;
  server_.for_each([this](Member& member) { member.stream.write(said_); });
  said_.clear();
}

}  // namespace chat
