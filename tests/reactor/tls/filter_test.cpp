// TLS without a socket: the bytes of both sides are passed on in pieces of any size.
#include <doctest/doctest.h>
#include <openssl/ssl.h>

#include <algorithm>
#include <cstddef>
#include <memory>
#include <random>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "reactor/stream_filter.hpp"
#include "reactor/tls/tls_error.hpp"
#include "support/tls.hpp"

using reactor::StreamFilter;
using reactor::TlsErrc;
using State = StreamFilter::State;

namespace {

std::span<const std::byte> bytes_of(std::string_view text) {
  return std::as_bytes(std::span(text));
}

// One side. What it sends is collected; what it receives is decoded in place, as a stream does it.
struct Side {
  explicit Side(std::unique_ptr<StreamFilter> made) : filter(std::move(made)) {
    filter->start({});
    collect();
  }

  void collect() {
    const auto output = filter->output();
    outgoing.append(reinterpret_cast<const char*>(output.data()), output.size());
    filter->pop(output.size());
  }

  void receive(std::string_view bytes) {
    std::byte* const begin = buffer.data() + StreamFilter::headroom_bytes;
    std::copy_n(bytes_of(bytes).data(), bytes.size(), begin);
    note(filter->decode(buffer.data(), {begin, bytes.size()}));
    while (filter->has_input()) note(filter->decode(buffer.data(), {}));
  }

  void note(StreamFilter::Decoded decoded) {
    last = decoded.state;
    if (last == State::secured) secured = true;
    if (last == State::data) {
      received.append(reinterpret_cast<const char*>(buffer.data()), decoded.size);
    }
    collect();
  }

  void write(std::string_view text) {
    auto left = bytes_of(text);
    while (!left.empty()) {
      const std::size_t taken = filter->encode(left);
      REQUIRE(taken > 0);
      left = left.subspan(taken);
      collect();
    }
  }

  void end() {
    filter->encode_end();
    collect();
  }

  std::unique_ptr<StreamFilter> filter;
  std::vector<std::byte> buffer = std::vector<std::byte>(160 * 1024);
  std::string outgoing;
  std::string received;
  bool secured = false;
  State last = State::incomplete;
};

struct Sides {
  explicit Sides(const reactor::TlsContext& client_context = tls_site().client(),
                 const reactor::TlsContext& server_context = tls_site().server())
      : client(ok(client_context.state().make_filter("a.example"))),
        server(ok(server_context.state().make_filter(""))) {}

  // Passes on what each side has sent, in pieces of `piece()` bytes, until both are silent.
  template <class Piece>
  void exchange(Piece piece) {
    while (!client.outgoing.empty() || !server.outgoing.empty()) {
      pass(client, server, piece());
      pass(server, client, piece());
    }
  }
  void exchange() {
    exchange([] { return 100'000U; });
  }

  static void pass(Side& from, Side& to, std::size_t most) {
    const std::string piece = from.outgoing.substr(0, most);
    from.outgoing.erase(0, piece.size());
    if (!piece.empty()) to.receive(piece);
  }

  Side client;
  Side server;
};

TEST_CASE("the handshake and the data are the same, however TCP cuts them") {
  const reactor::TlsContext of_client = tls_site().client();
  const reactor::TlsContext of_server = tls_site().server();
  const std::string request = Pattern::text(3000);
  const std::string response = Pattern::text(40'000);
  for (const unsigned size : {1U, 2U, 3U, 5U, 7U, 100U, 1000U, 20'000U}) {
    CAPTURE(size);
    Sides sides(of_client, of_server);
    const auto piece = [size] { return size; };
    sides.exchange(piece);
    REQUIRE(sides.client.secured);
    REQUIRE(sides.server.secured);
    sides.client.write(request);
    sides.server.write(response);
    sides.server.end();
    sides.exchange(piece);
    CHECK(sides.server.received == request);
    CHECK(sides.client.received == response);
    CHECK(sides.client.last == State::ended);
  }
}

TEST_CASE("random cuts in both directions lose and change nothing") {
  const auto seed = std::random_device()();
  INFO("seed " << seed);
  std::mt19937 random(seed);
  Sides sides;
  const auto piece = [&] { return 1 + random() % (random() % 2 == 0 ? 50 : 40'000); };
  sides.exchange(piece);
  std::string to_server;
  std::string to_client;
  for (int i = 0; i < 200; ++i) {
    const auto text = Pattern::at(random() % 1000, random() % 40'000);
    Side& from = i % 2 == 0 ? sides.client : sides.server;
    (i % 2 == 0 ? to_server : to_client) += text;
    from.write(text);
    if (random() % 3 == 0) sides.exchange(piece);
  }
  sides.exchange(piece);
  CHECK(sides.server.received == to_server);
  CHECK(sides.client.received == to_client);
}

TEST_CASE("data that arrives with the last message of the handshake is not lost") {
  Sides sides;
  Sides::pass(sides.client, sides.server, 100'000);
  Sides::pass(sides.server, sides.client, 100'000);
  REQUIRE(sides.client.secured);
  sides.client.write("early");
  Sides::pass(sides.client, sides.server, 100'000);
  CHECK(sides.server.secured);
  CHECK(sides.server.received == "early");
}

TEST_CASE("an end without close_notify is an error, after the data before it") {
  Sides sides;
  sides.exchange();
  sides.client.write("half of a mess");
  sides.exchange();
  sides.server.note(sides.server.filter->decode_end());
  CHECK(sides.server.received == "half of a mess");
  CHECK(sides.server.last == State::failed);
  CHECK(sides.server.filter->error().code == TlsErrc::truncated);
}

TEST_CASE("an end amid the handshake is an error that names the handshake") {
  Sides sides;
  sides.server.note(sides.server.filter->decode_end());
  CHECK(sides.server.last == State::failed);
  CHECK(sides.server.filter->error().operation == "TLS handshake with");
}

// What one side sends in a whole connection is cut off after each of its bytes. The other side
// continues to receive all. A run looks at each third byte, and three runs at all.
TEST_CASE("an end after any byte but the last is a truncation, in both directions") {
  const unsigned first = std::random_device()() % 3;
  const reactor::TlsContext of_client = tls_site().client();
  const reactor::TlsContext of_server = tls_site().server();
  for (const bool from_client : {true, false}) {
    bool complete = false;
    for (std::size_t cut = first; !complete; cut += 3) {
      Sides sides(of_client, of_server);
      Side& from = from_client ? sides.client : sides.server;
      Side& to = from_client ? sides.server : sides.client;
      std::size_t left = cut;
      const auto pass = [&] {
        const std::size_t size = std::min(left, from.outgoing.size());
        left -= size;
        Sides::pass(from, to, size);
        Sides::pass(to, from, 100'000);
      };
      for (int i = 0; i < 4; ++i) pass();
      if (from.secured) {
        from.write("some text");
        from.end();
        pass();
      }
      complete = from.secured && from.outgoing.empty();
      to.note(to.filter->decode_end());
      CAPTURE(from_client);
      CAPTURE(cut);
      REQUIRE(to.last == (complete ? State::ended : State::failed));
      REQUIRE((to.received.empty() || to.received == "some text"));
      if (!complete) REQUIRE(to.filter->error().code == TlsErrc::truncated);
    }
  }
}

TEST_CASE("after close_notify the end is in order, and data is an error") {
  Sides sides;
  sides.exchange();
  sides.client.end();
  sides.exchange();
  CHECK(sides.server.last == State::ended);
  SUBCASE("end") {
    sides.server.note(sides.server.filter->decode_end());
    CHECK(sides.server.last == State::ended);
  }
  SUBCASE("data") {
    sides.server.receive("\x17\x03\x03");
    CHECK(sides.server.last == State::failed);
    CHECK(sides.server.filter->error().code == TlsErrc::data_after_end);
  }
}

TEST_CASE("a changed byte is noticed, and nothing of its record is delivered") {
  for (const std::size_t at : {0U, 4U, 5U, 20U, 38U}) {
    CAPTURE(at);
    Sides sides;
    sides.exchange();
    sides.client.write("the first record");
    sides.exchange();
    sides.client.write("the second record");
    sides.client.outgoing[at] = static_cast<char>(sides.client.outgoing[at] ^ 1);
    sides.client.outgoing += std::string(100, '\0');
    sides.exchange();
    CHECK(sides.server.received == "the first record");
    CHECK(sides.server.last == State::failed);
    CHECK(sides.server.filter->error().code);
  }
}

// A client of OpenSSL alone, which can do what a filter never does.
struct RawClient {
  RawClient() {
    SSL_set_bio(ssl, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
    SSL_set_connect_state(ssl);
  }
  ~RawClient() {
    SSL_free(ssl);
    SSL_CTX_free(context);
  }
  RawClient(const RawClient&) = delete;
  RawClient& operator=(const RawClient&) = delete;

  std::string take_sent() {
    char* text = nullptr;
    const long size = BIO_get_mem_data(SSL_get_wbio(ssl), &text);
    std::string sent(text, static_cast<std::size_t>(size));
    (void)BIO_reset(SSL_get_wbio(ssl));
    return sent;
  }

  SSL_CTX* context = SSL_CTX_new(TLS_client_method());
  SSL* ssl = SSL_new(context);
};

TEST_CASE("a peer that requests responses of TLS and reads none of them is refused") {
  RawClient client;
  Side server(ok(tls_site().server().state().make_filter("")));
  for (int i = 0; i < 4 && SSL_do_handshake(client.ssl) != 1; ++i) {
    server.receive(client.take_sent());
    BIO_write(SSL_get_rbio(client.ssl), server.outgoing.data(), int(server.outgoing.size()));
    server.outgoing.clear();
  }
  server.receive(client.take_sent());
  REQUIRE(server.secured);
  std::size_t most = 0;
  State last = State::incomplete;
  for (int i = 0; i < 100'000 && last != State::failed; ++i) {
    SSL_key_update(client.ssl, SSL_KEY_UPDATE_REQUESTED);
    SSL_do_handshake(client.ssl);
    const std::string sent = client.take_sent();
    last = server.filter->decode(server.buffer.data(), bytes_of(sent)).state;
    most = std::max(most, server.filter->output().size());
  }
  CHECK(last == State::failed);
  CHECK(most < 300 * 1024);
}

TEST_CASE("random bytes in place of a handshake are refused") {
  const auto seed = std::random_device()();
  INFO("seed " << seed);
  std::mt19937 random(seed);
  const reactor::TlsContext context = tls_site().server();
  for (int i = 0; i < 300; ++i) {
    Side server(ok(context.state().make_filter("")));
    std::string bytes(1 + random() % 600, '\0');
    for (char& byte : bytes) byte = static_cast<char>(random());
    // Half of them begin as a handshake does.
    if (i % 2 == 0) bytes.replace(0, std::min<std::size_t>(bytes.size(), 3), "\x16\x03\x01");
    server.receive(bytes);
    CHECK_FALSE(server.secured);
    CHECK(server.received.empty());
  }
}

TEST_CASE("random bytes amid a handshake are refused") {
  const auto seed = std::random_device()();
  INFO("seed " << seed);
  std::mt19937 random(seed);
  for (int i = 0; i < 100; ++i) {
    Sides sides;
    std::string& hello = sides.client.outgoing;
    for (int changes = 0; changes < 3; ++changes) {
      hello[random() % hello.size()] = static_cast<char>(random());
    }
    if (i % 2 == 0) hello.resize(random() % hello.size());
    sides.exchange();
    CHECK_FALSE((sides.client.secured && sides.server.secured && i % 2 == 0));
  }
}

TEST_CASE("plain HTTP is recognized") {
  Side server(ok(tls_site().server().state().make_filter("")));
  server.receive("GET / HTTP/1.1\r\nHost: a.example\r\n\r\n");
  CHECK(server.last == State::failed);
  CHECK(server.filter->error().code == TlsErrc::not_tls);
  CHECK(server.filter->error().hint == "it has sent an HTTP request in clear");
}

TEST_CASE("a client that receives plain text reports that the server does not speak TLS") {
  Sides sides;
  sides.client.receive("220 ready\r\n");
  CHECK(sides.client.last == State::failed);
  CHECK(sides.client.filter->error().code == TlsErrc::not_tls);
}

TEST_CASE("bytes in clear come before the handshake") {
  auto filter = ok(tls_site().client().state().make_filter("a.example"));
  filter->start(bytes_of("STARTTLS\r\n"));
  const auto output = filter->output();
  const std::string_view text(reinterpret_cast<const char*>(output.data()), output.size());
  CHECK(text.starts_with("STARTTLS\r\n\x16\x03\x01"));
}

TEST_CASE("any number of bytes in clear may wait before the handshake") {
  auto filter = ok(tls_site().client().state().make_filter("a.example"));
  const std::string clear = Pattern::text(1'000'000);
  filter->start(bytes_of(clear));
  CHECK_FALSE(filter->error());
  CHECK(filter->output().size() > clear.size() + 100);
}

// The sizes of the records in what was encoded.
std::vector<std::size_t> record_sizes(std::string_view encoded) {
  std::vector<std::size_t> sizes;
  while (encoded.size() >= 5) {
    const auto high = static_cast<unsigned char>(encoded[3]);
    const auto low = static_cast<unsigned char>(encoded[4]);
    sizes.push_back(std::size_t{high} * 256 + low);
    encoded.remove_prefix(std::min(encoded.size(), 5 + sizes.back()));
  }
  return sizes;
}

TEST_CASE("a message is one record") {
  Sides sides;
  sides.exchange();
  sides.server.write(Pattern::text(12'000));
  CHECK(record_sizes(sides.server.outgoing).size() == 1);
}

TEST_CASE("a large response begins with records of one packet each, and goes on with large ones") {
  Sides sides;
  sides.exchange();
  sides.server.write(Pattern::text(200'000));
  const auto sizes = record_sizes(sides.server.outgoing);
  CHECK(sizes.front() < 1400);
  CHECK(*std::max_element(sizes.begin(), sizes.end()) > 16'000);
  CHECK(sizes.size() < 50);
}

}  // namespace
