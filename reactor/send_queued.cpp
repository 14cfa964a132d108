#include "reactor/send_queued.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <span>
#include <string>

#include "reactor/platform/sys.hpp"

namespace reactor::inline v0 {
namespace {

// For files that sendfile cannot send, such as those of /proc and most devices.
ssize_t copy_file(const SendQueue::FilePart& part, int to, std::size_t most) {
  std::array<std::byte, 16 * 1024> buffer;
  const ssize_t size = sys::pread(part.file.fd(), buffer.data(), std::min(most, buffer.size()),
                                  static_cast<off_t>(part.offset));
  return size <= 0 ? size : sys::send(to, buffer.data(), std::size_t(size), 0);
}

ssize_t send_file(const SendQueue::FilePart& part, int to, std::uint64_t most) {
  auto offset = static_cast<off_t>(part.offset);
  const auto size = static_cast<std::size_t>(std::min(part.size, most));
  const ssize_t sent = sys::sendfile(to, part.file.fd(), &offset, size);
  return sent == -EINVAL ? copy_file(part, to, size) : sent;
}

Error file_error(int number, const SendQueue::FilePart& part, const StreamConnection& to) {
  // The socket reports these errors; all others are errors of the file.
  static constexpr std::array of_socket{EPIPE,        ECONNRESET,  ETIMEDOUT,    ENOBUFS,
                                        EHOSTUNREACH, ENETUNREACH, ENETDOWN,     EHOSTDOWN,
                                        ENOTCONN,     ENOMEM,      ECONNABORTED, EPERM};
  if (std::find(of_socket.begin(), of_socket.end(), number) != of_socket.end()) {
    return to.error(number, "send to");
  }
  Error error = system_error(number, "read", part.file.name());
  error.hint = "it was to be sent to " + to.peer();
  return error;
}

Error short_file(const SendQueue::FilePart& part, const StreamConnection& to) {
  Error error = system_error(EIO, "send " + part.file.name() + " to", to.peer());
  error.hint = "it ends at byte " + std::to_string(part.offset) + ", and " +
               std::to_string(part.size) + " more were to be sent";
  return error;
}

// The bytes to encode next; an error or an early end of a file is noted in `result`.
std::span<const std::byte> next_plain(const SendQueue& queue, const StreamConnection& to,
                                      std::span<std::byte> buffer, std::uint64_t most_of_file,
                                      SentOfQueue& result) {
  if (const auto bytes = queue.front_bytes(); !bytes.empty()) {
    return bytes.first(std::min(bytes.size(), StreamFilter::most_encoded_bytes));
  }
  const SendQueue::FilePart& part = queue.front_file();
  const std::uint64_t most = std::min({part.size, most_of_file, std::uint64_t{buffer.size()}});
  ssize_t size = -EINTR;
  while (size == -EINTR) {
    size = sys::pread(part.file.fd(), buffer.data(), std::size_t(most), off_t(part.offset));
  }
  if (size > 0) return buffer.first(std::size_t(size));
  result.error = size < 0 ? file_error(int(-size), part, to) : short_file(part, to);
  return {};
}

}  // namespace

SentOfQueue send_queued(SendQueue& queue, const StreamConnection& to, StreamFilter& filter,
                        std::uint64_t most_file_bytes) {
  std::array<std::byte, 32 * 1024> buffer;
  SentOfQueue result;
  while (!queue.empty()) {
    const bool of_file = queue.front_bytes().empty();
    if (of_file && result.file_bytes == most_file_bytes) {
      result.more_of_file = true;
      break;
    }
    const auto plain = next_plain(queue, to, buffer, most_file_bytes - result.file_bytes, result);
    if (plain.empty()) break;
    const std::size_t encoded = filter.encode(plain);
    if (encoded == 0) {
      result.error = filter.error();
      break;
    }
    queue.pop(encoded);
    if (of_file) {
      result.file_bytes += encoded;
    } else {
      result.memory_bytes += encoded;
    }
    const int error = send_output(filter, to);
    if (error == EAGAIN) break;
    if (error != 0) {
      result.error = to.error(error, "send to");
      break;
    }
  }
  return result;
}

int send_output(StreamFilter& filter, const StreamConnection& to) {
  for (;;) {
    const auto output = filter.output();
    if (output.empty()) return 0;
    const ssize_t size = sys::send(to.fd(), output.data(), output.size(), 0);
    if (size == -EINTR) continue;
    filter.pop(size < 0 ? 0 : static_cast<std::size_t>(size));
    if (size < 0) return static_cast<int>(-size);
    if (static_cast<std::size_t>(size) < output.size()) return EAGAIN;
  }
}

SentOfQueue send_queued(SendQueue& queue, const StreamConnection& to,
                        DescriptorMessages* descriptors, std::uint64_t most_file_bytes) {
  SentOfQueue result;
  while (!queue.empty()) {
    auto bytes = queue.front_bytes();
    if (descriptors) bytes = descriptors->next_bytes(bytes);
    if (bytes.empty() && result.file_bytes == most_file_bytes) {
      result.more_of_file = true;
      break;
    }
    const ssize_t size =
        bytes.empty() ? send_file(queue.front_file(), to.fd(), most_file_bytes - result.file_bytes)
        : descriptors && !descriptors->next().empty()
            ? send_with_descriptors(to.fd(), bytes, descriptors->next())
            : sys::send(to.fd(), bytes.data(), bytes.size(),
                        queue.has_files() ? sys::more_follows : 0);
    if (size == -EINTR) continue;
    if (size == -EAGAIN) break;
    if (size < 0) {
      const int number = static_cast<int>(-size);
      result.error =
          bytes.empty() ? file_error(number, queue.front_file(), to) : to.error(number, "send to");
      break;
    }
    if (size == 0) {
      result.error = short_file(queue.front_file(), to);
      break;
    }
    const auto sent = static_cast<std::size_t>(size);
    queue.pop(sent);
    if (bytes.empty()) {
      result.file_bytes += sent;
      continue;  // Fewer than requested: the file may end there. The next call reports it.
    }
    result.memory_bytes += sent;
    if (descriptors) descriptors->pop(sent);
    // Fewer than requested: the kernel is full, and reports when it no longer is.
    if (sent < bytes.size()) break;
  }
  return result;
}

}  // namespace reactor
