#include "web/file_plan.hpp"

#include <algorithm>

#include "protocols/http/conditional.hpp"
#include "protocols/http/range.hpp"

namespace web::inline v0 {

using protocols::http::Precondition;
using protocols::http::Range;

FilePlan plan_file(const FileContent& content, std::string_view method,
                   const protocols::http::Fields& fields, protocols::http::Date now) {
  // Never later than the response, even if the file's time is (RFC 9110 8.8.2.1).
  const protocols::http::Date last_modified = std::min(content.modified, now);
  const protocols::http::Validators current{content.etag, last_modified};
  FilePlan plan{.fields = {{"ETag", content.etag},
                           {"Last-Modified", protocols::http::format_date(last_modified)},
                           {"Accept-Ranges", "bytes"}}};
  switch (judge_preconditions(method, fields, current)) {
    case Precondition::not_modified:
      plan.status = 304;
      return plan;
    case Precondition::failed:
      return {.status = 412};
    case Precondition::holds:
      break;
  }
  Range range;
  const auto asked = fields.find("Range");
  if (asked && method == "GET" && range_holds(fields, current, now)) {
    range = protocols::http::select_range(*asked, content.size);
  }
  if (range.kind == Range::Kind::unsatisfiable) {
    return {.status = 416,
            .fields = {{"Content-Range", protocols::http::unsatisfied_range(content.size)}}};
  }
  plan.fields.emplace_back("Content-Type", content.media_type);
  plan.fields.emplace_back("X-Content-Type-Options", "nosniff");
  plan.size = content.size;
  if (range.kind == Range::Kind::part) {
    plan.status = 206;
    plan.fields.emplace_back("Content-Range", protocols::http::content_range(range, content.size));
    plan.offset = range.offset;
    plan.size = range.size;
  }
  return plan;
}

}  // namespace web
