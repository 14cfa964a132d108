#include "reactor/send_queue.hpp"

#include <utility>

namespace reactor::inline v0 {
namespace {

// Erases what was sent once it is the larger part, so that each element is moved at most once.
template <class T>
void drop_sent(std::vector<T>& waiting, std::size_t& begin) {
  if (begin <= waiting.size() / 2) return;
  waiting.erase(waiting.begin(), waiting.begin() + static_cast<std::ptrdiff_t>(begin));
  begin = 0;
}

// An empty queue holds no memory: most connections rarely need one.
template <class T>
void free_if_sent(std::vector<T>& waiting, std::size_t& begin) {
  if (begin < waiting.size()) return;
  std::vector<T>().swap(waiting);
  begin = 0;
}

}  // namespace

void SendQueue::push(std::span<const std::byte> bytes) {
  drop_sent(memory_, memory_begin_);
  memory_.insert(memory_.end(), bytes.begin(), bytes.end());
}

void SendQueue::push(File file, std::uint64_t offset, std::uint64_t size) {
  drop_sent(files_, files_begin_);
  const std::size_t before = bytes() - bytes_before_;
  files_.push_back({std::move(file), offset, size, before});
  bytes_before_ += before;
  file_bytes_ += size;
}

void SendQueue::pop(std::uint64_t sent) {
  const std::size_t front = front_bytes().size();
  if (front > 0) {
    memory_begin_ += sent;
    if (has_files()) {
      files_[files_begin_].bytes_before -= sent;
      bytes_before_ -= sent;
    }
    return free_if_sent(memory_, memory_begin_);
  }
  FilePart& part = files_[files_begin_];
  part.offset += sent;
  part.size -= sent;
  file_bytes_ -= sent;
  if (part.size > 0) return;
  part.file = File();
  ++files_begin_;
  free_if_sent(files_, files_begin_);
}

}  // namespace reactor
