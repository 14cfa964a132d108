#include "reactor/simulation/system.hpp"

#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/stat.h>
#include <unistd.h>
#include <uv.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <utility>
#include <vector>

#include "reactor/simulation/tcp.hpp"

namespace reactor::inline v0::simulation {

using platform::Message;

StreamSocket* System::stream(int fd) const {
  Socket* const socket = descriptors_.find(fd);
  return socket && socket->type() != SOCK_DGRAM ? static_cast<StreamSocket*>(socket) : nullptr;
}

UnixSocket* System::unix_socket(int fd) const {
  Socket* const socket = descriptors_.find(fd);
  return socket && socket->family() == AF_UNIX ? static_cast<UnixSocket*>(socket) : nullptr;
}

DatagramSocketState* System::datagram(int fd) const {
  Socket* const socket = descriptors_.find(fd);
  return socket && socket->type() == SOCK_DGRAM ? static_cast<DatagramSocketState*>(socket)
                                                : nullptr;
}

int System::fault(Socket& socket) {
  Chance& chance = world_.chance;
  if (chance.happens(chance.rates.interrupted, "EINTR")) return -EINTR;
  if (chance.happens(chance.rates.again, "EAGAIN")) {
    socket.wake(~0U);
    return -EAGAIN;
  }
  return 0;
}

// What is left is reported again.
std::size_t System::shortened(Socket& socket, std::size_t size) {
  Chance& chance = world_.chance;
  if (size < 2 || !chance.happens(chance.rates.short_counts, "short count")) return size;
  socket.wake(~0U);
  return 1 + chance.sizes.below(std::min<std::size_t>(size, 300) - 1);
}

// ---- Sockets

int System::open(Socket& socket) {
  if (host_) socket.host = host_;
  const int fd = descriptors_.open(socket, world_.options.most_descriptors);
  if (fd >= 0) return fd;
  socket.is_open = false;
  return fd;
}

int System::socket(int family, int type, int protocol) {
  if (family == AF_UNIX) {
    if (type != SOCK_STREAM && type != SOCK_SEQPACKET) return -ESOCKTNOSUPPORT;
    return open(world_.make<UnixSocket>(type));
  }
  if (type == SOCK_STREAM) return open(world_.make<TcpSocket>(family));
  if (type == SOCK_DGRAM && (protocol == 0 || protocol == IPPROTO_UDP)) {
    return open(world_.make<DatagramSocketState>(family));
  }
  return -EPROTONOSUPPORT;
}

int System::socketpair(int, int type, int pair[2]) {
  if (type != SOCK_STREAM) return -EPROTONOSUPPORT;
  auto& left = world_.make<UnixSocket>(type);
  auto& right = world_.make<UnixSocket>(type);
  pair[0] = open(left);
  if (pair[0] < 0) return pair[0];
  pair[1] = open(right);
  if (pair[1] < 0) {
    close(pair[0]);
    return pair[1];
  }
  UnixSocket::join(left, right);
  return 0;
}

// Pipes are for child processes, which are real.
int System::pipe(int pair[2]) { return Platform::pipe(pair); }

int System::bind(int fd, const sockaddr* address, socklen_t size) {
  Socket* const socket = descriptors_.find(fd);
  if (!socket) return -EBADF;
  if (UnixSocket* const named = unix_socket(fd)) {
    const auto name = socket_name_of(address, size);
    return name ? named->bind_to(*name) : -EINVAL;
  }
  const auto to = endpoint_of(address, size);
  return to ? socket->bind(*to) : -EAFNOSUPPORT;
}

int System::listen(int fd, int backlog) {
  StreamSocket* const socket = stream(fd);
  return socket ? socket->listen(backlog) : -EOPNOTSUPP;
}

int System::accept(int fd, sockaddr* address, socklen_t* size) {
  StreamSocket* const listener = stream(fd);
  if (!listener) return -EBADF;
  if (!listener->is_listening()) return -EINVAL;
  if (const int failed = fault(*listener)) return failed;
  Chance& chance = world_.chance;
  if (!listener->ready()) return -EAGAIN;
  if (chance.happens(chance.rates.no_descriptors, "EMFILE")) return -EMFILE;
  StreamSocket* const accepted = listener->accept();
  if (chance.happens(chance.rates.aborted, "ECONNABORTED")) {
    accepted->is_open = false;
    accepted->reset_by_network();
    return -ECONNABORTED;
  }
  const int opened = descriptors_.open(*accepted, world_.options.most_descriptors);
  if (opened < 0) {
    listener->put_back(*accepted);
    return opened;
  }
  if (address) (void)this->getpeername(opened, address, size);
  return opened;
}

int System::connect(int fd, const sockaddr* address, socklen_t size) {
  Socket* const socket = descriptors_.find(fd);
  if (!socket) return -EBADF;
  if (UnixSocket* const named = unix_socket(fd)) {
    const auto name = socket_name_of(address, size);
    return name ? named->connect(*name) : -EINVAL;
  }
  const auto to = endpoint_of(address, size);
  if (!to) return -EAFNOSUPPORT;
  if (DatagramSocketState* const udp = datagram(fd)) return udp->connect(*to);
  const int result = static_cast<TcpSocket*>(socket)->connect(*to);
  const bool interrupted =
      result == -EINPROGRESS && world_.chance.happens(world_.chance.rates.interrupted, "EINTR");
  return interrupted ? -EINTR : result;
}

int System::shutdown(int fd, int how) {
  StreamSocket* const socket = stream(fd);
  return socket ? socket->shutdown(how) : -ENOTSOCK;
}

int System::close(int fd) {
  Socket* const socket = descriptors_.find(fd);
  if (!socket) return Platform::close(fd);
  descriptors_.close(fd);
  return 0;
}

void System::reset_by_chance(StreamSocket& socket) {
  if (socket.family() == AF_UNIX) return;
  if (world_.chance.happens(world_.chance.rates.reset, "reset")) socket.reset_by_network();
}

ssize_t System::recv(int fd, void* buffer, std::size_t size, int flags) {
  iovec part{buffer, size};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  return this->recvmsg(fd, &message, flags);
}

// Streams are read into one buffer. Sockets that the caller has no room for are closed.
ssize_t System::recvmsg(int fd, msghdr* message, int flags) {
  StreamSocket* const socket = stream(fd);
  if (!socket) return descriptors_.find(fd) ? -EOPNOTSUPP : Platform::recvmsg(fd, message, flags);
  if (const int failed = fault(*socket)) return failed;
  reset_by_chance(*socket);
  const iovec& into = message->msg_iov[0];
  std::size_t size = shortened(*socket, into.iov_len);
  UnixSocket* const passing = unix_socket(fd);
  const bool peek = (flags & MSG_PEEK) != 0;
  UnixSocket::Passed passed;
  if (passing && !peek) {
    size = passing->next_read(size);
    const std::uint64_t before = passing->unread_bytes();
    passed = passing->take_passed(std::min<std::size_t>(size, before));
  }
  const ssize_t received = socket->recv(static_cast<char*>(into.iov_base), size, peek);
  message->msg_flags = 0;
  if (passing) write_passed(passed, *message);
  return received;
}

ssize_t System::send_stream(StreamSocket& socket, const std::string& bytes,
                            const UnixSocket::Passed& with) {
  if (const int failed = fault(socket)) return failed;
  reset_by_chance(socket);
  const std::size_t size = shortened(socket, bytes.size());
  if (with.empty()) return socket.send(bytes.data(), size);
  return static_cast<UnixSocket&>(socket).send_with(bytes.data(), size, with);
}

ssize_t System::send(int fd, const void* data, std::size_t size, int flags) {
  if (StreamSocket* const socket = stream(fd)) {
    if (const int failed = fault(*socket)) return failed;
    reset_by_chance(*socket);
    return socket->send(static_cast<const char*>(data), shortened(*socket, size));
  }
  iovec part{const_cast<void*>(data), size};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  return this->sendmsg(fd, &message, flags);
}

ssize_t System::sendmsg(int fd, const msghdr* message, int flags) {
  if (StreamSocket* const socket = stream(fd)) {
    UnixSocket::Passed passed;
    if (const int failed = read_passed(*message, passed)) return failed;
    if (!passed.empty() && socket->family() != AF_UNIX) return -EINVAL;
    std::string bytes;
    for (std::size_t i = 0; i < message->msg_iovlen; ++i) {
      bytes.append(static_cast<const char*>(message->msg_iov[i].iov_base),
                   message->msg_iov[i].iov_len);
    }
    return send_stream(*socket, bytes, passed);
  }
  DatagramSocketState* const socket = datagram(fd);
  if (!socket) return Platform::sendmsg(fd, message, flags);
  if (const int failed = fault(*socket)) return failed;
  if (world_.chance.happens(world_.chance.rates.no_buffers, "ENOBUFS")) return -ENOBUFS;
  return socket->send(*message);
}

int System::read_passed(const msghdr& message, UnixSocket::Passed& passed) {
  auto& header = const_cast<msghdr&>(message);
  for (cmsghdr* control = CMSG_FIRSTHDR(&header); control;
       control = CMSG_NXTHDR(&header, control)) {
    if (control->cmsg_level != SOL_SOCKET || control->cmsg_type != SCM_RIGHTS) continue;
    for (std::size_t at = CMSG_LEN(0); at < control->cmsg_len; at += sizeof(int)) {
      int fd = -1;
      std::memcpy(&fd, reinterpret_cast<const char*>(control) + at, sizeof fd);
      Socket* const socket = descriptors_.find(fd);
      if (!socket) {
        world_.trace.note("refused to pass descriptor " + std::to_string(fd) + " of the process");
        return -EOPNOTSUPP;
      }
      passed.push_back(socket);
    }
  }
  return 0;
}

void System::write_passed(const UnixSocket::Passed& passed, msghdr& message) {
  const std::size_t room = std::exchange(message.msg_controllen, 0);
  std::vector<int> opened;
  for (Socket* const socket : passed) {
    const bool fits = CMSG_SPACE((opened.size() + 1) * sizeof(int)) <= room;
    if (host_) (void)socket->settle_on(*host_);
    const int fd = fits ? descriptors_.open(*socket, world_.options.most_descriptors) : -EMFILE;
    if (fd >= 0) opened.push_back(fd);
    if (fd < 0) message.msg_flags |= MSG_CTRUNC;
    socket->drop_use();  // That of the message.
  }
  if (opened.empty()) return;
  message.msg_controllen = CMSG_SPACE(opened.size() * sizeof(int));
  cmsghdr* const control = CMSG_FIRSTHDR(&message);
  control->cmsg_level = SOL_SOCKET;
  control->cmsg_type = SCM_RIGHTS;
  control->cmsg_len = CMSG_LEN(opened.size() * sizeof(int));
  std::memcpy(CMSG_DATA(control), opened.data(), opened.size() * sizeof(int));
}

ssize_t System::sendfile(int to, int file, off_t* offset, std::size_t size) {
  std::array<char, 16 * 1024> bytes;
  const ssize_t got = Platform::pread(file, bytes.data(), std::min(size, bytes.size()), *offset);
  if (got <= 0) return got;
  const ssize_t sent = send(to, bytes.data(), static_cast<std::size_t>(got), 0);
  if (sent > 0) *offset += sent;
  return sent;
}

int System::recvmmsg(int fd, Message* messages, unsigned count, int flags) {
  DatagramSocketState* const socket = datagram(fd);
  if (!socket) return -ENOTSOCK;
  if (flags & MSG_ERRQUEUE) return socket->receive_errors(messages, count);
  if (const int failed = fault(*socket)) return failed;
  return socket->receive(messages, static_cast<unsigned>(shortened(*socket, count)));
}

int System::sendmmsg(int fd, Message* messages, unsigned count, int flags) {
  int sent = 0;
  for (; std::cmp_less(sent, count); ++sent) {
    const ssize_t result = this->sendmsg(fd, &messages[sent].header, flags);
    if (result < 0) return sent > 0 ? sent : static_cast<int>(result);
    messages[sent].length = static_cast<unsigned>(result);
  }
  return sent;
}

// ---- Options and addresses

int System::getsockopt(int fd, int level, int option, void* value, socklen_t* size) {
  Socket* const socket = descriptors_.find(fd);
  if (!socket) return Platform::getsockopt(fd, level, option, value, size);
  std::memset(value, 0, *size);
  const auto put = [&](const void* from, std::size_t bytes) {
    const std::size_t most = std::min<std::size_t>(*size, bytes);
    std::memcpy(value, from, most);
    *size = static_cast<socklen_t>(most);
    return 0;
  };
  const auto put_int = [&](int number) { return put(&number, sizeof number); };
  if (level == SOL_SOCKET) {
    DatagramSocketState* const udp = datagram(fd);
    switch (option) {
      case SO_ERROR:
        return put_int(socket->take_error());
      case SO_TYPE:
        return put_int(socket->type());
#ifdef SO_DOMAIN
      case SO_DOMAIN:
        return put_int(socket->family());
#endif
#ifdef SO_PROTOCOL
      case SO_PROTOCOL:
        return put_int(unix_socket(fd) ? 0 : udp ? IPPROTO_UDP : IPPROTO_TCP);
#endif
      case SO_ACCEPTCONN:
        return put_int(socket->is_listening() ? 1 : 0);
#ifdef SO_MEMINFO
      case SO_MEMINFO: {
        std::array<std::uint32_t, 9> memory{};  // The last is the number of dropped datagrams.
        memory.back() = udp ? static_cast<std::uint32_t>(udp->dropped()) : 0;
        return put(memory.data(), sizeof memory);
      }
#endif
      default:
        break;
    }
  }
  const auto set = socket->options.find({level, option});
  return set == socket->options.end() ? 0 : put(set->second.data(), set->second.size());
}

int System::setsockopt(int fd, int level, int number, const void* value, socklen_t size) {
  Socket* const socket = descriptors_.find(fd);
  if (!socket) return -EBADF;
  if (unix_socket(fd) && level != SOL_SOCKET) return -EOPNOTSUPP;
  const bool is_ip = level == IPPROTO_IP || level == IPPROTO_IPV6;
  if (is_ip && (number == MCAST_JOIN_GROUP || number == MCAST_LEAVE_GROUP)) {
    DatagramSocketState* const udp = datagram(fd);
    group_req request;
    if (!udp || size < sizeof request) return -EINVAL;
    std::memcpy(&request, value, sizeof request);
    const auto group =
        endpoint_of(reinterpret_cast<const sockaddr*>(&request.gr_group), sizeof request.gr_group);
    if (!group || !group->ip.is_multicast()) return -EINVAL;
    number == MCAST_JOIN_GROUP ? udp->join(group->ip) : udp->leave(group->ip);
    return 0;
  }
  // Datagrams arrive one by one.
  if (level == option::udp_gro.level && number == option::udp_gro.number) return -ENOPROTOOPT;
  const auto* const bytes = static_cast<const std::uint8_t*>(value);
  socket->options[{level, number}].assign(bytes, bytes + size);
  socket->option_changed(level, number);
  return 0;
}

int System::getsockname(int fd, sockaddr* address, socklen_t* size) {
  Socket* const socket = descriptors_.find(fd);
  if (!socket) return -EBADF;
  if (UnixSocket* const named = unix_socket(fd)) {
    write_socket_name(named->name(), address, size);
  } else {
    write_address(socket->local, socket->family(), address, size);
  }
  return 0;
}

int System::getpeername(int fd, sockaddr* address, socklen_t* size) {
  Socket* const socket = descriptors_.find(fd);
  if (!socket) return -EBADF;
  DatagramSocketState* const udp = datagram(fd);
  if (udp ? !udp->has_peer() : !stream(fd)->has_peer()) return -ENOTCONN;
  if (UnixSocket* const named = unix_socket(fd)) {
    write_socket_name(named->peer_name(), address, size);
  } else {
    write_address(socket->peer_address, socket->family(), address, size);
  }
  return 0;
}

// All programs of a world belong to the user of this process.
int System::peer_credentials(int fd, uid_t* user, gid_t* group, pid_t* process) {
  UnixSocket* const socket = unix_socket(fd);
  if (!socket) return -EBADF;
  const bool is_known = socket->has_peer() && socket->host;
  *user = is_known ? ::geteuid() : static_cast<uid_t>(-1);
  *group = is_known ? ::getegid() : static_cast<gid_t>(-1);
  *process = is_known ? socket->host->process : 0;
  return 0;
}

int System::fcntl(int fd, int command, int argument) {
  Socket* const socket = descriptors_.find(fd);
  if (!socket) return Platform::fcntl(fd, command, argument);
  switch (command) {
    case F_DUPFD_CLOEXEC:
      return descriptors_.open(*socket, world_.options.most_descriptors);
    case F_GETFL:
      return O_RDWR | O_NONBLOCK;
    case F_GETFD:
      return FD_CLOEXEC;
    case F_SETFL:
    case F_SETFD:
      return 0;
    default:
      return -EINVAL;
  }
}

int System::unsent_bytes(int fd) {
  StreamSocket* const socket = stream(fd);
  return socket ? socket->unsent_bytes() : -ENOTSOCK;
}

// ---- The files of unix sockets

Computer* System::host_with(const std::string& path) const {
  // A program that is destroyed by a crash changes nothing any more.
  if (host_) return host_->is_up && host_->names.find(path) ? host_ : nullptr;
  Computer* found = nullptr;
  for (const auto& each : world_.computers) {
    if (!each->names.find(path)) continue;
    if (found) return nullptr;
    found = each.get();
  }
  return found;
}

int System::lstat(const char* path, struct stat* file) {
  constexpr std::int64_t second = 1'000'000'000;
  const Computer* const computer = host_with(path);
  if (!computer) return -ENOENT;
  const SocketNames::File& found = *computer->names.find(path);
  const std::int64_t changed = computer->wall_at(found.changed);
  *file = {};
  file->st_mode = S_IFSOCK | 0755;
  file->st_ino = static_cast<ino_t>(found.number);
  file->st_ctime = changed / second;
  return 0;
}

int System::unlink(const char* path) {
  Computer* const computer = host_with(path);
  return computer && computer->names.remove_file(path) ? 0 : -ENOENT;
}

// ---- Time, names, threads, chance

std::unique_ptr<Poller> System::new_poller(uv_loop_s& native, const Poller::Embedding* embedding) {
  if (embedding || !host_) {
    throw std::logic_error(
        "a loop in a simulated world belongs to a host, and is not embedded: use Host::loop()");
  }
  auto poller = std::make_unique<SimulatedPoller>(world_, *host_, descriptors_, jobs_, native);
  last_poller_ = poller.get();
  return poller;
}

std::int64_t System::steady_now() { return world_.events.now(); }

std::int64_t System::wall_now() {
  const std::int64_t now = world_.events.now();
  return host_ ? host_->wall_at(now) : now + steady_to_wall;
}

int System::getaddrinfo(const char* host, const char* service, const addrinfo* hints,
                        addrinfo** to) {
  std::vector<std::string> found;
  if (const auto place = world_.zone.find(host); place != world_.zone.end()) {
    for (const Ip& ip : place->second) {
      const bool ipv4 = ip.is_ipv4();
      if (hints->ai_family == AF_UNSPEC || hints->ai_family == (ipv4 ? AF_INET : AF_INET6)) {
        found.push_back(to_string(ip));
      }
    }
  } else if (std::string_view(host) == "localhost") {
    found.emplace_back("127.0.0.1");
  }
  *to = nullptr;
  addrinfo** end = to;
  for (const std::string& numeric : found) {
    if (const int error = Platform::getaddrinfo(numeric.c_str(), service, hints, end)) return error;
    while (*end) end = &(*end)->ai_next;
  }
  return *to ? 0 : UV_EAI_NONAME;
}

int System::getnameinfo(const sockaddr* address, std::string* name) {
  const auto wanted = endpoint_of(address, sizeof(sockaddr_in6));
  for (const auto& [known, addresses] : world_.zone) {
    const bool has =
        wanted && std::find(addresses.begin(), addresses.end(), wanted->ip) != addresses.end();
    if (!has) continue;
    *name = known;
    return 0;
  }
  return UV_EAI_NONAME;
}

void System::queue_work(uv_loop_s* native, uv_work_s* work, void (*run)(uv_work_s*),
                        void (*done)(uv_work_s*, int status)) {
  world_.jobs.at(native)->add(native, work, run, done);
}

void System::cancel_work(uv_work_s* work) {
  for (const auto& [native, jobs] : world_.jobs) jobs->cancel(work);
}

int System::run_detached(Callback<void()> job) {
  world_.events.after(world_.chance.in(world_.options.work),
                      [this, run = std::move(job)]() mutable {
                        const platform::Use use(*this);
                        run();
                      });
  return 0;
}

void System::random_bytes(std::byte* bytes, std::size_t size) {
  std::generate_n(bytes, size, [this] { return static_cast<std::byte>(world_.secrets.next()); });
}

const platform::HashSeeds& System::hash_seeds() { return world_.seeds; }

}  // namespace reactor::simulation
