// Two sides of TLS, and an attacker between them who cuts, changes and adds bytes. Whatever it
// does, each side receives a prefix of what the other has written.
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "fuzz/fuzz.hpp"
#include "protocols/bytes.hpp"
#include "reactor/stream_filter.hpp"

namespace tls_fuzz {

using reactor::StreamFilter;
using reactor::TlsContext;

std::string text_of(BIO* memory) {
  char* text = nullptr;
  const long size = BIO_get_mem_data(memory, &text);
  std::string result(text, static_cast<std::size_t>(size));
  BIO_free(memory);
  return result;
}

// A server whose certificate is its own issuer, and a client that trusts it.
struct Contexts {
  Contexts() {
    EVP_PKEY* const key = EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", "P-256");
    X509* const certificate = X509_new();
    X509_set_version(certificate, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
    X509_gmtime_adj(X509_getm_notBefore(certificate), -3600);
    X509_gmtime_adj(X509_getm_notAfter(certificate), 86400);
    X509_set_pubkey(certificate, key);
    X509_NAME* const name = X509_get_subject_name(certificate);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
                               reinterpret_cast<const unsigned char*>("a.example"), -1, -1, 0);
    X509_set_issuer_name(certificate, name);
    X509_sign(certificate, key, EVP_sha256());
    BIO* const certificate_text = BIO_new(BIO_s_mem());
    PEM_write_bio_X509(certificate_text, certificate);
    BIO* const key_text = BIO_new(BIO_s_mem());
    PEM_write_bio_PrivateKey(key_text, key, nullptr, nullptr, 0, nullptr, nullptr);
    const auto folder = std::filesystem::temp_directory_path();
    const std::string file = folder / ("uvreactor-fuzz-" + std::to_string(getpid()));
    std::ofstream(file) << text_of(certificate_text) << text_of(key_text);
    X509_free(certificate);
    EVP_PKEY_free(key);
    server.emplace(*TlsContext::server({.certificates = {{file, file}}}));
    client.emplace(*TlsContext::client({.ca_file = file}));
    std::filesystem::remove(file);
  }
  std::optional<TlsContext> server;
  std::optional<TlsContext> client;
};

struct Side {
  explicit Side(std::unique_ptr<StreamFilter> made) : filter(std::move(made)) {
    filter->start({});
    collect();
  }

  void collect() {
    const auto output = filter->output();
    sent += protocols::as_text(output);
    filter->pop(output.size());
  }

  void receive(std::string_view bytes) {
    if (over) return;
    std::byte* const begin = buffer.data() + StreamFilter::headroom_bytes;
    std::copy_n(reinterpret_cast<const std::byte*>(bytes.data()), bytes.size(), begin);
    note(filter->decode(buffer.data(), {begin, bytes.size()}));
    while (!over && filter->has_input()) note(filter->decode(buffer.data(), {}));
  }

  void note(StreamFilter::Decoded decoded) {
    using State = StreamFilter::State;
    if (decoded.state == State::secured) secured = true;
    if (decoded.state == State::data) {
      fuzz::require(secured, "data before the handshake");
      received.append(reinterpret_cast<const char*>(buffer.data()), decoded.size);
    }
    over = decoded.state == State::failed || decoded.state == State::ended;
    if (decoded.state == State::failed) {
      fuzz::require(static_cast<bool>(filter->error()), "no error");
    }
    collect();
  }

  void write(std::string_view text) {
    if (!secured || over) return;
    written += text.substr(0, filter->encode(protocols::as_bytes(text)));
    collect();
  }

  std::unique_ptr<StreamFilter> filter;
  std::vector<std::byte> buffer = std::vector<std::byte>(64 * 1024);
  std::string sent;  // And not received by the other side.
  std::string written;
  std::string received;
  bool secured = false;
  bool over = false;
};

void fuzz_one(fuzz::Input input) {
  static const Contexts contexts;
  Side client(*contexts.client->state().make_filter("a.example"));
  Side server(*contexts.server->state().make_filter(""));
  for (int steps = 0; steps < 100 && !input.rest().empty(); ++steps) {
    const bool to_server = input.number(1) == 0;
    Side& from = to_server ? client : server;
    Side& to = to_server ? server : client;
    switch (input.number(4)) {
      case 0:
      case 1: {  // A piece arrives.
        const std::string piece = from.sent.substr(0, input.number(2000));
        from.sent.erase(0, piece.size());
        to.receive(piece);
        break;
      }
      case 2:  // A byte is changed.
        if (!from.sent.empty()) {
          char& byte = from.sent[input.number(from.sent.size() - 1)];
          byte = static_cast<char>(input.number(255));
        }
        break;
      case 3:  // Bytes are added.
        from.sent.insert(std::min(from.sent.size(), input.number(600)),
                         input.bytes(input.number(50)));
        break;
      case 4:
        from.write(std::string(input.number(300), 'x') + std::to_string(steps));
        break;
    }
  }
  fuzz::require(client.written.starts_with(server.received), "the server received other bytes");
  fuzz::require(server.written.starts_with(client.received), "the client received other bytes");
}

const fuzz::Target target("tls", fuzz_one);

}  // namespace tls_fuzz
