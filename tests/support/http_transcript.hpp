// The form of HTTP events in a transcript. Pieces of bodies are written as they are, so that a
// transcript is the same however a body was cut.
//
//     <GET /a 1.1 length|Host: a|Content-Length: 2>hi</>
#pragma once

#include <string>

#include "protocols/http/message.hpp"
#include "support/transcript.hpp"

namespace http_transcript {

using protocols::http::Framing;

inline std::string text_of(const protocols::http::RequestHead& head) {
  return std::string(head.method) + " " + std::string(head.target);
}

inline std::string text_of(const protocols::http::ResponseHead& head) {
  return std::to_string(head.status) + " " + std::string(head.reason);
}

inline std::string text_of(const protocols::http::Fields& fields) {
  std::string text;
  for (const auto& field : fields) {
    text += "|" + std::string(field.name) + ": " + std::string(field.value);
  }
  return text;
}

inline std::string text_of(Framing framing) {
  switch (framing) {
    case Framing::none:
      return "";
    case Framing::length:
      return " length";
    case Framing::chunked:
      return " chunked";
    case Framing::close:
      return " close";
  }
  return "?";
}

}  // namespace http_transcript

namespace protocols::http {

template <class H>
std::string describe(const Event<H>& event) {
  using Kind = typename Event<H>::Kind;
  using namespace http_transcript;
  switch (event.kind) {
    case Kind::head: {
      const H& head = *event.head;
      return "<" + text_of(head) + " 1." + std::to_string(head.minor_version) +
             text_of(head.framing) + (head.keep_alive ? "" : " last") +
             (head.upgrade.empty() ? "" : " upgrade " + std::string(head.upgrade)) +
             text_of(head.fields) + ">";
    }
    case Kind::end:
      return "</" + text_of(*event.trailers) + ">";
    case Kind::body:
    case Kind::tunnel:
      break;
  }
  return std::string(as_text(event.bytes));
}

}  // namespace protocols::http

template <class H>
inline constexpr bool is_piece<protocols::http::Event<H>> = true;
