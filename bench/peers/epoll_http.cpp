// The baseline for HTTP: level-triggered epoll. It searches for empty lines and answers each by the
// same bytes; all answers to one read leave in one send. It parses nothing else of HTTP.
#include <sys/epoll.h>

#include <array>
#include <memory>
#include <string>
#include <vector>

#include "bench/peers/peer.hpp"

using namespace bench;

namespace {

constexpr std::string_view answer =
    "HTTP/1.1 200 OK\r\n"
    "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
    "Content-Type: text/plain\r\n"
    "Content-Length: 14\r\n"
    "\r\n"
    "Hello, world!\n";

class SocketHttp {
 public:
  explicit SocketHttp(int fd) : fd_(fd) {}
  SocketHttp(const SocketHttp&) = delete;
  SocketHttp& operator=(const SocketHttp&) = delete;
  ~SocketHttp() { close(fd_); }

  /// False when the connection is over; a client that takes no more answers is disconnected.
  bool on_readable(std::vector<char>& buffer, std::string& answers) {
    const ssize_t count = recv(fd_, buffer.data(), buffer.size(), 0);
    if (count <= 0) return count < 0 && (errno == EAGAIN || errno == EINTR);
    answers.clear();
    std::string_view bytes(buffer.data(), static_cast<std::size_t>(count));
    if (!partial_.empty()) bytes = partial_ += bytes;
    constexpr std::string_view empty_line = "\r\n\r\n";
    std::size_t begin = 0;
    for (std::size_t at = bytes.find(empty_line); at != bytes.npos;
         at = bytes.find(empty_line, begin)) {
      answers += answer;
      begin = at + empty_line.size();
    }
    if (begin < bytes.size() || !partial_.empty()) partial_ = std::string(bytes.substr(begin));
    if (answers.empty()) return true;
    return send(fd_, answers.data(), answers.size(), MSG_NOSIGNAL) ==
           static_cast<ssize_t>(answers.size());
  }

 private:
  int fd_;
  std::string partial_;  // The beginning of a request.
};

void serve(const PeerOptions& options) {
  const int listener = listen_and_tell(options);
  const int epoll = epoll_create1(EPOLL_CLOEXEC);
  epoll_event event{};
  event.events = EPOLLIN;
  if (epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event) < 0) fail("epoll_ctl");

  std::vector<char> buffer(options.buffer_bytes);
  std::string answers;
  std::array<epoll_event, 256> events;
  for (;;) {
    const int count = epoll_wait(epoll, events.data(), static_cast<int>(events.size()), -1);
    for (int i = 0; i < count; ++i) {
      const epoll_event& ready = events[static_cast<std::size_t>(i)];
      if (!ready.data.ptr) {
        for (int fd = accept_connection(listener); fd >= 0; fd = accept_connection(listener)) {
          event.data.ptr = new SocketHttp(fd);
          if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) < 0) fail("epoll_ctl");
        }
        continue;
      }
      auto* connection = static_cast<SocketHttp*>(ready.data.ptr);
      if (!connection->on_readable(buffer, answers)) delete connection;
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  return run_peer([&] { serve(parse_peer_options(argc, argv)); });
}
