#include "protocols/http/request_decoder.hpp"

#include "protocols/http/section_reader.hpp"
#include "protocols/http/signals.hpp"
#include "protocols/http/target.hpp"

namespace protocols::http {
namespace {

constexpr std::string_view version_pattern = "HTTP/d.d\r\n";
constexpr std::size_t minor_version_at = version_pattern.size() - 3;

// Where the body of a request ends (RFC 9112 6.3), and what is wrong with what is said of it.
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

Parsed<RequestEvent> Requests::parse(Bytes bytes, Progress& progress) {
  if (phase_ != Phase::head) return parse_body(bytes, progress);
  if (as_text(bytes)[0] == '\r') return skip_empty_line(bytes);
  return parse_head(bytes, progress);
}

Parsed<RequestEvent> Requests::parse_head(Bytes bytes, Progress& progress) {
  using Element = SectionProgress::Element;
  const std::string_view text = as_text(bytes);
  SectionReader reader(bytes, progress, limits_);

  switch (reader.element()) {
    case Element::start:
      if (!reader.read_method()) return reader.stopped<Frame>();
      begin_head();
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
      if (!reader.read_pattern(version_pattern, "HTTP/1.1\r\n", DecodeError::bad_version)) {
        return reader.stopped<Frame>();
      }
      minor_version_ = static_cast<unsigned char>(text[reader.begin() + minor_version_at] - '0');
      reader.begin_fields(reader.begin() + version_pattern.size());
      [[fallthrough]];
    default:
      break;
  }
  const auto note = [this](std::string_view name, std::string_view value, std::uint32_t number) {
    return may_be_noted(name) ? note_field(signals_, name, value, number) : DecodeError{};
  };
  if (!reader.read_fields(places_, note)) return reader.stopped<Frame>();

  const std::size_t size = reader.begin();
  head_.method = text.substr(0, target_begin_ - 1);
  head_.target = text.substr(target_begin_, target_size_);
  head_.minor_version = minor_version_;
  head_.fields = Fields(text.data(), places_);
  head_.keep_alive = keeps_alive(signals_, minor_version_);
  head_.expects_continue = signals_.expects_continue && minor_version_ > 0;
  head_.upgrade = {};
  if (signals_.upgrades && signals_.upgrade > 0 && minor_version_ > 0) {
    head_.upgrade = head_.fields[signals_.upgrade - 1].value;
  }
  DecodeError wrong = frame_body(head_, signals_, limits_);
  if (!signals_.has_host && minor_version_ > 0) wrong = DecodeError::bad_host;
  if (wrong != DecodeError{}) return Parsed<Frame>::fail(wrong, size - 1);

  const bool connects = head_.method == "CONNECT";
  // What follows a CONNECT may be the beginning of a tunnel, and is never taken for a request.
  if_declined_ = head_.keep_alive && !connects ? Phase::head : Phase::closed;
  return deliver_head(size, connects || !head_.upgrade.empty() ? Phase::tunnel : if_declined_);
}

void Requests::decline_upgrade() {
  if (phase_ == Phase::tunnel) phase_ = if_declined_;
}

}  // namespace protocols::http
