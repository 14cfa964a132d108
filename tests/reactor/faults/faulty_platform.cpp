#include "faulty_platform.hpp"

#include <dlfcn.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <pthread.h>
#include <spawn.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <unistd.h>
#include <uv.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <condition_variable>
#include <map>
#include <mutex>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "reactor/address.hpp"
#include "reactor/platform/platform.hpp"

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED
#endif
#endif

using reactor::Interest;
using reactor::Trigger;
using namespace reactor::platform;

namespace {

std::mt19937 random_source;
faulty::Rates rates;
faulty::Calls calls_so_far;
std::vector<std::uint64_t> received_from(4096);

unsigned reads_to_fill = 0;
int filled_fd = -1;
unsigned accepts_to_fail = 0;
int accept_error = 0;
std::chrono::steady_clock::time_point failed_at;

struct Registration {
  Poller* poller = nullptr;
  Interest interest = Interest::none;
  Token token = 0;
};
// The edge-triggered registrations, by descriptor.
std::vector<Registration> registrations(4096);
std::set<int> doomed;
// Whether the kernel's poller of this build has edge triggers; known from the first loop on.
std::atomic<bool> has_edge_trigger = false;

bool happens(unsigned rate) {
  if (random_source() % 1000 >= rate) return false;
  ++calls_so_far.faults;
  return true;
}

// Makes the kernel report the readiness again: after an injected fault the caller waits for it.
void tell_again(int fd) {
  const Registration& known = registrations[static_cast<std::size_t>(fd)];
  if (known.poller) known.poller->change(fd, known.interest, Trigger::edge, known.token);
}

std::atomic<unsigned> calls_until_failure = 0;
std::atomic<bool> nth_has_failed = false;
faulty::Connect connecting = faulty::Connect::as_ever;

// Whether this call is the one to fail.
bool fails_now() {
  for (unsigned left = calls_until_failure; left > 0;) {
    if (!calls_until_failure.compare_exchange_weak(left, left - 1)) continue;
    if (left == 1) nth_has_failed = true;
    return left == 1;
  }
  return false;
}

// The function that libc defines.
template <class Function>
Function* original(const char* name) {
  return reinterpret_cast<Function*>(dlsym(RTLD_NEXT, name));
}

struct Names {
  std::mutex mutex;  // Guards the members below.
  std::condition_variable changed;
  std::map<std::string, std::vector<std::string>> hosts;
  std::string dead;
  int blocked = 0;

  // True once a name whose name servers did not respond is given up.
  [[nodiscard]] bool block_if_dead(const std::string& name, std::unique_lock<std::mutex>& lock) {
    if (dead != name) return false;
    ++blocked;
    changed.wait(lock, [&] { return dead != name; });
    if (--blocked == 0) changed.notify_all();
    return true;
  }
};
auto& names = *new Names;

unsigned calls_until_reset = 0;
int reset_fd = -1;

bool is_reset(int fd) {
  if (calls_until_reset > 0 && --calls_until_reset == 0) {
    reset_fd = fd;
    ::shutdown(fd, SHUT_RDWR);
  }
  return fd == reset_fd;
}

// The error that a call returns instead of being made, or 0.
int fault(int fd) {
  if (is_reset(fd)) return -ECONNRESET;
  if (happens(rates.interrupted)) return -EINTR;
  if (doomed.contains(fd) && random_source() % 4 == 0) return -ECONNRESET;
  if (!happens(rates.again)) return 0;
  tell_again(fd);
  return -EAGAIN;
}

std::size_t shortened(int fd, std::size_t size) {
  if (size < 2 || !happens(rates.short_counts)) return size;
  tell_again(fd);
  return 1 + random_source() % (std::min<std::size_t>(size, 300) - 1);
}

// The error that a call that sends datagrams returns instead of being made, or 0.
int datagram_fault(int fd) {
  if (const int failed = fault(fd)) return failed;
  return happens(rates.no_buffers) ? -ENOBUFS : 0;
}

bool sends_datagrams(int fd) {
  int type = 0;
  socklen_t size = sizeof type;
  getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size);
  return type == SOCK_DGRAM;
}

bool is_gso(const msghdr& message) {
  if (message.msg_controllen == 0) return false;
  msghdr& header = const_cast<msghdr&>(message);
  for (cmsghdr* control = CMSG_FIRSTHDR(&header); control;
       control = CMSG_NXTHDR(&header, control)) {
    if (control->cmsg_level == SOL_UDP && control->cmsg_type == UDP_SEGMENT) {
      ++calls_so_far.gso;
      return true;
    }
  }
  return false;
}

class FaultyPoller final : public Poller {
 public:
  explicit FaultyPoller(std::unique_ptr<Poller> kernels)
      : Poller(kernels->has_edge_trigger()), kernels_(std::move(kernels)) {
    ::has_edge_trigger = has_edge_trigger();
  }

  void close() override { kernels_->close(); }
  int add(int fd, Interest interest, Trigger trigger, Token token) override {
    return note(kernels_->add(fd, interest, trigger, token), fd, interest, trigger, token);
  }
  int change(int fd, Interest interest, Trigger trigger, Token token) override {
    return note(kernels_->change(fd, interest, trigger, token), fd, interest, trigger, token);
  }
  void remove(int fd, Token token) override {
    ++calls_so_far.registrations;
    Registration& known = registrations[static_cast<std::size_t>(fd)];
    if (known.token == token) known = {};
    kernels_->remove(fd, token);
  }
  void forget(int fd, Token token) override { kernels_->forget(fd, token); }
  std::span<const Event> wait(int timeout) override {
    const auto events = kernels_->wait(timeout);
    native_ready_ = kernels_->native_ready();
    return events;
  }
  [[nodiscard]] bool may_have_more(const Event* end) const override {
    return kernels_->may_have_more(end);
  }
  [[nodiscard]] bool looks_by_itself() const override { return kernels_->looks_by_itself(); }
  bool resolve(Event& event) override {
    const bool resolved = kernels_->resolve(event);
    native_ready_ = kernels_->native_ready();
    return resolved;
  }
  void wake() noexcept override { kernels_->wake(); }
  void arm(std::int64_t nanoseconds) override { kernels_->arm(nanoseconds); }
  [[nodiscard]] bool native_alive(unsigned unreferenced) const override {
    return kernels_->native_alive(unreferenced);
  }
  void keep_alive(bool alive) override { kernels_->keep_alive(alive); }
  void detach_from_parent(bool consistent) noexcept override {
    kernels_->detach_from_parent(consistent);
  }

 private:
  void run_ready_native() override { kernels_->run_native(); }

  // The number of a descriptor is used by one thread after another. The kernel orders that, and
  // ThreadSanitizer does not see it.
  __attribute__((no_sanitize("thread"))) int note(int result, int fd, Interest interest,
                                                  Trigger trigger, Token token) {
    ++calls_so_far.registrations;
    if (result == 0 && trigger == Trigger::edge) {
      registrations[static_cast<std::size_t>(fd)] = {kernels_.get(), interest, token};
    }
    return result;
  }

  const std::unique_ptr<Poller> kernels_;
};

class FaultyPlatform final : public Platform {
 public:
  int socketpair(int family, int type, int pair[2]) override {
    if (fails_now()) return -EMFILE;
    return Platform::socketpair(family, type, pair);
  }

  int pipe(int pair[2]) override {
    if (fails_now()) return -EMFILE;
    return Platform::pipe(pair);
  }

  int accept(int fd, sockaddr* address, socklen_t* size) override {
    ++calls_so_far.accept;
    if (address && accepts_to_fail > 0) {
      --accepts_to_fail;
      failed_at = std::chrono::steady_clock::now();
      return -accept_error;
    }
    if (happens(rates.interrupted)) return -EINTR;
    if (happens(rates.again)) return -EAGAIN;
    if (happens(rates.aborted)) return -ECONNABORTED;
    if (address && happens(rates.no_descriptors)) return -EMFILE;
    const int accepted = Platform::accept(fd, address, size);
    if (accepted < 0) return accepted;
    calls_so_far.shed += address == nullptr;
    if (address && happens(rates.doomed)) {
      doomed.insert(accepted);
      ++calls_so_far.doomed;
    }
    return accepted;
  }

  int connect(int fd, const sockaddr* address, socklen_t size) override {
    if (connecting == faulty::Connect::to_itself) ::bind(fd, address, size);
    const int result = Platform::connect(fd, address, size);
    return connecting == faulty::Connect::interrupted ? -EINTR : result;
  }

  __attribute__((no_sanitize("thread"))) int close(int fd) override {
    registrations[static_cast<std::size_t>(fd)] = {};
    doomed.erase(fd);
    return Platform::close(fd);
  }

  ssize_t recv(int fd, void* buffer, std::size_t size, int flags) override {
    ++calls_so_far.recv;
    ++received_from[static_cast<std::size_t>(fd)];
    if (fd == filled_fd && reads_to_fill > 0) {
      --reads_to_fill;
      std::fill_n(static_cast<char*>(buffer), size, 'x');
      return static_cast<ssize_t>(size);
    }
    if (const int failed = fault(fd)) return failed;
    return Platform::recv(fd, buffer, shortened(fd, size), flags);
  }

  ssize_t send(int fd, const void* data, std::size_t size, int flags) override {
    ++calls_so_far.send;
    if (const int failed = fault(fd)) return failed;
    return Platform::send(fd, data, shortened(fd, size), flags);
  }

  ssize_t sendmsg(int fd, const msghdr* message, int flags) override {
    ++calls_so_far.send;
    if (sends_datagrams(fd)) {
      if (const int failed = datagram_fault(fd)) return failed;
      if (is_gso(*message) && rates.gso != 0) return -rates.gso;
      return Platform::sendmsg(fd, message, flags);
    }
    if (const int failed = fault(fd)) return failed;
    // The cut is in the first part, at its end, or in the second part.
    std::array<iovec, 2> parts{};
    std::copy_n(message->msg_iov, message->msg_iovlen, parts.begin());
    std::size_t total = 0;
    for (const iovec& part : parts) total += part.iov_len;
    std::size_t left =
        total >= 2 && happens(rates.short_counts) ? 1 + random_source() % (total - 1) : total;
    if (left < total) tell_again(fd);
    for (iovec& part : parts) {
      part.iov_len = std::min(part.iov_len, left);
      left -= part.iov_len;
    }
    msghdr shorter = *message;
    shorter.msg_iov = parts.data();
    return Platform::sendmsg(fd, &shorter, flags);
  }

  ssize_t sendfile(int socket, int file, off_t* offset, std::size_t size) override {
    ++calls_so_far.send;
    if (const int failed = fault(socket)) return failed;
    return Platform::sendfile(socket, file, offset, shortened(socket, size));
  }

  int recvmmsg(int fd, Message* messages, unsigned count, int flags) override {
    ++calls_so_far.recv;
    if (!(flags & MSG_ERRQUEUE)) {
      if (const int failed = fault(fd)) return failed;
      count = static_cast<unsigned>(shortened(fd, count));
    }
    return Platform::recvmmsg(fd, messages, count, flags);
  }

  int sendmmsg(int fd, Message* messages, unsigned count, int flags) override {
    ++calls_so_far.send;
    if (const int failed = datagram_fault(fd)) return failed;
    count = static_cast<unsigned>(shortened(fd, count));
    for (unsigned i = 0; i < count; ++i) {
      if (!is_gso(messages[i].header) || rates.gso == 0) continue;
      if (i == 0) return -rates.gso;
      count = i;
    }
    return Platform::sendmmsg(fd, messages, count, flags);
  }

  int fcntl(int fd, int command, int argument) override {
    if (command != F_GETFD && fails_now()) return -EMFILE;
    return Platform::fcntl(fd, command, argument);
  }

  std::unique_ptr<Poller> new_poller(uv_loop_s& native,
                                     const Poller::Embedding* embedding) override {
    return std::make_unique<FaultyPoller>(Platform::new_poller(native, embedding));
  }

  int getaddrinfo(const char* name, const char* service, const addrinfo* hints,
                  addrinfo** list) override {
    std::unique_lock lock(names.mutex);
    if (names.block_if_dead(name, lock)) return UV_EAI_AGAIN;
    const auto found = names.hosts.find(name);
    if (found == names.hosts.end()) {
      lock.unlock();
      return Platform::getaddrinfo(name, service, hints, list);
    }
    addrinfo** end = list;
    for (const std::string& host : found->second) {
      if (const int error = Platform::getaddrinfo(host.c_str(), service, hints, end)) return error;
      while (*end) end = &(*end)->ai_next;
    }
    return 0;
  }

  int getnameinfo(const sockaddr* address, std::string* name) override {
    {
      std::unique_lock lock(names.mutex);
      const socklen_t size =
          address->sa_family == AF_INET ? sizeof(sockaddr_in) : sizeof(sockaddr_in6);
      const std::string host = reactor::Address::from(address, size).host();
      if (names.block_if_dead(host, lock)) return UV_EAI_AGAIN;
    }
    return Platform::getnameinfo(address, name);
  }
};

// Never destroyed, since threads may be in lookups when the process ends.
const Use use(*new FaultyPlatform);

}  // namespace

namespace faulty {

void inject(std::uint32_t seed, const Rates& how_often) {
  random_source.seed(seed);
  rates = how_often;
  calls_so_far = {};
  calls_until_reset = 0;
  reset_fd = -1;
  doomed.clear();
}

void fail_accepts(unsigned count, int error) {
  accepts_to_fail = count;
  accept_error = error;
}

std::chrono::steady_clock::time_point accept_failed_at() { return failed_at; }

Calls calls() { return calls_so_far; }

void fail_nth(unsigned n) {
  nth_has_failed = false;
  calls_until_failure = n;
}

bool has_failed() { return nth_has_failed; }

void reset_at(unsigned n) { calls_until_reset = n; }

bool was_reset() { return reset_fd >= 0; }

void change_connect(Connect what) { connecting = what; }

void set_addresses(const std::string& name, const std::vector<std::string>& hosts) {
  const std::lock_guard lock(names.mutex);
  names.hosts[name] = hosts;
}

DeadName::DeadName(const std::string& name) {
  const std::lock_guard lock(names.mutex);
  names.dead = name;
}

DeadName::~DeadName() {
  std::unique_lock lock(names.mutex);
  names.dead.clear();
  names.changed.notify_all();
  names.changed.wait(lock, [] { return names.blocked == 0; });
}

int DeadName::blocked() {
  const std::lock_guard lock(names.mutex);
  return names.blocked;
}

void fill_reads(int fd, unsigned count) {
  filled_fd = fd;
  reads_to_fill = count;
}

std::uint64_t recv_calls(int fd) { return received_from[static_cast<std::size_t>(fd)]; }

}  // namespace faulty

// These replace the functions of libc, for the library and for libuv.
extern "C" int epoll_ctl(int set, int operation, int fd, epoll_event* event) noexcept {
  // libuv ends the process if it cannot watch a descriptor, so its own calls do not fail.
  if (operation == EPOLL_CTL_ADD && has_edge_trigger && fails_now()) return errno = ENOSPC, -1;
  return static_cast<int>(syscall(SYS_epoll_ctl, set, operation, fd, event));
}

extern "C" int epoll_create1(int flags) noexcept {
  if (fails_now()) return errno = EMFILE, -1;
  return static_cast<int>(syscall(SYS_epoll_create1, flags));
}

extern "C" int eventfd(unsigned count, int flags) noexcept {
  if (fails_now()) return errno = EMFILE, -1;
  return static_cast<int>(syscall(SYS_eventfd2, count, flags));
}

extern "C" int timerfd_create(clockid_t clock, int flags) noexcept {
  if (fails_now()) return errno = ENFILE, -1;
  return static_cast<int>(syscall(SYS_timerfd_create, clock, flags));
}

extern "C" int pipe2(int ends[2], int flags) noexcept {
  if (fails_now()) return errno = EMFILE, -1;
  return static_cast<int>(syscall(SYS_pipe2, ends, flags));
}

extern "C" int posix_spawnp(pid_t* id, const char* file, const posix_spawn_file_actions_t* actions,
                            const posix_spawnattr_t* attributes, char* const arguments[],
                            char* const environment[]) {
  if (fails_now()) return EAGAIN;
  static auto* const spawn = original<decltype(posix_spawnp)>("posix_spawnp");
  return spawn(id, file, actions, attributes, arguments, environment);
}

extern "C" int posix_spawn_file_actions_adddup2(posix_spawn_file_actions_t* actions, int from,
                                                int to) noexcept {
  if (fails_now()) return ENOMEM;
  static auto* const add =
      original<int(posix_spawn_file_actions_t*, int, int)>("posix_spawn_file_actions_adddup2");
  return add(actions, from, to);
}

extern "C" int posix_spawn_file_actions_addclosefrom_np(posix_spawn_file_actions_t* actions,
                                                        int from) noexcept {
  if (fails_now()) return ENOMEM;
  static auto* const add =
      original<int(posix_spawn_file_actions_t*, int)>("posix_spawn_file_actions_addclosefrom_np");
  return add(actions, from);
}

#ifndef SANITIZED
extern "C" int pthread_create(pthread_t* thread, const pthread_attr_t* attributes,
                              void* (*start)(void*), void* argument) noexcept {
  if (fails_now()) return EAGAIN;
  static auto* const create =
      original<int(pthread_t*, const pthread_attr_t*, void* (*)(void*), void*)>("pthread_create");
  return create(thread, attributes, start, argument);
}
#endif
