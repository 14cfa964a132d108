#include "samples/support/scram.hpp"

#include <algorithm>
#include <charconv>
#include <utility>

#include "protocols/base64.hpp"

namespace samples {
namespace {

using protocols::as_bytes;
using protocols::as_text;
using protocols::Bytes;
using protocols::from_base64;
using protocols::to_base64;

constexpr unsigned least_iterations = 4096;
constexpr unsigned most_iterations = 10'000'000;
constexpr std::size_t longest_nonce = 1024;

Digest exclusive_or(const Digest& left, const Digest& right) {
  Digest both;
  for (std::size_t at = 0; at < both.size(); ++at) both[at] = left[at] ^ right[at];
  return both;
}

// Removes `NAME=value` and the comma behind it from the front of a message.
std::optional<std::string_view> take_attribute(std::string_view& message, char name) {
  if (message.size() < 2 || message[0] != name || message[1] != '=') return std::nullopt;
  const std::size_t end = std::min(message.find(','), message.size());
  const std::string_view value = message.substr(2, end - 2);
  message.remove_prefix(std::min(end + 1, message.size()));
  return value;
}

bool is_nonce(std::string_view text) {
  return !text.empty() && text.size() <= longest_nonce &&
         std::all_of(text.begin(), text.end(), [](char c) { return c > 0x20 && c < 0x7f; });
}

// cb-name of RFC 5802, section 7.
bool is_binding_type(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '-';
  });
}

std::string escape_name(std::string_view name) {
  std::string escaped;
  for (const char c : name) {
    escaped += c == '=' ? std::string("=3D") : c == ',' ? std::string("=2C") : std::string(1, c);
  }
  return escaped;
}

std::optional<std::string> unescape_name(std::string_view text) {
  std::string name;
  for (; !text.empty(); text.remove_prefix(1)) {
    if (text.front() != '=') {
      name += text.front();
      continue;
    }
    const bool comma = text.starts_with("=2C");
    if (!comma && !text.starts_with("=3D")) return std::nullopt;
    name += comma ? ',' : '=';
    text.remove_prefix(2);
  }
  return name;
}

std::optional<Digest> decode_digest(std::string_view text) {
  const auto bytes = from_base64(text);
  Digest digest;
  if (!bytes || bytes->size() != digest.size()) return std::nullopt;
  std::copy_n(as_bytes(*bytes).begin(), digest.size(), digest.begin());
  return digest;
}

std::string encode(const Digest& digest) { return to_base64(as_text(digest)); }

}  // namespace

ScramVerifier make_verifier(const ScramCrypto& crypto, std::string_view password, std::string salt,
                            unsigned iterations) {
  const Digest salted = crypto.hi(as_bytes(password), as_bytes(salt), iterations);
  const Digest client_key = crypto.hmac(salted, as_bytes("Client Key"));
  return {.salt = std::move(salt),
          .iterations = iterations,
          .stored_key = crypto.hash(client_key),
          .server_key = crypto.hmac(salted, as_bytes("Server Key"))};
}

ScramVerifier make_decoy(const ScramCrypto& crypto, Bytes key, std::string_view user,
                         std::size_t salt_bytes, unsigned iterations) {
  const auto derive = [&](std::string_view label) {
    return crypto.hmac(key, as_bytes(std::string(label) + std::string(user)));
  };
  const Digest salt = derive("salt of ");
  return {.salt = std::string(as_text(salt).substr(0, salt_bytes)),
          .iterations = iterations,
          .stored_key = derive("stored key of "),
          .server_key = derive("server key of ")};
}

ScramServer::ScramServer(std::string nonce, ScramCrypto crypto, Lookup lookup,
                         std::vector<ChannelBinding> bindings)
    : nonce_(std::move(nonce)),
      crypto_(std::move(crypto)),
      lookup_(std::move(lookup)),
      bindings_(std::move(bindings)) {}

std::string ScramServer::first(std::string_view message) {
  if (state_ != State::first) return fail("other-error");
  if (const auto error = take_header(message); !error.empty()) return fail(error);
  const std::string bare(message);
  if (message.starts_with("m=")) return fail("extensions-not-supported");
  const auto name = take_attribute(message, 'n');
  const auto nonce = take_attribute(message, 'r');
  if (!name || !nonce || !is_nonce(*nonce)) return fail("other-error");
  const auto user = unescape_name(*name);
  if (!user || user->empty()) return fail("invalid-username-encoding");
  user_ = *user;
  verifier_ = lookup_(user_);
  nonce_ = std::string(*nonce) + nonce_;
  std::string answer = "r=" + nonce_ + ",s=" + to_base64(verifier_.salt) +
                       ",i=" + std::to_string(verifier_.iterations);
  auth_message_ = bare + "," + answer + ",";
  state_ = State::final;
  return answer;
}

std::string ScramServer::final(std::string_view message) {
  if (state_ != State::final) return fail("other-error");
  const std::size_t before_proof = message.rfind(",p=");
  if (before_proof == message.npos) return fail("other-error");
  auth_message_ += message.substr(0, before_proof);
  const auto binding = take_attribute(message, 'c');
  const auto nonce = take_attribute(message, 'r');
  if (!binding || !accepts_binding(*binding)) return fail("channel-bindings-dont-match");
  if (nonce != nonce_) return fail("other-error");
  const std::size_t proof_at = message.rfind("p=");
  const auto proof = decode_digest(message.substr(proof_at + 2));
  if (!proof) return fail("invalid-encoding");

  const Digest client_signature = crypto_.hmac(verifier_.stored_key, as_bytes(auth_message_));
  const Digest client_key = exclusive_or(*proof, client_signature);
  if (!equal_digests(crypto_.hash(client_key), verifier_.stored_key)) return fail("invalid-proof");
  state_ = State::passed;
  return "v=" + encode(crypto_.hmac(verifier_.server_key, as_bytes(auth_message_)));
}

// Removes gs2-header from the front. It must not request another identity than the user's own.
// Returns what is wrong with it, or an empty text.
std::string_view ScramServer::take_header(std::string_view& message) {
  const std::size_t end = message.find(",,");
  if (end == message.npos) return "other-error";
  const std::string_view flag = message.substr(0, end);
  if (flag == "y" && !bindings_.empty()) return "server-does-support-channel-binding";
  if (flag.starts_with("p=")) {
    const std::string_view type = flag.substr(2);
    if (!is_binding_type(type)) return "other-error";
    if (bindings_.empty()) return "channel-binding-not-supported";
    if (!accepts_type(type)) return "unsupported-channel-binding-type";
    binding_type_ = type;
  } else if (flag != "n" && flag != "y") {
    return "other-error";
  }
  header_ = message.substr(0, end + 2);
  message.remove_prefix(end + 2);
  return {};
}

bool ScramServer::accepts_type(std::string_view type) const {
  return std::any_of(bindings_.begin(), bindings_.end(),
                     [&](const ChannelBinding& one) { return one.type == type; });
}

// `text` is cbind-input in base64. It is compared with every input that is accepted.
bool ScramServer::accepts_binding(std::string_view text) const {
  if (binding_type_.empty()) return text == to_base64(header_);
  return std::any_of(bindings_.begin(), bindings_.end(), [&](const ChannelBinding& one) {
    return one.type == binding_type_ && text == to_base64(header_ + one.data);
  });
}

std::string ScramServer::fail(std::string_view error) {
  state_ = State::failed;
  return "e=" + std::string(error);
}

ScramBinding ScramBinding::not_offered() {
  ScramBinding binding;
  binding.header_ = "y,,";
  return binding;
}

ScramBinding ScramBinding::of(ChannelBinding channel) {
  ScramBinding binding;
  binding.header_ = "p=" + channel.type + ",,";
  binding.data_ = std::move(channel.data);
  return binding;
}

ScramClient::ScramClient(std::string user, std::string password, std::string nonce,
                         ScramCrypto crypto, ScramBinding binding)
    : user_(std::move(user)),
      password_(std::move(password)),
      nonce_(std::move(nonce)),
      crypto_(std::move(crypto)),
      binding_(std::move(binding)) {}

std::string ScramClient::first() const { return binding_.header_ + first_bare(); }

std::string ScramClient::first_bare() const { return "n=" + escape_name(user_) + ",r=" + nonce_; }

std::optional<std::string> ScramClient::final(std::string_view message) {
  const std::string server_first(message);
  const auto nonce = take_attribute(message, 'r');
  const auto salt_text = take_attribute(message, 's');
  const auto count = take_attribute(message, 'i');
  if (!nonce || !salt_text || !count) return std::nullopt;
  if (!is_nonce(*nonce) || !nonce->starts_with(nonce_) || nonce->size() == nonce_.size()) {
    return std::nullopt;
  }
  const auto salt = from_base64(*salt_text);
  unsigned iterations = 0;
  const auto [end, error] =
      std::from_chars(count->data(), count->data() + count->size(), iterations);
  if (!salt || salt->empty() || error != std::errc() || end != count->data() + count->size() ||
      iterations < least_iterations || iterations > most_iterations) {
    return std::nullopt;
  }

  const std::string without_proof =
      "c=" + to_base64(binding_.header_ + binding_.data_) + ",r=" + std::string(*nonce);
  const std::string auth_message = first_bare() + "," + server_first + "," + without_proof;
  const Digest salted = crypto_.hi(as_bytes(password_), as_bytes(*salt), iterations);
  const Digest client_key = crypto_.hmac(salted, as_bytes("Client Key"));
  const Digest server_key = crypto_.hmac(salted, as_bytes("Server Key"));
  const Digest client_signature = crypto_.hmac(crypto_.hash(client_key), as_bytes(auth_message));
  server_signature_ = crypto_.hmac(server_key, as_bytes(auth_message));
  return without_proof + ",p=" + encode(exclusive_or(client_key, client_signature));
}

bool ScramClient::verify(std::string_view message) const {
  const auto signature = take_attribute(message, 'v');
  if (!signature || !server_signature_) return false;
  const auto shown = decode_digest(*signature);
  return shown && equal_digests(*shown, *server_signature_);
}

}  // namespace samples
