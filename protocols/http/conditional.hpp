// Requests that depend on what the client already has (RFC 9110 13): If-None-Match and similar.
#pragma once

#include <optional>
#include <string_view>

#include "protocols/http/date.hpp"
#include "protocols/http/message.hpp"

#pragma GCC visibility push(default)
namespace protocols::inline v0::http {

/// What distinguishes one state of a resource from another.
struct Validators {
  std::string_view etag;  ///< With its quotes: `"a1"`, `W/"a1"`; empty: there is none.
  std::optional<Date> last_modified;
};

/// What the conditions of a request require.
enum class Precondition : unsigned char {
  holds,         ///< Respond as if there were no condition.
  not_modified,  ///< 304: the client has the current state.
  failed,        ///< 412: the client has another state.
};

/// Evaluates If-Match, If-Unmodified-Since, If-None-Match and If-Modified-Since in the order of RFC
/// 9110 13.2.2, for a resource that exists.
[[nodiscard]] Precondition judge_preconditions(std::string_view method, const Fields& fields,
                                               const Validators& current);

/// Whether a Range applies: there is no If-Range, or it names the current state (RFC 9110 13.1.5).
///
/// A date names it only if its second has ended at `now`, the Date of the response: within that
/// second the resource may change once more and keep the date (RFC 9110 8.8.2.2).
[[nodiscard]] bool range_holds(const Fields& fields, const Validators& current, Date now);

}  // namespace protocols::http
#pragma GCC visibility pop
