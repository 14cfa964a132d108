#include "protocols/http/conditional.hpp"

#include "protocols/http/syntax.hpp"

namespace protocols::inline v0::http {
namespace {

// Takes the entity tag at the front of a list, with its quotes; empty if the list ends or is not
// valid. A tag may contain a comma.
std::string_view take_tag(std::string_view& list) {
  while (!list.empty() && (is_blank(list.front()) || list.front() == ',')) list.remove_prefix(1);
  const std::size_t open = list.starts_with("W/") ? 2 : 0;
  if (open >= list.size() || list[open] != '"') return {};
  const std::size_t close = list.find('"', open + 1);
  if (close == list.npos) return {};
  const std::string_view tag = list.substr(0, close + 1);
  list.remove_prefix(tag.size());
  return tag;
}

bool is_weak(std::string_view tag) { return tag.starts_with("W/"); }

// RFC 9110 8.8.3.2
bool equal_strongly(std::string_view left, std::string_view right) {
  return !left.empty() && left == right && !is_weak(left);
}
bool equal_weakly(std::string_view left, std::string_view right) {
  const auto opaque = [](std::string_view tag) { return is_weak(tag) ? tag.substr(2) : tag; };
  return !left.empty() && opaque(left) == opaque(right);
}

// Whether one of the fields of this name has the tag, or is `*`; nothing if there is no such field.
template <class Equal>
std::optional<bool> lists(const Fields& fields, std::string_view name, std::string_view tag,
                          Equal equal) {
  std::optional<bool> listed;
  for (const Field& field : fields) {
    if (!equal_ignoring_case(field.name, name)) continue;
    listed = listed.value_or(false) || field.value == "*";
    std::string_view list = field.value;
    for (std::string_view each = take_tag(list); !each.empty(); each = take_tag(list)) {
      if (equal(tag, each)) listed = true;
    }
  }
  return listed;
}

std::optional<Date> date_in(const Fields& fields, std::string_view name) {
  const auto value = fields.find(name);
  return value ? parse_date(*value) : std::nullopt;
}

}  // namespace

Precondition judge_preconditions(std::string_view method, const Fields& fields,
                                 const Validators& current) {
  const bool reads = method == "GET" || method == "HEAD";
  const auto& modified = current.last_modified;

  if (const auto match = lists(fields, "If-Match", current.etag, equal_strongly)) {
    if (!*match) return Precondition::failed;
  } else if (const auto date = date_in(fields, "If-Unmodified-Since"); date && modified) {
    if (*modified > *date) return Precondition::failed;
  }

  if (const auto match = lists(fields, "If-None-Match", current.etag, equal_weakly)) {
    if (*match) return reads ? Precondition::not_modified : Precondition::failed;
  } else if (const auto date = date_in(fields, "If-Modified-Since"); date && modified && reads) {
    if (*modified <= *date) return Precondition::not_modified;
  }
  return Precondition::holds;
}

bool range_holds(const Fields& fields, const Validators& current, Date now) {
  const auto condition = fields.find("If-Range");
  if (!condition) return true;
  if (const auto date = parse_date(*condition)) return date == current.last_modified && *date < now;
  return equal_strongly(*condition, current.etag);
}

}  // namespace protocols::http
