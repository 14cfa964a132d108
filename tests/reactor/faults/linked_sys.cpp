#include "linked_sys.hpp"

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
#include <vector>

#include "reactor/address.hpp"
#include "reactor/poller.hpp"
#include "reactor/sys.hpp"

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED
#endif
#endif

namespace {

std::mt19937 random_source;
linked_sys::Rates rates;
linked_sys::Calls counted;
std::vector<std::uint64_t> received_from(4096);

unsigned reads_to_fill = 0;
int filled_fd = -1;
unsigned accepts_to_fail = 0;
int accept_error = 0;
std::chrono::steady_clock::time_point failed_at;

struct Registration {
  int set = -1;
  epoll_event event{};
};
// Edge-triggered, by descriptor. On the heap for ever: libuv closes its own after main.
auto& registrations = *new std::vector<Registration>(4096);
auto& doomed = *new std::set<int>;

int control(int set, int operation, int fd, epoll_event* event) {
  return static_cast<int>(syscall(SYS_epoll_ctl, set, operation, fd, event));
}

bool happens(unsigned rate) {
  if (random_source() % 1000 >= rate) return false;
  ++counted.faults;
  return true;
}

// A kernel that was not ready is so later, and tells: as this one does of what is ready now.
void tell_again(int fd) {
  Registration& known = registrations[static_cast<std::size_t>(fd)];
  if (known.set >= 0) control(known.set, EPOLL_CTL_MOD, fd, &known.event);
}

std::atomic<unsigned> calls_until_failure = 0;
std::atomic<bool> nth_has_failed = false;
linked_sys::Connect connecting = linked_sys::Connect::as_ever;

// Whether this call is the one that fails.
bool fails_now() {
  for (unsigned left = calls_until_failure; left > 0;) {
    if (!calls_until_failure.compare_exchange_weak(left, left - 1)) continue;
    if (left == 1) nth_has_failed = true;
    return left == 1;
  }
  return false;
}

// What libc defines.
template <class Function>
Function* original(const char* name) {
  return reinterpret_cast<Function*>(dlsym(RTLD_NEXT, name));
}

struct Names {
  std::mutex mutex;  // Guards what follows.
  std::condition_variable changed;
  std::map<std::string, std::vector<std::string>> hosts;
  std::string dead;
  int blocked = 0;

  // True once a name whose name servers were dead is given up.
  [[nodiscard]] bool block_if_dead(const std::string& name, std::unique_lock<std::mutex>& lock) {
    if (dead != name) return false;
    ++blocked;
    changed.wait(lock, [&] { return dead != name; });
    if (--blocked == 0) changed.notify_all();
    return true;
  }
};
auto& names = *new Names;

// What a call says instead of being made, or 0.
int fault(int fd) {
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

// What a call that sends datagrams says instead of being made, or 0.
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

bool is_coalesced(const msghdr& message) {
  if (message.msg_controllen == 0) return false;
  msghdr& header = const_cast<msghdr&>(message);
  for (cmsghdr* control = CMSG_FIRSTHDR(&header); control;
       control = CMSG_NXTHDR(&header, control)) {
    if (control->cmsg_level == SOL_UDP && control->cmsg_type == UDP_SEGMENT) {
      ++counted.coalesced;
      return true;
    }
  }
  return false;
}

template <class T>
T or_error(T result) {
  return result < 0 ? static_cast<T>(-errno) : result;
}

}  // namespace

namespace linked_sys {

void inject(std::uint32_t seed, const Rates& how_often) {
  random_source.seed(seed);
  rates = how_often;
  counted = {};
  doomed.clear();
}

void fail_accepts(unsigned count, int error) {
  accepts_to_fail = count;
  accept_error = error;
}

std::chrono::steady_clock::time_point accept_failed_at() { return failed_at; }

Calls calls() { return counted; }

void fail_nth(unsigned n) {
  nth_has_failed = false;
  calls_until_failure = n;
}

bool has_failed() { return nth_has_failed; }

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

}  // namespace linked_sys

// In place of libc's, for the library and libuv alike. A descriptor's number belongs to one thread
// after the other, which the kernel orders and ThreadSanitizer does not see.
extern "C" __attribute__((no_sanitize("thread"))) int epoll_ctl(int set, int operation, int fd,
                                                                epoll_event* event) noexcept {
  ++counted.epoll_ctl;
  // libuv ends the process where it cannot watch a descriptor, so its own calls do not fail.
  const bool may_fail = operation == EPOLL_CTL_ADD && reactor::Poller::has_edge_trigger;
  if (may_fail && fails_now()) return errno = ENOSPC, -1;
  const int result = control(set, operation, fd, event);
  if (result == 0 && operation != EPOLL_CTL_DEL && (event->events & EPOLLET)) {
    registrations[static_cast<std::size_t>(fd)] = {set, *event};
  }
  return result;
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

extern "C" int getaddrinfo(const char* name, const char* service, const addrinfo* hints,
                           addrinfo** list) {
  static auto* const look_up = original<decltype(getaddrinfo)>("getaddrinfo");
  std::unique_lock lock(names.mutex);
  if (name && names.block_if_dead(name, lock)) return EAI_AGAIN;
  const auto found = name ? names.hosts.find(name) : names.hosts.end();
  if (found == names.hosts.end()) {
    lock.unlock();
    return look_up(name, service, hints, list);
  }
  addrinfo** end = list;
  for (const std::string& host : found->second) {
    if (const int error = look_up(host.c_str(), service, hints, end)) return error;
    while (*end) end = &(*end)->ai_next;
  }
  return 0;
}

extern "C" int getnameinfo(const sockaddr* address, socklen_t size, char* host, socklen_t host_size,
                           char* service, socklen_t service_size, int flags) {
  static auto* const look_up = original<decltype(getnameinfo)>("getnameinfo");
  {
    std::unique_lock lock(names.mutex);
    const std::string name = reactor::Address::from(address, size).host();
    if (names.block_if_dead(name, lock)) return EAI_AGAIN;
  }
  return look_up(address, size, host, host_size, service, service_size, flags);
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

namespace reactor::sys {

int socket(int family, int type, int protocol) {
  return or_error(::socket(family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol));
}

int socketpair(int family, int type, int pair[2]) {
  if (fails_now()) return -EMFILE;
  return or_error(::socketpair(family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair));
}

int pipe(int pair[2]) {
  if (fails_now()) return -EMFILE;
  return uv_pipe(pair, UV_NONBLOCK_PIPE, 0);
}

int bind(int fd, const sockaddr* address, socklen_t size) {
  return or_error(::bind(fd, address, size));
}

int listen(int fd, int backlog) { return or_error(::listen(fd, backlog)); }

int accept(int fd, sockaddr* address, socklen_t* size) {
  ++counted.accept;
  if (address && accepts_to_fail > 0) {
    --accepts_to_fail;
    failed_at = std::chrono::steady_clock::now();
    return -accept_error;
  }
  if (happens(rates.interrupted)) return -EINTR;
  if (happens(rates.again)) return -EAGAIN;
  if (happens(rates.aborted)) return -ECONNABORTED;
  if (address && happens(rates.no_descriptors)) return -EMFILE;
  const int accepted = or_error(::accept4(fd, address, size, SOCK_CLOEXEC | SOCK_NONBLOCK));
  if (accepted < 0) return accepted;
  counted.shed += address == nullptr;
  if (address && happens(rates.doomed)) {
    doomed.insert(accepted);
    ++counted.doomed;
  }
  return accepted;
}

int connect(int fd, const sockaddr* address, socklen_t size) {
  if (connecting == linked_sys::Connect::to_itself) ::bind(fd, address, size);
  const int result = or_error(::connect(fd, address, size));
  return connecting == linked_sys::Connect::interrupted ? -EINTR : result;
}

int shutdown(int fd, int how) { return or_error(::shutdown(fd, how)); }

__attribute__((no_sanitize("thread"))) int close(int fd) {
  registrations[static_cast<std::size_t>(fd)] = {};
  doomed.erase(fd);
  return or_error(::close(fd));
}

ssize_t recv(int fd, void* buffer, std::size_t size, int flags) {
  ++counted.recv;
  ++received_from[static_cast<std::size_t>(fd)];
  if (fd == filled_fd && reads_to_fill > 0) {
    --reads_to_fill;
    std::fill_n(static_cast<char*>(buffer), size, 'x');
    return static_cast<ssize_t>(size);
  }
  if (const int failed = fault(fd)) return failed;
  const ssize_t received = or_error(::recv(fd, buffer, shortened(fd, size), flags));
  return received == -ENOTSOCK ? or_error(::read(fd, buffer, size)) : received;
}

ssize_t send(int fd, const void* data, std::size_t size, int flags) {
  ++counted.send;
  if (const int failed = fault(fd)) return failed;
  return or_error(::send(fd, data, shortened(fd, size), flags | MSG_NOSIGNAL));
}

ssize_t sendmsg(int fd, const msghdr* message, int flags) {
  ++counted.send;
  if (sends_datagrams(fd)) {
    if (const int failed = datagram_fault(fd)) return failed;
    if (is_coalesced(*message) && rates.coalesced != 0) return -rates.coalesced;
    return or_error(::sendmsg(fd, message, flags | MSG_NOSIGNAL));
  }
  if (const int failed = fault(fd)) return failed;
  // Cut off in the first part, at its end, or in the second.
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
  return or_error(::sendmsg(fd, &shorter, flags | MSG_NOSIGNAL));
}

ssize_t sendfile(int socket, int file, off_t* offset, std::size_t size) {
  ++counted.send;
  if (const int failed = fault(socket)) return failed;
  return or_error(::sendfile(socket, file, offset, shortened(socket, size)));
}

int recvmmsg(int fd, mmsghdr* messages, unsigned count, int flags) {
  ++counted.recv;
  if (!(flags & MSG_ERRQUEUE)) {
    if (const int failed = fault(fd)) return failed;
    count = static_cast<unsigned>(shortened(fd, count));
  }
  return or_error(::recvmmsg(fd, messages, count, flags, nullptr));
}

int sendmmsg(int fd, mmsghdr* messages, unsigned count, int flags) {
  ++counted.send;
  if (const int failed = datagram_fault(fd)) return failed;
  count = static_cast<unsigned>(shortened(fd, count));
  for (unsigned i = 0; i < count; ++i) {
    if (!is_coalesced(messages[i].msg_hdr) || rates.coalesced == 0) continue;
    if (i == 0) return -rates.coalesced;
    count = i;
  }
  return or_error(::sendmmsg(fd, messages, count, flags | MSG_NOSIGNAL));
}

int getsockopt(int fd, int level, int option, void* value, socklen_t* size) {
  return or_error(::getsockopt(fd, level, option, value, size));
}

int setsockopt(int fd, int level, int option, const void* value, socklen_t size) {
  return or_error(::setsockopt(fd, level, option, value, size));
}

int getsockname(int fd, sockaddr* address, socklen_t* size) {
  return or_error(::getsockname(fd, address, size));
}

int getpeername(int fd, sockaddr* address, socklen_t* size) {
  return or_error(::getpeername(fd, address, size));
}

int fcntl(int fd, int command, int argument) {
  if (command != F_GETFD && fails_now()) return -EMFILE;
  return or_error(::fcntl(fd, command, argument));
}

int ioctl(int fd, unsigned long request, int* value) {
  return or_error(::ioctl(fd, request, value));
}

ssize_t pread(int fd, void* buffer, std::size_t size, off_t offset) {
  return or_error(::pread(fd, buffer, size, offset));
}

int lstat(const char* path, struct stat* file) { return or_error(::lstat(path, file)); }

int unlink(const char* path) { return or_error(::unlink(path)); }

}  // namespace reactor::sys
