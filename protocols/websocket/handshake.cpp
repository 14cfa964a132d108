#include "protocols/websocket/handshake.hpp"

#include <algorithm>

#include "protocols/base64.hpp"
#include "protocols/detail/sha1.hpp"
#include "protocols/http/signals.hpp"
#include "protocols/http/syntax.hpp"

namespace protocols::inline v0::websocket {
namespace {

using http::equal_ignoring_case;
using http::take_list_element;

constexpr std::string_view accept_suffix = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
constexpr std::string_view version = "13";
constexpr std::size_t key_bytes = 16;

// Calls `visit` for each element of each list of this name.
template <class Visit>
void for_each_element(const http::Fields& fields, std::string_view name, Visit visit) {
  for (const auto& field : fields) {
    if (!equal_ignoring_case(field.name, name)) continue;
    std::string_view list = field.value;
    do {
      const std::string_view element = take_list_element(list);
      if (!element.empty()) visit(element);
    } while (list.data() != nullptr);
  }
}

bool lists(const http::Fields& fields, std::string_view name, std::string_view wanted) {
  bool found = false;
  for_each_element(fields, name, [&](std::string_view element) {
    found |= equal_ignoring_case(element, wanted);
  });
  return found;
}

// The value of the only field of this name.
std::optional<std::string_view> only(const http::Fields& fields, std::string_view name) {
  std::optional<std::string_view> value;
  for (const auto& field : fields) {
    if (!equal_ignoring_case(field.name, name)) continue;
    if (value) return {};
    value = field.value;
  }
  return value;
}

bool is_key(std::string_view text) {
  const auto bytes = from_base64(text);
  return bytes && bytes->size() == key_bytes;
}

bool is_token(std::string_view text) { return !text.empty() && all_of(text, http::token_bytes); }

// Adds a field unless its value is empty.
bool add(http::FieldLines& fields, std::string_view name, std::string_view value) {
  return value.empty() || fields.add({name, value});
}

}  // namespace

std::string key_of(const std::array<std::byte, 16>& random) { return to_base64(as_text(random)); }

std::string accept_of(std::string_view key) {
  const std::string text = std::string(key).append(accept_suffix);
  return to_base64(as_text(detail::sha1(as_bytes(text))));
}

Opening read_opening(const http::RequestHead& head) {
  const auto refuse = [](int status, std::string_view problem) {
    return Opening{status, problem, {}};
  };
  if (head.upgrade.empty() || !lists(head.fields, "Upgrade", "websocket")) {
    return refuse(426, "not an upgrade to WebSocket");
  }
  if (head.method != "GET") return refuse(405, "a WebSocket is opened with GET");
  if (head.framing != http::Framing::none) return refuse(400, "the request has a body");
  const auto asked_version = only(head.fields, "Sec-WebSocket-Version");
  if (!asked_version) return refuse(400, "not exactly one Sec-WebSocket-Version");
  if (*asked_version != version) return refuse(426, "only version 13 is supported");
  const auto key = only(head.fields, "Sec-WebSocket-Key");
  if (!key || !is_key(*key)) return refuse(400, "not exactly one valid Sec-WebSocket-Key");
  return {.status = 101, .problem = {}, .key = *key};
}

http::FieldLines upgrade_required() {
  http::FieldLines fields;
  const bool added =
      fields.add({"Upgrade", "websocket"}) && fields.add({"Sec-WebSocket-Version", version});
  return added ? fields : http::FieldLines();
}

std::string_view choose_subprotocol(const http::RequestHead& head,
                                    std::span<const std::string_view> supported) {
  std::string_view chosen;
  for_each_element(head.fields, "Sec-WebSocket-Protocol", [&](std::string_view offered) {
    if (chosen.empty() && std::ranges::find(supported, offered) != supported.end()) {
      chosen = offered;
    }
  });
  return chosen;
}

std::string extensions_of(const http::Head& head) {
  std::string list;
  for (const auto& field : head.fields) {
    if (!equal_ignoring_case(field.name, "Sec-WebSocket-Extensions")) continue;
    if (!list.empty()) list += ", ";
    list += field.value;
  }
  return list;
}

std::optional<http::FieldLines> accept_fields(std::string_view key, std::string_view subprotocol,
                                              std::string_view extensions) {
  http::FieldLines fields;
  if (!subprotocol.empty() && !is_token(subprotocol)) return {};
  const bool sendable = fields.add({"Sec-WebSocket-Accept", accept_of(key)}) &&
                        add(fields, "Sec-WebSocket-Protocol", subprotocol) &&
                        add(fields, "Sec-WebSocket-Extensions", extensions);
  if (!sendable) return {};
  return fields;
}

std::optional<http::FieldLines> request_fields(const Offer& offer) {
  std::string subprotocols;
  for (const std::string& each : offer.subprotocols) {
    if (!is_token(each)) return {};
    subprotocols.append(subprotocols.empty() ? "" : ", ").append(each);
  }
  http::FieldLines fields;
  const bool sendable = is_key(offer.key) && fields.add({"Upgrade", "websocket"}) &&
                        fields.add({"Sec-WebSocket-Version", version}) &&
                        fields.add({"Sec-WebSocket-Key", offer.key}) &&
                        add(fields, "Sec-WebSocket-Protocol", subprotocols) &&
                        add(fields, "Sec-WebSocket-Extensions", offer.extensions);
  if (!sendable) return {};
  return fields;
}

Opened read_opened(const http::ResponseHead& head, const Offer& offer) {
  const auto refuse = [](std::string_view problem) { return Opened{problem, {}}; };
  const http::Fields& fields = head.fields;
  if (head.status != 101) return refuse("the server does not switch protocols");
  const auto upgrade = only(fields, "Upgrade");
  if (!upgrade || !equal_ignoring_case(*upgrade, "websocket")) {
    return refuse("the server does not switch to WebSocket");
  }
  if (!lists(fields, "Connection", "upgrade")) return refuse("Connection is not upgrade");
  if (only(fields, "Sec-WebSocket-Accept") != accept_of(offer.key)) {
    return refuse("Sec-WebSocket-Accept does not belong to the key");
  }
  if (offer.extensions.empty() && !extensions_of(head).empty()) {
    return refuse("the server uses an extension that was not offered");
  }
  if (!fields.find("Sec-WebSocket-Protocol")) return {};
  const auto chosen = only(fields, "Sec-WebSocket-Protocol");
  if (!chosen || std::ranges::find(offer.subprotocols, *chosen) == offer.subprotocols.end()) {
    return refuse("the server chose a subprotocol that was not offered");
  }
  return {.problem = {}, .subprotocol = *chosen};
}

}  // namespace protocols::websocket
