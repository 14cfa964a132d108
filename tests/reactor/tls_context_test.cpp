// Certificates, keys and trusted issuers from files.
#include "reactor/tls_context.hpp"

#include <doctest/doctest.h>
#include <openssl/pem.h>

#include <atomic>
#include <chrono>
#include <string>
#include <thread>

#include "reactor/loop.hpp"
#include "reactor/server_options.hpp"
#include "reactor/tls/tls_error.hpp"
#include "support/tls.hpp"

using reactor::ClientCertificates;
using reactor::Loop;
using reactor::TlsContext;
using reactor::TlsErrc;
using reactor::TlsKeyPair;
using reactor::TlsVersion;

namespace {

// A key in PEM form that a password protects.
std::string encrypted_key() {
  EVP_PKEY* const key = EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", "P-256");
  BIO* const memory = BIO_new(BIO_s_mem());
  char password[] = "secret";
  PEM_write_bio_PKCS8PrivateKey(memory, key, EVP_aes_256_cbc(), password, 6, nullptr, nullptr);
  char* text = nullptr;
  const long size = BIO_get_mem_data(memory, &text);
  std::string result(text, static_cast<std::size_t>(size));
  BIO_free(memory);
  EVP_PKEY_free(key);
  return result;
}

std::string why_server_refuses(const TlsKeyPair& pair) {
  return failure(TlsContext::server({.certificates = {pair}}));
}

TEST_CASE("a file that does not exist is named") {
  const TlsKeyPair pair{"/does/not/exist.pem", "/nor/this.pem"};
  CHECK(why_server_refuses(pair) == "read /does/not/exist.pem: no such file or directory");
}

TEST_CASE("a file without a certificate is named") {
  const TemporaryFile file("nothing of the kind\n");
  CHECK(why_server_refuses({file.path(), file.path()}) ==
        "read " + file.path() + ": unusable file (it has no certificate in PEM form)");
}

TEST_CASE("a file without a key is named") {
  const auto issued = tls_site().issued.pair();
  CHECK(why_server_refuses({issued.certificate_file, issued.certificate_file}) ==
        "read " + issued.certificate_file + ": unusable file (it has no private key in PEM form)");
}

TEST_CASE("a damaged certificate is an error, not the end of the file") {
  const TemporaryFile file(
      "-----BEGIN CERTIFICATE-----\nMIIBnonsense\n-----END CERTIFICATE-----\n");
  CHECK(why_server_refuses({file.path(), file.path()}).find("unusable file") != std::string::npos);
}

TEST_CASE("the key of another certificate is refused") {
  const auto one = tls_site().issued.pair();
  Authority authority("other");
  const auto other = authority.issue();
  CHECK(why_server_refuses({one.certificate_file, other.key->path()}) ==
        "read " + other.key->path() + ": unusable file (it is not the key of the certificate in " +
            one.certificate_file + ")");
}

TEST_CASE("a key with a password is refused, without a question at the terminal") {
  const TemporaryFile key(encrypted_key());
  const std::string why =
      why_server_refuses({tls_site().issued.pair().certificate_file, key.path()});
  CHECK(why.find("the key needs a password") != std::string::npos);
}

TEST_CASE("an expired certificate is refused before it is shown") {
  Authority authority("issuer");
  const auto expired = authority.issue({.from_day = -10, .to_day = -3});
  const std::string why = why_server_refuses(expired.pair());
  CHECK(why.find("the certificate has expired (expired 3 days ago (") != std::string::npos);
  CHECK(why.find(expired.certificate->path()) != std::string::npos);
}

TEST_CASE("a key that is too weak is refused") {
  Authority authority("issuer");
  const auto weak = authority.issue({.rsa_bits = 1024});
  const std::string why = why_server_refuses(weak.pair());
  CHECK(why.find("a key or signature is too weak") != std::string::npos);
  CHECK(why.find("RSA of 1024 bits") != std::string::npos);
}

TEST_CASE("a server needs a certificate, and ALPN names a length") {
  CHECK(failure(TlsContext::server({})) ==
        "configure TLS server: invalid argument (it needs a certificate)");
  const auto pair = tls_site().issued.pair();
  CHECK(failure(TlsContext::server({.certificates = {pair}, .alpn = {""}})) ==
        "configure TLS ALPN: invalid argument (a protocol name has 1 to 255 bytes)");
}

TEST_CASE("the memory of a server includes what TLS takes") {
  reactor::ServerOptions options{.max_connections = 100};
  const auto without = options.most_bytes();
  options.tls = tls_site().server();
  CHECK(options.most_bytes() - without == 100 * 160 * 1024);
}

TEST_CASE("missing files of a client are named") {
  CHECK(failure(TlsContext::client({.ca_file = "/no/ca.pem"})) ==
        "read /no/ca.pem: no such file or directory");
  CHECK(failure(TlsContext::client({.crl_file = "/no/crl.pem"})) ==
        "read /no/crl.pem: no such file or directory");
}

TEST_CASE("a client that names no server, or an impossible one, gets an error") {
  Loop loop;
  for (const std::string name : {"", "two words", "a.example\nb.example"}) {
    CAPTURE(name);
    TlsPair pair(loop, tls_site().client(), tls_site().server(), name);
    run_until(loop, [&] { return pair.client.closed.has_value(); });
    CHECK(pair.client.closed->code == std::errc::invalid_argument);
  }
}

TEST_CASE("both versions, and what the two sides agree on, are reported") {
  Loop loop;
  for (const TlsVersion least : {TlsVersion::tls_1_2, TlsVersion::tls_1_3}) {
    TlsPair pair(loop, tls_site().client({.alpn = {"h2", "http/1.1"}, .least_version = least}),
                 tls_site().server({.alpn = {"http/1.1"}}));
    pair.until_secured();
    CHECK(pair.server.info->version == "TLSv1.3");
    CHECK(pair.server.info->cipher.starts_with("TLS_"));
    CHECK(pair.server.info->alpn == "http/1.1");
    CHECK(pair.client.info->alpn == "http/1.1");
    CHECK(pair.server.info->server_name == "a.example");
    CHECK_FALSE(pair.server.info->peer_certificate);
    REQUIRE(pair.client.info->peer_certificate);
    CHECK(pair.client.info->peer_certificate->subject == "CN=leaf");
    CHECK(pair.client.info->peer_certificate->issuer == "CN=test authority");
    CHECK(pair.client.info->peer_certificate->names == std::vector<std::string>{"a.example"});
    CHECK(pair.client.info->peer_certificate->sha256.size() == 64);
    CHECK(pair.client.stream->tls_info()->version == "TLSv1.3");
  }
}

TEST_CASE("without a common application protocol the handshake fails on both sides") {
  Loop loop;
  TlsPair pair(loop, tls_site().client({.alpn = {"h2"}}), tls_site().server({.alpn = {"smtp"}}));
  pair.until_closed();
  CHECK(pair.server.closed->code == TlsErrc::no_common_protocol);
  CHECK(pair.client.closed->code == TlsErrc::refused_by_peer);
  CHECK(pair.client.closed->hint == "alert: no application protocol");
}

TEST_CASE("the certificate is the one for the name that the client sends") {
  Authority authority("issuer");
  const auto first = authority.issue({.names = {"first.example"}, .common_name = "first"});
  const auto second = authority.issue({.names = {"*.second.example"}, .common_name = "second"});
  const auto server = ok(TlsContext::server({.certificates = {first.pair(), second.pair()}}));
  const auto client = ok(TlsContext::client({.ca_file = authority.file()}));
  Loop loop;
  for (const auto& [name, subject] :
       {std::pair{"first.example", "CN=first"}, std::pair{"www.second.example", "CN=second"}}) {
    TlsPair pair(loop, client, server, name);
    pair.until_secured();
    CHECK(pair.client.info->peer_certificate->subject == subject);
  }
  TlsPair other(loop, client, server, "third.example");
  other.until_closed();
  CHECK(other.client.closed->code == TlsErrc::name_mismatch);
}

TEST_CASE("a client resumes the session of an earlier connection") {
  Loop loop;
  const auto client = tls_site().client();
  const auto server = tls_site().server();
  const auto connect = [&] {
    TlsPair pair(loop, client, server);
    pair.until_secured();
    // The tickets of TLS 1.3 arrive with or before the data.
    pair.server.stream->write("x");
    run_until(loop, [&] { return pair.client.received == "x"; });
    CHECK(pair.client.info->resumed == pair.server.info->resumed);
    return pair.client.info->resumed;
  };
  CHECK_FALSE(connect());
  CHECK(connect());
  CHECK(connect());
}

TEST_CASE("a client certificate may be required") {
  Authority clients("clients");
  const auto issued = clients.issue({.common_name = "alice", .usage = "clientAuth"});
  Loop loop;
  const auto required = tls_site().server(
      {.client_certificates = ClientCertificates::required, .client_ca_file = clients.file()});
  SUBCASE("the client shows one") {
    TlsPair pair(loop, tls_site().client({.certificate = issued.pair()}), required);
    pair.until_secured();
    CHECK(pair.server.info->peer_certificate->subject == "CN=alice");
  }
  SUBCASE("the client has none") {
    TlsPair pair(loop, tls_site().client(), required);
    pair.until_closed();
    CHECK(pair.server.closed->code == TlsErrc::no_certificate);
    CHECK(pair.client.closed->code == TlsErrc::refused_by_peer);
  }
  SUBCASE("that of the client is from another issuer") {
    Authority others("others");
    const auto wrong = others.issue({.usage = "clientAuth"});
    TlsPair pair(loop, tls_site().client({.certificate = wrong.pair()}), required);
    pair.until_closed();
    CHECK(pair.server.closed->code == TlsErrc::unknown_issuer);
  }
}

TEST_CASE("a session is not resumed where the server requires a client certificate") {
  // As CVE-2025-23419 did: the session is of a server beside it, which requires none.
  auto trusting = tls_site().server();
  auto strict = tls_site().server({.client_certificates = ClientCertificates::required,
                                   .client_ca_file = tls_site().authority.file()});
  const auto client = tls_site().client();
  Loop loop;
  for (int i = 0; i < 2; ++i) {
    TlsPair first(loop, client, trusting);
    first.server.stream->write("a message after the tickets");
    run_until(loop, [&] { return !first.client.received.empty(); });
    REQUIRE(first.client.info->resumed == (i == 1));
  }
  TlsPair pair(loop, client, strict);
  pair.until_closed();
  CHECK_FALSE(pair.server.info);
  CHECK(pair.server.closed->code);
}

TEST_CASE("a client whose certificate is revoked does not resume its session after the reload") {
  Authority authority("of clients");
  const auto issued = authority.issue({.usage = "clientAuth"});
  auto list = authority.revoke({});
  auto server = tls_site().server({.client_certificates = ClientCertificates::required,
                                   .client_ca_file = authority.file(),
                                   .crl_file = list->path()});
  const auto client = tls_site().client({.certificate = issued.pair()});
  Loop loop;
  for (int i = 0; i < 2; ++i) {
    TlsPair pair(loop, client, server);
    pair.server.stream->write("a message after the tickets");
    run_until(loop, [&] { return !pair.client.received.empty(); });
    REQUIRE(pair.server.info->resumed == (i == 1));
  }
  std::filesystem::copy_file(authority.revoke({&issued})->path(), list->path(),
                             std::filesystem::copy_options::overwrite_existing);
  ok(server.reload());
  TlsPair pair(loop, client, server);
  pair.until_closed();
  CHECK_FALSE(pair.server.info);
  CHECK(pair.server.closed->code == TlsErrc::certificate_revoked);
}

TEST_CASE("a reload shows the new certificate, and after an error the old one stays") {
  Authority authority("issuer");
  const auto old_one = authority.issue({.common_name = "old"});
  const auto new_one = authority.issue({.common_name = "new"});
  const std::string certificate = unused_path();
  const std::string key = unused_path();
  const auto install = [&](const TlsKeyPair& from) {
    std::filesystem::copy_file(from.certificate_file, certificate,
                               std::filesystem::copy_options::overwrite_existing);
    std::filesystem::copy_file(from.key_file, key,
                               std::filesystem::copy_options::overwrite_existing);
  };
  install(old_one.pair());
  auto server = ok(TlsContext::server({.certificates = {{certificate, key}}}));
  const auto client = ok(TlsContext::client({.ca_file = authority.file()}));
  Loop loop;
  const auto shown = [&] {
    TlsPair pair(loop, client, server);
    pair.until_secured();
    return pair.client.info->peer_certificate->subject;
  };
  CHECK(shown() == "CN=old");
  std::filesystem::remove(key);
  CHECK(failure(server.reload()) == "read " + key + ": no such file or directory");
  CHECK(shown() == "CN=old");
  install(new_one.pair());
  ok(server.reload());
  CHECK(shown() == "CN=new");
  std::filesystem::remove(certificate);
  std::filesystem::remove(key);
}

TEST_CASE("1,000 reloads in another thread disturb neither handshakes nor connections") {
  auto server = tls_site().server();
  const auto client = tls_site().client();
  Loop loop;
  TlsPair established(loop, client, server);
  established.until_secured();
  std::atomic<int> reloads = 0;
  std::jthread reloading([&](const std::stop_token& stop) {
    while (reloads < 1000 && !stop.stop_requested() && server.reload()) ++reloads;
  });
  std::string sent;
  const auto exchange = [&](TlsPair& pair, const std::string& expected) {
    pair.client.stream->write("request ");
    run_until(loop, [&] { return pair.server.received == expected; });
  };
  for (int i = 0; i < 50 || (reloads < 1000 && i < 100'000); ++i) {
    TlsPair pair(loop, client, server);
    exchange(pair, "request ");
    exchange(established, sent += "request ");
  }
  reloading.join();
  CHECK(reloads == 1000);
}

}  // namespace
