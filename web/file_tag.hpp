// The entity tag of a file. Internal.
#pragma once

#include <sys/stat.h>

#include <cstdio>
#include <string>

namespace web::inline v0 {

/// Changes with each change of the file: made of its time, in nanoseconds, and its size.
inline std::string file_tag(const struct stat& status) {
  char text[64];
  std::snprintf(text, sizeof text, "\"%llx-%lx-%llx\"",
                static_cast<unsigned long long>(status.st_mtim.tv_sec),
                static_cast<unsigned long>(status.st_mtim.tv_nsec),
                static_cast<unsigned long long>(status.st_size));
  return text;
}

}  // namespace web
