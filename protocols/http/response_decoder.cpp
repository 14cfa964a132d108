#include "protocols/http/response_decoder.hpp"

#include "protocols/http/section_reader.hpp"
#include "protocols/http/signals.hpp"

namespace protocols::inline v0::http {
namespace {

constexpr std::string_view version_pattern = "HTTP/d.d";
constexpr std::size_t minor_version_at = version_pattern.size() - 1;
constexpr std::string_view status_pattern = " Ddd";

int number(std::string_view digits) {
  int value = 0;
  for (char c : digits) value = 10 * value + (c - '0');
  return value;
}

}  // namespace

Parsed<ResponseEvent> Responses::parse(Bytes bytes, Progress& progress) {
  if (phase_ != Phase::head) return parse_body(bytes, progress);
  if (as_text(bytes)[0] == '\r') return skip_empty_line(bytes);
  return parse_head(bytes, progress);
}

Parsed<ResponseEvent> Responses::parse_head(Bytes bytes, Progress& progress) {
  using Element = SectionProgress::Element;
  const std::string_view text = as_text(bytes);
  SectionReader reader(bytes, progress, limits_);

  switch (reader.element()) {
    case Element::start:
      signals_ = no_signals;
      if (!reader.read_pattern(version_pattern, "HTTP/1.1", DecodeError::bad_version)) {
        return reader.stopped<Frame>();
      }
      minor_version_ = static_cast<unsigned char>(text[minor_version_at] - '0');
      reader.begin(Element::status);
      [[fallthrough]];
    case Element::status:
      if (!reader.read_pattern(status_pattern, " 200", DecodeError::bad_status)) {
        return reader.stopped<Frame>();
      }
      status_ = number(text.substr(reader.begin() + 1, 3));
      reader.begin(Element::reason);
      [[fallthrough]];
    case Element::reason:
      reason_begin_ = static_cast<std::uint32_t>(reader.begin());
      if (!reader.read_reason(index_)) return reader.stopped<Frame>();
      [[fallthrough]];
    default:
      break;
  }
  const auto note = [this](std::string_view name, std::string_view value, std::uint32_t count) {
    // A Host in a response has no meaning.
    const bool noted = may_be_noted(name) && name.size() != std::string_view("host").size();
    return noted ? note_field(signals_, name, value, count) : DecodeError{};
  };
  if (!reader.read_fields(index_, note)) return reader.stopped<Frame>();

  const std::size_t size = reader.begin();
  const std::string_view line = text.substr(reason_begin_);
  head_.reason = trim_blanks(line.substr(0, line.find('\r')));
  head_.status = status_;
  head_.minor_version = minor_version_;
  head_.fields = Fields(text.data(), index_.all());
  head_.upgrade = {};
  if (status_ == 101 && signals_.upgrade > 0) {
    head_.upgrade = head_.fields[signals_.upgrade - 1].value;
  }
  const Request request = head_.informational() ? Request::other : take_request();
  if (const DecodeError wrong = frame_body(request); wrong != DecodeError{}) {
    return Parsed<Frame>::fail(wrong, size - 1);
  }
  const bool tunnels = status_ == 101 || (request == Request::connect && status_ / 100 == 2);
  if (tunnels) return deliver_head(size, Phase::tunnel);
  return deliver_head(size, head_.keep_alive ? Phase::head : Phase::closed);
}

// Determines where the body of a response ends (RFC 9112 6.3), and returns an error of its framing.
DecodeError Responses::frame_body(Request request) {
  using Coding = Signals::Coding;
  if (const DecodeError wrong = check_framing(signals_, minor_version_); wrong != DecodeError{}) {
    return wrong;
  }
  if (signals_.coding == Coding::others_and_chunked) return DecodeError::unknown_transfer_coding;

  const bool connected = request == Request::connect && status_ / 100 == 2;
  const bool empty = status_ < 200 || status_ == 204 || status_ == 304;
  head_.content_length = 0;
  if (empty || connected || request == Request::head) {
    head_.framing = Framing::none;
  } else if (signals_.coding == Coding::chunked) {
    head_.framing = Framing::chunked;
  } else if (signals_.has_content_length) {
    if (signals_.content_length > limits_.max_body_bytes) return DecodeError::body_too_large;
    head_.framing = Framing::length;
    head_.content_length = signals_.content_length;
  } else {
    head_.framing = Framing::close;
  }
  const bool goes_on = keeps_alive(signals_, minor_version_) && head_.framing != Framing::close;
  head_.keep_alive = goes_on || status_ < 200;
  return {};
}

Responses::Request Responses::take_request() {
  if (requests_.empty()) return Request::other;
  const Request first = requests_.front();
  requests_.erase(requests_.begin());
  return first;
}

void Responses::expect(std::string_view method) {
  requests_.push_back(method == "HEAD"      ? Request::head
                      : method == "CONNECT" ? Request::connect
                                            : Request::other);
}

bool Responses::finish() {
  finished_ = true;
  return phase_ == Phase::close;
}

}  // namespace protocols::http
