#include "reactor/error_queue.hpp"

namespace reactor::inline v0 {

Result<void> ErrorQueue::open(Socket&) { return {}; }

std::span<const IcmpError> ErrorQueue::take(int) { return {}; }

}  // namespace reactor
