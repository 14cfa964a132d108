// What http_responder reads beside the framing: target and path, range, conditions and dates.
#include <algorithm>

#include "fuzz/fuzz.hpp"
#include "protocols/http/conditional.hpp"
#include "protocols/http/date.hpp"
#include "protocols/http/range.hpp"
#include "protocols/http/request_decoder.hpp"
#include "protocols/http/target.hpp"

namespace http_fields_fuzz {

using namespace protocols::http;

namespace {

bool is_within(std::string_view part, std::string_view whole) {
  return part.empty() ||
         (part.data() >= whole.data() && part.data() + part.size() <= whole.data() + whole.size());
}

void check_path(std::string_view text) {
  if (const auto path = decode_path(text)) {
    fuzz::require(path->starts_with('/') && path->find('\0') == path->npos, "no path: " + *path);
    fuzz::require(path->size() <= text.size() + 1, "a path that grew: " + *path);
    const std::string closed = *path + "/";
    for (const std::string_view wrong : {"/../", "/./", "//"}) {
      const bool ends_with_slash = wrong == "//" && path->ends_with('/');
      fuzz::require((ends_with_slash ? *path : closed).find(wrong) == closed.npos,
                    "not a plain path: " + *path);
    }
    fuzz::require(decode_path(encode_path(*path)) == path, "another path again: " + *path);
  }
  const std::string encoded = encode_path(text);
  fuzz::require(encoded.size() <= 3 * text.size(), "an encoded path that grew too much");
  fuzz::require(
      std::all_of(encoded.begin(), encoded.end(), [](char c) { return c > ' ' && c < 0x7F; }),
      "an encoded path that breaks a field: " + encoded);
}

void check_target(std::string_view text) {
  for (const std::string_view method : {"GET", "OPTIONS", "CONNECT"}) {
    const auto target = parse_target(method, text);
    fuzz::require(is_target(method, text) == target.has_value() ||
                      (text.starts_with('/') && method != "CONNECT"),
                  "a target or none");
    if (!target) continue;
    for (const std::string_view part : {target->scheme, target->authority.host,
                                        target->authority.port, target->path, target->query}) {
      fuzz::require(is_within(part, text), "a part of something else");
    }
    fuzz::require(std::all_of(target->authority.port.begin(), target->authority.port.end(),
                              [](char c) { return c >= '0' && c <= '9'; }),
                  "a port of letters");
  }
}

void check_range(std::string_view text, std::uint64_t total) {
  const Range range = select_range(text, total);
  if (range.kind != Range::Kind::part) return;
  fuzz::require(range.size > 0 && range.offset < total && range.size <= total - range.offset,
                "a range beyond the file");
  const std::string again =
      "bytes=" + std::to_string(range.offset) + "-" + std::to_string(range.offset + range.size - 1);
  fuzz::require(select_range(again, total) == range, "another range again: " + again);
  fuzz::require(content_range(range, total).starts_with("bytes "), "no Content-Range");
}

void check_date(std::string_view text) {
  const auto date = parse_date(text);
  if (!date) return;
  const std::string written = format_date(*date);
  fuzz::require(written.size() == 29 && parse_date(written) == date, "another date: " + written);
}

void check_conditions(std::string_view lines, std::size_t seconds) {
  const std::string wire = "GET / HTTP/1.1\r\nHost: a\r\n" + std::string(lines) + "\r\n\r\n";
  RequestDecoder decoder;
  decoder.feed(protocols::as_bytes(wire));
  const auto event = decoder.next();
  if (!event || event->kind != RequestEvent::Kind::head) return;
  const Fields& fields = event->head->fields;
  const Date now{std::chrono::seconds(seconds)};
  const Validators current{"\"a\"", Date{std::chrono::seconds(784111777)}};
  for (const std::string_view method : {"GET", "PUT"}) {
    const auto judged = judge_preconditions(method, fields, current);
    fuzz::require(method == "GET" || judged != Precondition::not_modified, "304 to a PUT");
    const bool asks = fields.find("If-Match") || fields.find("If-None-Match") ||
                      fields.find("If-Modified-Since") || fields.find("If-Unmodified-Since");
    fuzz::require(asks || judged == Precondition::holds, "a condition that was not set");
  }
  fuzz::require(range_holds(fields, current, now) || fields.find("If-Range"),
                "no range for nothing");
}

}  // namespace

void fuzz_one(fuzz::Input input) {
  const std::size_t what = input.number(4);
  const std::size_t number = input.number(0xFFFFFFFF);
  const std::string_view text = input.rest();
  switch (what) {
    case 0:
      return check_path(text);
    case 1:
      return check_target(text);
    case 2:
      return check_range(text, number);
    case 3:
      return check_date(text);
    default:
      return check_conditions(text, number);
  }
}

const fuzz::Target target("http_fields", fuzz_one);

}  // namespace http_fields_fuzz
