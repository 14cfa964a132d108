// The baseline for framed messages, on level-triggered epoll: a loop for one format over the bytes
// of one recv, and one send of all answers.
#include <sys/epoll.h>

#include <array>
#include <memory>
#include <string>

#include "bench/micro/by_hand.hpp"
#include "bench/peers/peer.hpp"

using namespace bench;

namespace {

constexpr std::size_t longest = 16 << 20;

void append(std::string& out, protocols::Bytes bytes) {
  out.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
}

struct Lines {
  ByHand<LinesByHand> reader{{longest}};
  static void answer(std::string& out, protocols::Bytes line) {
    append(out, line);
    out += '\n';
  }
};

struct LengthPrefixed {
  ByHand<LengthPrefixedByHand> reader{{longest}};
  static void answer(std::string& out, protocols::Bytes payload) {
    const std::uint32_t length = __builtin_bswap32(static_cast<std::uint32_t>(payload.size()));
    out.append(reinterpret_cast<const char*>(&length), sizeof(length));
    append(out, payload);
  }
};

template <class Format>
class Connection {
 public:
  explicit Connection(int fd) : fd_(fd) {}
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  ~Connection() { close(fd_); }

  /// False when the connection is over; a client that takes no more answers is disconnected.
  bool on_readable(std::vector<std::byte>& buffer, std::string& answers) {
    const ssize_t count = recv(fd_, buffer.data(), buffer.size(), 0);
    if (count <= 0) return count < 0 && (errno == EAGAIN || errno == EINTR);
    answers.clear();
    const auto answer = [&answers](protocols::Bytes content) { Format::answer(answers, content); };
    format_.reader.feed({buffer.data(), static_cast<std::size_t>(count)}, answer);
    if (answers.empty()) return true;
    return send(fd_, answers.data(), answers.size(), MSG_NOSIGNAL) ==
           static_cast<ssize_t>(answers.size());
  }

 private:
  int fd_;
  Format format_;
};

template <class Format>
void serve(const PeerOptions& options) {
  const int listener = listen_and_tell(options);
  const int epoll = epoll_create1(EPOLL_CLOEXEC);
  epoll_event event{};
  event.events = EPOLLIN;
  if (epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event) < 0) fail("epoll_ctl");

  std::vector<std::byte> buffer(options.buffer_bytes);
  std::string answers;
  std::array<epoll_event, 256> events;
  for (;;) {
    const int count = epoll_wait(epoll, events.data(), static_cast<int>(events.size()), -1);
    for (int i = 0; i < count; ++i) {
      const epoll_event& ready = events[static_cast<std::size_t>(i)];
      if (!ready.data.ptr) {
        for (int fd = accept_connection(listener); fd >= 0; fd = accept_connection(listener)) {
          event.data.ptr = new Connection<Format>(fd);
          if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) < 0) fail("epoll_ctl");
        }
        continue;
      }
      auto* connection = static_cast<Connection<Format>*>(ready.data.ptr);
      if (!connection->on_readable(buffer, answers)) delete connection;
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  const PeerOptions options = parse_peer_options(argc, argv);
  return run_peer(
      [&] { options.framing == "lines" ? serve<Lines>(options) : serve<LengthPrefixed>(options); });
}
