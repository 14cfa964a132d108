#include "protocols/http/request_decoder.hpp"

#include <cstring>

#include "protocols/http/plain_head.hpp"
#include "protocols/http/section_reader.hpp"
#include "protocols/http/signals.hpp"
#include "protocols/http/target.hpp"

namespace protocols::inline v0::http {
namespace {

// For a short text a table is faster than the scanner.
bool is_of_target(std::string_view text) {
  constexpr std::size_t most_looked_up = 16;
  if (text.size() <= most_looked_up) return all_of(text, target_bytes);
  return Scanner(text).target_end(0) == text.size();
}

constexpr std::string_view version_end_pattern = "HTTP/d.d\r\n";
constexpr std::size_t minor_version_before_end = version_end_pattern.size() - 3;

// Determines where the body of a request ends (RFC 9112 6.3), and returns an error of its framing.
DecodeError frame_body(RequestHead& head, const Signals& signals, const Limits& limits) {
  if (const DecodeError wrong = check_framing(signals, head.minor_version);
      wrong != DecodeError{}) {
    return wrong;
  }
  head.framing = Framing::none;
  head.content_length = 0;
  switch (signals.coding) {
    case Signals::Coding::none:
      break;
    case Signals::Coding::chunked:
      head.framing = Framing::chunked;
      break;
    case Signals::Coding::others:
      return DecodeError::bad_transfer_encoding;
    case Signals::Coding::others_and_chunked:
      return DecodeError::unknown_transfer_coding;
  }
  if (head.method == "CONNECT") {
    head.framing = Framing::none;
  } else if (signals.has_content_length) {
    if (signals.content_length > limits.max_body_bytes) return DecodeError::body_too_large;
    head.framing = Framing::length;
    head.content_length = signals.content_length;
  }
  return {};
}

}  // namespace

// The fast path: returns the size of a head that is read in one step, or 0 if that is not possible.
[[gnu::always_inline]] inline std::size_t Requests::read_plain_head(std::string_view text) {
  constexpr std::string_view version = " HTTP/1.1";
  text = text.substr(0, limits_.max_head_bytes);
  const std::size_t size = index_plain_head(text, index_);
  if (size == 0) return 0;
  const Fields::Place start_line = index_.all()[0];
  const std::size_t begin = start_line.name_end + 1;
  if (start_line.end <= begin + version.size()) return 0;
  const std::size_t end = start_line.end - version.size();
  const char* const line = text.data();
  if (end > limits_.max_start_line_bytes || line[begin - 1] != ' ' ||
      std::memcmp(line + end, version.data(), version.size()) != 0 ||
      !is_line_end(line + start_line.end) || !is_of_target({line + begin, end - begin}) ||
      !is_target({line, begin - 1}, {line + begin, end - begin})) {
    return 0;
  }
  signals_ = no_signals;
  const auto note = [this](std::string_view name, std::string_view value, std::uint32_t number) {
    return note_field(signals_, name, value, number);
  };
  if (!are_plain_fields(line, index_.all(), limits_, note)) return 0;
  target_begin_ = static_cast<std::uint32_t>(begin);
  target_size_ = static_cast<std::uint32_t>(end - begin);
  minor_version_ = 1;
  return size;
}

// Makes the head from what was read.
[[gnu::always_inline]] inline Parsed<RequestEvent> Requests::finish_head(std::string_view text) {
  head_.method = {text.data(), target_begin_ - 1};
  head_.target = {text.data() + target_begin_, target_size_};
  head_.minor_version = minor_version_;
  head_.fields = Fields(text.data(), index_.all());
  head_.keep_alive = keeps_alive(signals_, minor_version_);
  head_.expects_continue = signals_.expects_continue && minor_version_ > 0;
  head_.upgrade = {};
  if (signals_.upgrades && signals_.upgrade > 0 && minor_version_ > 0) {
    head_.upgrade = head_.fields[signals_.upgrade - 1].value;
  }
  DecodeError wrong = frame_body(head_, signals_, limits_);
  if (!signals_.has_host && minor_version_ > 0) wrong = DecodeError::bad_host;
  if (wrong != DecodeError{}) return Parsed<Frame>::fail(wrong, text.size() - 1);

  const bool connects = head_.method == "CONNECT";
  // What follows a CONNECT may be the beginning of a tunnel, and is never taken for a request.
  if_declined_ = head_.keep_alive && !connects ? Phase::head : Phase::closed;
  return deliver_head(text.size(),
                      connects || !head_.upgrade.empty() ? Phase::tunnel : if_declined_);
}

Parsed<RequestEvent> Requests::parse_head(Bytes bytes, Progress& progress) {
  const std::string_view text = as_text(bytes);
  if (progress.at == 0) {
    if (const std::size_t size = read_plain_head(text)) return finish_head(text.substr(0, size));
  }
  return parse_head_by_steps(bytes, progress);
}

Parsed<RequestEvent> Requests::parse_head_by_steps(Bytes bytes, Progress& progress) {
  using Element = SectionProgress::Element;
  const std::string_view text = as_text(bytes);
  SectionReader reader(bytes, progress, limits_);

  switch (reader.element()) {
    case Element::start:
      if (!reader.read_method()) return reader.stopped<Frame>();
      signals_ = no_signals;
      target_begin_ = static_cast<std::uint32_t>(reader.begin());
      [[fallthrough]];
    case Element::target:
      if (!reader.read_target()) return reader.stopped<Frame>();
      target_size_ = static_cast<std::uint32_t>(reader.begin()) - 1 - target_begin_;
      if (!is_target(text.substr(0, target_begin_ - 1), text.substr(target_begin_, target_size_))) {
        reader.fail(DecodeError::bad_target, reader.begin() - 1);
        return reader.stopped<Frame>();
      }
      [[fallthrough]];
    case Element::version:
      if (!reader.read_pattern(version_end_pattern, "HTTP/1.1\r\n", DecodeError::bad_version)) {
        return reader.stopped<Frame>();
      }
      minor_version_ =
          static_cast<unsigned char>(text[reader.begin() + minor_version_before_end] - '0');
      reader.begin_fields(reader.begin() + version_end_pattern.size(), index_);
      [[fallthrough]];
    default:
      break;
  }
  const auto note = [this](std::string_view name, std::string_view value, std::uint32_t number) {
    return may_be_noted(name) ? note_field(signals_, name, value, number) : DecodeError{};
  };
  if (!reader.read_fields(index_, note)) return reader.stopped<Frame>();
  return finish_head(text.substr(0, reader.begin()));
}

void Requests::decline_upgrade() {
  if (phase_ == Phase::tunnel) phase_ = if_declined_;
}

}  // namespace protocols::http
