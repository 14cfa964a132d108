// io_uring by liburing: an iteration submits the requests of the last one and waits, in one system
// call. `--idiom multishot` arms one receive in a connection's life, into buffers that the kernel
// takes from a ring. `--idiom single` requests each receive anew, into a buffer of the connection.
// Exit code 77 means that the kernel refuses.
#include <fcntl.h>
#include <liburing.h>

#include <array>
#include <deque>
#include <memory>
#include <vector>

#include "bench/peers/peer.hpp"

using namespace bench;

namespace {

constexpr unsigned entries = 4096;
constexpr int cannot_run_here = 77;

io_uring ring;

enum class Operation : std::uintptr_t { accept, receive, send };
constexpr std::uintptr_t operation_bits = 3;

io_uring_sqe* next_entry() {
  io_uring_sqe* entry = io_uring_get_sqe(&ring);
  while (!entry) {
    io_uring_submit(&ring);
    entry = io_uring_get_sqe(&ring);
  }
  return entry;
}

void mark(io_uring_sqe* entry, void* subject, Operation operation) {
  entry->user_data =
      reinterpret_cast<std::uintptr_t>(subject) | static_cast<std::uintptr_t>(operation);
}

void send_all(void* subject, int fd, const char* bytes, std::size_t count) {
  io_uring_sqe* entry = next_entry();
  io_uring_prep_send(entry, fd, bytes, count, MSG_NOSIGNAL | MSG_WAITALL);
  mark(entry, subject, Operation::send);
}

// Repeats one receive and one send.
class SingleConnection {
 public:
  explicit SingleConnection(int fd) : fd_(fd) { receive(); }
  SingleConnection(const SingleConnection&) = delete;
  SingleConnection& operator=(const SingleConnection&) = delete;
  ~SingleConnection() { close(fd_); }

  void on_received(const io_uring_cqe& done) {
    if (done.res <= 0) return delete this;
    send_all(this, fd_, bytes_.data(), static_cast<std::size_t>(done.res));
  }
  void on_sent(int count) {
    if (count <= 0) return delete this;
    receive();
  }

 private:
  void receive() {
    io_uring_sqe* entry = next_entry();
    io_uring_prep_recv(entry, fd_, bytes_.data(), bytes_.size(), 0);
    mark(entry, this, Operation::receive);
  }

  int fd_;
  std::array<char, 64 << 10> bytes_;
};

class MultishotConnection;

// The buffers that the kernel fills, and the connections that wait for a free one.
class Buffers {
 public:
  static constexpr int group = 0;

  Buffers() {
    void* memory = nullptr;
    if (posix_memalign(&memory, 4096, count * sizeof(io_uring_buf)) != 0) fail("posix_memalign");
    ring_ = static_cast<io_uring_buf_ring*>(memory);
    io_uring_buf_reg registration{};
    registration.ring_addr = reinterpret_cast<std::uintptr_t>(memory);
    registration.ring_entries = count;
    registration.bgid = group;
    io_uring_buf_ring_init(ring_);
    const int error = io_uring_register_buf_ring(&ring, &registration, 0);
    if (error < 0) errno = -error, fail("io_uring_register_buf_ring");
    for (unsigned short id = 0; id < count; ++id) give_back(id);
  }

  [[nodiscard]] const char* at(unsigned short id) const { return memory_.data() + id * bytes; }
  void give_back(unsigned short id) {
    io_uring_buf_ring_add(ring_, memory_.data() + id * bytes, bytes, id,
                          io_uring_buf_ring_mask(count), 0);
    io_uring_buf_ring_advance(ring_, 1);
  }

 private:
  static constexpr unsigned short count = 512;
  static constexpr unsigned bytes = 16 << 10;
  std::vector<char> memory_ = std::vector<char>(std::size_t{count} * bytes);
  io_uring_buf_ring* ring_;
};

std::unique_ptr<Buffers> buffers;
std::vector<MultishotConnection*> starved;

// Receives continue by themselves. Only one send at a time is submitted and the others are queued,
// since a later send may overtake the rest of a short one.
class MultishotConnection {
 public:
  explicit MultishotConnection(int fd) : fd_(fd) { receive(); }
  MultishotConnection(const MultishotConnection&) = delete;
  MultishotConnection& operator=(const MultishotConnection&) = delete;
  ~MultishotConnection() { close(fd_); }

  void receive() {
    io_uring_sqe* entry = next_entry();
    io_uring_prep_recv_multishot(entry, fd_, nullptr, 0, 0);
    entry->flags |= IOSQE_BUFFER_SELECT;
    entry->buf_group = Buffers::group;
    mark(entry, this, Operation::receive);
  }

  void on_received(const io_uring_cqe& done) {
    if (done.res > 0) {
      unsent_.push_back({static_cast<unsigned short>(done.flags >> IORING_CQE_BUFFER_SHIFT),
                         static_cast<std::size_t>(done.res)});
      if (unsent_.size() == 1) send();
    }
    if (done.flags & IORING_CQE_F_MORE) return;
    if (done.res == -ENOBUFS) return starved.push_back(this);
    if (done.res > 0) return receive();
    ended_ = true;
    if (unsent_.empty()) delete this;
  }

  void on_sent(int count) {
    buffers->give_back(unsent_.front().buffer);
    unsent_.pop_front();
    if (!starved.empty()) {
      starved.back()->receive();
      starved.pop_back();
    }
    if (count <= 0) shutdown(fd_, SHUT_RDWR);  // Ends receiving, too.
    if (!unsent_.empty()) return send();
    if (ended_) delete this;
  }

 private:
  struct Received {
    unsigned short buffer;
    std::size_t bytes;
  };
  void send() { send_all(this, fd_, buffers->at(unsent_.front().buffer), unsent_.front().bytes); }

  int fd_;
  bool ended_ = false;
  std::deque<Received> unsent_;
};

void accept_all(int listener) {
  io_uring_sqe* entry = next_entry();
  io_uring_prep_multishot_accept(entry, listener, nullptr, nullptr, SOCK_CLOEXEC);
  mark(entry, nullptr, Operation::accept);
}

template <class Connection>
void on_done(int listener, const io_uring_cqe& done) {
  auto* connection = reinterpret_cast<Connection*>(done.user_data & ~operation_bits);
  switch (static_cast<Operation>(done.user_data & operation_bits)) {
    case Operation::accept:
      if (done.res >= 0) {
        set_no_delay(done.res);
        new Connection(done.res);
      }
      if (!(done.flags & IORING_CQE_F_MORE)) accept_all(listener);
      break;
    case Operation::receive:
      connection->on_received(done);
      break;
    case Operation::send:
      connection->on_sent(done.res);
      break;
  }
}

template <class Connection>
void serve(int listener) {
  fcntl(listener, F_SETFL, 0);  // Accepts fail on a non-blocking socket instead of waiting.
  accept_all(listener);
  std::array<io_uring_cqe*, 256> done;
  for (;;) {
    const int status = io_uring_submit_and_wait(&ring, 1);
    if (status < 0 && status != -EINTR) errno = -status, fail("io_uring_submit_and_wait");
    while (const unsigned count = io_uring_peek_batch_cqe(&ring, done.data(), done.size())) {
      for (unsigned i = 0; i < count; ++i) on_done<Connection>(listener, *done[i]);
      io_uring_cq_advance(&ring, count);
    }
  }
}

// All flags that make one thread cheaper, as far as the kernel supports them.
int set_up() {
  io_uring_params params{};
  params.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN;
  int status = io_uring_queue_init_params(entries, &ring, &params);
  if (status == -EINVAL) {
    params = {};
    status = io_uring_queue_init_params(entries, &ring, &params);
  }
  return status;
}

}  // namespace

int main(int argc, char** argv) {
  const PeerOptions options = parse_peer_options(argc, argv, "multishot");
  if (const int status = set_up(); status < 0) {
    std::fprintf(stderr, "the kernel refuses io_uring: %s\n", std::strerror(-status));
    return cannot_run_here;
  }
  return run_peer([&] {
    if (options.idiom == "single") {
      serve<SingleConnection>(listen_and_tell(options));
    } else {
      buffers = std::make_unique<Buffers>();
      serve<MultishotConnection>(listen_and_tell(options));
    }
  });
}
