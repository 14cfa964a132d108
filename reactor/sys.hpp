// Every socket system call the library makes, one thin function each. Internal.
//
// Linking another definition of these functions gives a simulated network or injected faults
// without touching what stands above: tests/reactor/faults does so.
#pragma once

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>

#include <cstddef>

namespace reactor::sys {

// Each returns what the call of the same name returns, or -errno: nothing here retries, waits or
// interprets. New descriptors are close-on-exec and non-blocking; sends never raise SIGPIPE.

int socket(int family, int type, int protocol);
int socketpair(int family, int type, int pair[2]);
int pipe(int pair[2]);  // What is written to the second, which blocks, is received from the first.
int bind(int fd, const sockaddr* address, socklen_t size);
int listen(int fd, int backlog);
int accept(int fd, sockaddr* address, socklen_t* size);
int connect(int fd, const sockaddr* address, socklen_t size);
int shutdown(int fd, int how);
int close(int fd);

ssize_t recv(int fd, void* buffer, std::size_t size, int flags);
ssize_t send(int fd, const void* data, std::size_t size, int flags);
ssize_t sendmsg(int fd, const msghdr* message, int flags);
ssize_t sendfile(int socket, int file, off_t* offset, std::size_t size);
int recvmmsg(int fd, mmsghdr* messages, unsigned count, int flags);
int sendmmsg(int fd, mmsghdr* messages, unsigned count, int flags);

int getsockopt(int fd, int level, int option, void* value, socklen_t* size);
int setsockopt(int fd, int level, int option, const void* value, socklen_t size);
int getsockname(int fd, sockaddr* address, socklen_t* size);
int getpeername(int fd, sockaddr* address, socklen_t* size);

int fcntl(int fd, int command, int argument);
int ioctl(int fd, unsigned long request, int* value);
ssize_t pread(int fd, void* buffer, std::size_t size, off_t offset);
int lstat(const char* path, struct stat* file);
int unlink(const char* path);

}  // namespace reactor::sys
