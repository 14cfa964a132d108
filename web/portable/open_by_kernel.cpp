#include "web/open_by_kernel.hpp"

#include <fcntl.h>

#include <cerrno>

namespace web::inline v0 {

const int found_only = O_RDONLY | O_NONBLOCK | O_NOCTTY;

int open_by_kernel(int, const std::string&, int, bool, mode_t) { return errno = ENOSYS, -1; }

}  // namespace web
