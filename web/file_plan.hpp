// What to send of a file: all, a part, or nothing, by the conditions of the request. Internal.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "protocols/http/date.hpp"
#include "protocols/http/message.hpp"
#include "web/file_content.hpp"

namespace web::inline v0 {

struct FilePlan {
  int status = 200;  ///< 200 or 206; or without a part of the file 304, 412 or 416.
  std::vector<std::pair<std::string_view, std::string>> fields = {};
  std::uint64_t offset = 0;
  std::uint64_t size = 0;
};

/// For a request of `method` with these fields, at the time `now`.
[[nodiscard]] FilePlan plan_file(const FileContent& content, std::string_view method,
                                 const protocols::http::Fields& fields, protocols::http::Date now);

}  // namespace web
