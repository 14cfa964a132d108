#include "protocols/websocket/deflate_offer.hpp"

#include <algorithm>

#include "protocols/http/message.hpp"
#include "protocols/http/syntax.hpp"

namespace protocols::inline v0::websocket {
namespace {

constexpr std::string_view extension = "permessage-deflate";
constexpr int largest_window = 15, smallest_window = 8;

// The parameters of one extension, as they were sent.
struct Element {
  bool is_deflate = false;
  bool valid = true;  // No parameter is unknown, repeated or has a wrong value.
  bool server_no_context = false, client_no_context = false;
  bool has_server_bits = false, has_client_bits = false;
  int server_bits = 0, client_bits = 0;  // 0: without a value.
};

// Reads a list of extensions from the front (RFC 6455 9.1).
class Reader {
 public:
  explicit Reader(std::string_view text) : text_(text) {}

  // The next extension of the list; nothing at its end, or if it cannot be read.
  std::optional<Element> next() {
    while (take(',')) {
    }
    if (text_.empty()) return {};
    Element element;
    const std::string_view name = take_token();
    if (name.empty()) return broken();
    element.is_deflate = http::equal_ignoring_case(name, extension);
    while (take(';')) {
      const std::string_view parameter = take_token();
      if (parameter.empty()) return broken();
      std::optional<std::string> value;
      if (take('=')) {
        value = take_value();
        if (!value) return broken();
      }
      note(element, parameter, value);
    }
    if (!text_.empty() && text_.front() != ',') return broken();
    return element;
  }

  [[nodiscard]] bool is_broken() const { return broken_; }

 private:
  std::optional<Element> broken() {
    broken_ = true;
    text_ = {};
    return {};
  }

  void skip_blanks() { text_ = http::trim_blanks(text_); }

  bool take(char c) {
    skip_blanks();
    if (text_.empty() || text_.front() != c) return false;
    text_.remove_prefix(1);
    skip_blanks();
    return true;
  }

  std::string_view take_token() {
    skip_blanks();
    const auto end = std::find_if_not(text_.begin(), text_.end(),
                                      [](char c) { return http::token_bytes.contains(c); });
    const auto size = static_cast<std::size_t>(end - text_.begin());
    const std::string_view token = text_.substr(0, size);
    text_.remove_prefix(size);
    skip_blanks();
    return token;
  }

  // A token, or a quoted string that contains one.
  std::optional<std::string> take_value() {
    std::string value;
    if (text_.empty() || text_.front() != '"') {
      value = take_token();
    } else {
      text_.remove_prefix(1);
      while (!text_.empty() && text_.front() != '"') {
        if (text_.front() == '\\') text_.remove_prefix(1);
        if (text_.empty()) return {};
        value += text_.front();
        text_.remove_prefix(1);
      }
      if (!take('"')) return {};
    }
    if (value.empty() || !http::all_of(value, http::token_bytes)) return {};
    return value;
  }

  static void note(Element& element, std::string_view name,
                   const std::optional<std::string>& value) {
    const auto is = [name](std::string_view known) {
      return http::equal_ignoring_case(name, known);
    };
    const auto flag = [&](bool& seen) {
      if (seen || value) element.valid = false;
      seen = true;
    };
    const auto bits = [&](bool& seen, int& number) {
      if (seen) element.valid = false;
      seen = true;
      if (!value) return;
      number = window_bits(*value);
      if (number == 0) element.valid = false;
    };
    if (is("server_no_context_takeover")) return flag(element.server_no_context);
    if (is("client_no_context_takeover")) return flag(element.client_no_context);
    if (is("server_max_window_bits")) return bits(element.has_server_bits, element.server_bits);
    if (is("client_max_window_bits")) return bits(element.has_client_bits, element.client_bits);
    element.valid = false;
  }

  // 8 to 15 without a leading zero; 0 for anything else.
  static int window_bits(std::string_view text) {
    for (int number = smallest_window; number <= largest_window; ++number) {
      if (text == std::to_string(number)) return number;
    }
    return 0;
  }

  std::string_view text_;
  bool broken_ = false;
};

std::string written(const DeflateParameters& parameters) {
  std::string field(extension);
  if (parameters.server_no_context_takeover) field += "; server_no_context_takeover";
  if (parameters.client_no_context_takeover) field += "; client_no_context_takeover";
  if (parameters.server_max_window_bits < largest_window) {
    field += "; server_max_window_bits=" + std::to_string(parameters.server_max_window_bits);
  }
  return field;
}

std::string bits_of_client(int bits) { return "; client_max_window_bits=" + std::to_string(bits); }

}  // namespace

std::string deflate_offer(const DeflateParameters& wanted) {
  const int bits = wanted.client_max_window_bits;
  return written(wanted) +
         (bits < largest_window ? bits_of_client(bits) : "; client_max_window_bits");
}

std::optional<DeflateChoice> choose_deflate(std::string_view extensions,
                                            const DeflateParameters& wanted) {
  Reader reader(extensions);
  std::optional<Element> offer;
  while ((offer = reader.next())) {
    const bool has_empty_bits = offer->has_server_bits && offer->server_bits == 0;
    if (offer->is_deflate && offer->valid && !has_empty_bits &&
        (!offer->has_server_bits || offer->server_bits >= min_window_bits)) {
      break;
    }
  }
  if (!offer) return {};
  DeflateChoice choice{wanted, {}};
  DeflateParameters& chosen = choice.parameters;
  chosen.server_no_context_takeover |= offer->server_no_context;
  chosen.client_no_context_takeover |= offer->client_no_context;
  if (offer->has_server_bits) {
    chosen.server_max_window_bits = std::min(chosen.server_max_window_bits, offer->server_bits);
  }
  // A client that offers no limit of its own window cannot be given one.
  if (!offer->has_client_bits) chosen.client_max_window_bits = largest_window;
  if (offer->client_bits > 0) {
    chosen.client_max_window_bits = std::min(chosen.client_max_window_bits, offer->client_bits);
  }
  choice.field = written(chosen);
  // An offer of 15 is accepted by name too: not every client takes silence for it.
  if (offer->has_server_bits && chosen.server_max_window_bits == largest_window) {
    choice.field += "; server_max_window_bits=15";
  }
  if (chosen.client_max_window_bits < largest_window) {
    choice.field += bits_of_client(chosen.client_max_window_bits);
  }
  return choice;
}

DeflateResponse read_deflate_response(std::string_view extensions,
                                      const DeflateParameters& offered) {
  Reader reader(extensions);
  const auto response = reader.next();
  if (!response) return {.valid = !reader.is_broken()};
  if (reader.next() || reader.is_broken()) return {};  // Only one extension was offered.
  if (!response->is_deflate || !response->valid) return {};
  if (response->has_server_bits && response->server_bits == 0) return {};
  if (response->has_client_bits && response->client_bits == 0) return {};
  const int server_bits = response->has_server_bits ? response->server_bits : largest_window;
  if (server_bits > offered.server_max_window_bits) return {};
  if (offered.server_no_context_takeover && !response->server_no_context) return {};

  DeflateParameters agreed;
  agreed.server_no_context_takeover = response->server_no_context;
  agreed.client_no_context_takeover =
      offered.client_no_context_takeover || response->client_no_context;
  agreed.server_max_window_bits = server_bits;
  agreed.client_max_window_bits =
      response->has_client_bits ? response->client_bits : offered.client_max_window_bits;
  if (agreed.client_max_window_bits > offered.client_max_window_bits) return {};
  return {.valid = true, .parameters = agreed};
}

}  // namespace protocols::websocket
