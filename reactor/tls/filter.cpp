#include "reactor/tls/filter.hpp"

#include <openssl/err.h>

#include <algorithm>
#include <cassert>
#include <cstring>
#include <utility>

#include "reactor/tls/certificate.hpp"
#include "reactor/tls/handshake_error.hpp"
#include "reactor/tls/sessions.hpp"
#include "reactor/tls/tls_error.hpp"

namespace reactor::inline v0::tls {
namespace {

// A client can use a record only when all of it has arrived. The first records of a large response
// fit into one packet each, until TCP sends many packets at once.
constexpr std::size_t small_record_bytes = 1369;
constexpr std::size_t first_small_records = 30;
constexpr std::size_t initial_window_bytes = 10 * small_record_bytes;

// What waits for a peer that reads nothing, beside what the program has written: the messages of a
// handshake, and a response for each key update that the peer requests. encode() alone leaves less
// than half of it.
constexpr std::size_t most_unread_bytes = 256 * 1024;

// SSL_get_error() demands that the queue is empty before a call. It mostly is, and to find that out
// is a fifth of the work.
void clear_errors() {
  if (ERR_peek_error() != 0) ERR_clear_error();
}

// What encode() has written, until pop().
thread_local std::vector<std::byte> encoded;

int read_bio(BIO* bio, char* to, std::size_t most, std::size_t* read) {
  BIO_clear_retry_flags(bio);
  *read = static_cast<Filter*>(BIO_get_data(bio))->read(reinterpret_cast<std::byte*>(to), most);
  if (*read > 0) return 1;
  BIO_set_retry_read(bio);
  return 0;
}

int write_bio(BIO* bio, const char* from, std::size_t size, std::size_t* written) {
  BIO_clear_retry_flags(bio);
  if (!static_cast<Filter*>(BIO_get_data(bio))->write(std::as_bytes(std::span(from, size)))) {
    return 0;
  }
  *written = size;
  return 1;
}

long control_bio(BIO*, int command, long, void*) { return command == BIO_CTRL_FLUSH ? 1 : 0; }

BIO* make_bio(Filter* filter) {
  static BIO_METHOD* const method = [] {
    BIO_METHOD* const made = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "span");
    BIO_meth_set_read_ex(made, read_bio);
    BIO_meth_set_write_ex(made, write_bio);
    BIO_meth_set_ctrl(made, control_bio);
    return made;
  }();
  BIO* const bio = BIO_new(method);
  BIO_set_data(bio, filter);
  BIO_set_init(bio, 1);
  return bio;
}

}  // namespace

Filter::Filter(SslPtr ssl, Side side, std::string name, std::shared_ptr<const void> context,
               Sessions* sessions)
    : ssl_(std::move(ssl)),
      side_(side),
      name_(std::move(name)),
      context_(std::move(context)),
      sessions_(sessions),
      small_records_(first_small_records) {
  BIO* const bio = make_bio(this);
  SSL_set_bio(ssl_.get(), bio, bio);
  SSL_set_app_data(ssl_.get(), this);
  side_ == Side::client ? SSL_set_connect_state(ssl_.get()) : SSL_set_accept_state(ssl_.get());
}

// OpenSSL would otherwise forget the session of a connection that did not end in order.
Filter::~Filter() {
  if (!error_) SSL_set_shutdown(ssl_.get(), SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
}

Filter& Filter::of(const SSL& ssl) { return *static_cast<Filter*>(SSL_get_app_data(&ssl)); }

void Filter::start(Bytes clear) {
  output_.assign(clear.begin(), clear.end());
  clear_bytes_ = clear.size();
  if (side_ == Side::client) (void)handshake();
}

StreamFilter::Decoded Filter::decode(std::byte* to, Bytes received) {
  std::vector<std::byte> kept;
  if (!kept_.empty()) {
    assert(received.empty());
    kept.swap(kept_);
    received = kept;
  }
  if (std::exchange(unreported_, false) || error_) return final_state(0);
  input_ = received;
  const Decoded decoded = secured_ ? read_records(to) : handshake();
  kept_.assign(input_.begin(), input_.end());
  input_ = {};
  return decoded;
}

StreamFilter::Decoded Filter::handshake() {
  clear_errors();
  const int result = SSL_do_handshake(ssl_.get());
  if (result != 1) {
    if (SSL_get_error(ssl_.get(), result) == SSL_ERROR_WANT_READ) return {};
    fail(error_of(*ssl_, refused_.get(), "TLS handshake with", name_));
    return {.state = State::failed};
  }
  secured_ = true;
  describe_connection();
  return {.state = State::secured};
}

StreamFilter::Decoded Filter::read_records(std::byte* to) {
  if (peer_ended_) {
    if (input_.empty()) return {.state = State::ended};
    fail({TlsErrc::data_after_end, "receive from", {}, {}});
    return final_state(0);
  }
  std::size_t size = 0;
  for (;;) {
    std::size_t read = 0;
    clear_errors();
    const int result = SSL_read_ex(ssl_.get(), to + size, SSL3_RT_MAX_PLAIN_LENGTH, &read);
    size += read;
    if (result == 1) {
      if (input_.empty() && SSL_pending(ssl_.get()) == 0) break;
      continue;
    }
    const int reason = SSL_get_error(ssl_.get(), result);
    if (reason == SSL_ERROR_WANT_READ) break;
    if (reason == SSL_ERROR_ZERO_RETURN) {
      peer_ended_ = true;
      if (!input_.empty()) fail({TlsErrc::data_after_end, "receive from", {}, {}});
    } else {
      fail(error_of(*ssl_, refused_.get(), "receive from", name_));
    }
    input_ = {};
    return final_state(size);
  }
  if (size == 0) return {};
  return {.state = State::data, .size = size};
}

// Data comes first.
StreamFilter::Decoded Filter::final_state(std::size_t size) {
  if (size > 0) {
    unreported_ = true;
    return {.state = State::data, .size = size};
  }
  return {.state = error_ ? State::failed : State::ended};
}

StreamFilter::Decoded Filter::decode_end() {
  if (peer_ended_ || error_) return final_state(0);
  fail({TlsErrc::truncated, secured_ ? "receive from" : "TLS handshake with", {}, {}});
  return final_state(0);
}

std::size_t Filter::encode(Bytes plain) {
  if (error_ || ended_) return 0;
  std::size_t left = std::min(plain.size(), most_encoded_bytes);
  const std::byte* from = plain.data();
  const bool is_large = left > initial_window_bytes;
  encoding_ = output_.empty();
  while (left > 0) {
    std::size_t most = left;
    if (small_records_ > 0) {
      if (is_large) most = std::min(left, small_record_bytes);
      small_records_ -= std::min(small_records_, most / small_record_bytes + 1);
    }
    std::size_t written = 0;
    clear_errors();
    if (SSL_write_ex(ssl_.get(), from, most, &written) != 1) {
      fail(error_of(*ssl_, nullptr, "send to", name_));
      break;
    }
    from += written;
    left -= written;
  }
  encoding_ = false;
  return static_cast<std::size_t>(from - plain.data());
}

void Filter::encode_end() {
  if (!secured_ || error_ || std::exchange(ended_, true)) return;
  clear_errors();
  (void)SSL_shutdown(ssl_.get());
  clear_errors();
}

StreamFilter::Bytes Filter::output() const {
  return output_.empty() ? Bytes(encoded) : Bytes(output_).subspan(sent_);
}

void Filter::pop(std::size_t sent) {
  if (!output_.empty()) {
    sent_ += sent;
    if (sent_ < output_.size()) return;
    std::vector<std::byte>().swap(output_);
    sent_ = 0;
    return;
  }
  output_.assign(encoded.begin() + static_cast<std::ptrdiff_t>(sent), encoded.end());
  encoded.clear();
}

std::size_t Filter::read(std::byte* to, std::size_t most) {
  const std::size_t size = std::min(most, input_.size());
  if (size > 0) std::memcpy(to, input_.data(), size);
  input_ = input_.subspan(size);
  return size;
}

bool Filter::write(Bytes bytes) {
  if (!encoding_ && output_.size() > clear_bytes_ + most_unread_bytes) {
    fail({TlsErrc::malformed, "send to", {}, "it does not read the responses that it requests"});
    return false;
  }
  std::vector<std::byte>& to = encoding_ ? encoded : output_;
  to.insert(to.end(), bytes.begin(), bytes.end());
  return true;
}

void Filter::refuse(X509* certificate) {
  X509_up_ref(certificate);
  refused_.reset(certificate);
}

void Filter::keep_session(SSL_SESSION* session) {
  if (sessions_) sessions_->keep(name_, SessionPtr(session));
}

void Filter::fail(Error error) {
  if (!error_) error_ = std::move(error);
}

void Filter::describe_connection() {
  info_.version = SSL_get_version(ssl_.get());
  info_.cipher = SSL_get_cipher_name(ssl_.get());
  const unsigned char* alpn = nullptr;
  unsigned size = 0;
  SSL_get0_alpn_selected(ssl_.get(), &alpn, &size);
  if (size > 0) info_.alpn.assign(reinterpret_cast<const char*>(alpn), size);
  const char* const server_name = SSL_get_servername(ssl_.get(), TLSEXT_NAMETYPE_host_name);
  if (server_name) info_.server_name = server_name;
  info_.resumed = SSL_session_reused(ssl_.get()) == 1;
  if (const X509* const peer = SSL_get0_peer_certificate(ssl_.get())) {
    info_.peer_certificate = tls::describe(*peer);
  }
}

}  // namespace reactor::tls
