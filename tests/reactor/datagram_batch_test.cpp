#include "reactor/datagram_batch.hpp"

#include <doctest/doctest.h>
#include <netinet/udp.h>

#include <cstring>
#include <deque>
#include <string>
#include <vector>

#include "reactor/socket_option.hpp"
#include "support/platform.hpp"
#include "support/result.hpp"

using namespace reactor;

namespace {

/// Datagrams, and the messages that the batch builds of them.
struct Datagrams {
  void add(const std::string& bytes, const std::string& to = "127.0.0.1:9",
           const std::string& from = "") {
    const std::string& text = texts.emplace_back(bytes);
    const Address& receiver = addresses.emplace_back(address(to));
    const sockaddr* source = nullptr;
    if (!from.empty()) source = addresses.emplace_back(address(from)).data();
    outgoing.push_back({receiver.data(), receiver.size(), source, std::as_bytes(std::span(text))});
  }

  /// How many datagrams each message holds.
  std::vector<std::size_t> lengths(std::size_t one_by_one = 0,
                                   std::size_t gso_limit = DatagramBatch::max_gso_bytes) {
    built = batch.build(outgoing, one_by_one, gso_limit);
    std::vector<std::size_t> result;
    for (unsigned i = 0; i < built.messages; ++i) result.push_back(batch.length(i));
    return result;
  }

  /// The control message of this kind in a message, null where there is none.
  const cmsghdr* control(unsigned message, int level, int type) {
    msghdr header = batch.message(message);
    for (cmsghdr* found = CMSG_FIRSTHDR(&header); found; found = CMSG_NXTHDR(&header, found)) {
      if (found->cmsg_level == level && found->cmsg_type == type) return found;
    }
    return nullptr;
  }

  std::uint16_t segment(unsigned message) {
    const cmsghdr* const found = control(message, SOL_UDP, UDP_SEGMENT);
    std::uint16_t bytes = 0;
    if (found) std::memcpy(&bytes, CMSG_DATA(found), sizeof bytes);
    return bytes;
  }

  std::deque<std::string> texts;
  std::deque<Address> addresses;
  std::vector<Outgoing> outgoing;
  DatagramBatch batch;
  DatagramBatch::Built built{};
};

using Lengths = std::vector<std::size_t>;

}  // namespace

TEST_SUITE("datagram batch") {
  TEST_CASE("datagrams of one length to one peer become one message, segmented by that length") {
    Datagrams of;
    for (const char* bytes : {"abc", "def", "ghi"}) of.add(bytes);
    CHECK(of.lengths() == Lengths{3});
    const bool cuts_apart = !on_portable_platform();
    CHECK(of.segment(0) == (cuts_apart ? 3 : 0));
    const msghdr& message = of.batch.message(0);
    REQUIRE(message.msg_iovlen == 3);
    CHECK(std::memcmp(message.msg_iov[2].iov_base, "ghi", 3) == 0);
    CHECK(Address::from(static_cast<const sockaddr*>(message.msg_name), message.msg_namelen) ==
          address("127.0.0.1:9"));
  }

  TEST_CASE("a shorter datagram ends a message, and a longer one begins the next") {
    Datagrams of;
    for (const char* bytes : {"abc", "de", "fg", "hij"}) of.add(bytes);
    CHECK(of.lengths() == Lengths{2, 1, 1});
  }

  TEST_CASE("an empty datagram is a message of its own") {
    Datagrams of;
    for (const char* bytes : {"abc", "", "def"}) of.add(bytes);
    CHECK(of.lengths() == Lengths{1, 1, 1});
    CHECK(of.segment(1) == 0);
  }

  TEST_CASE("another receiver, port or source starts a new message") {
    Datagrams of;
    of.add("a", "127.0.0.1:9");
    of.add("a", "127.0.0.1:10");
    of.add("a", "127.0.0.2:10");
    of.add("a", "127.0.0.2:10", "127.0.0.1:0");
    of.add("a", "127.0.0.2:10", "127.0.0.3:0");
    CHECK(of.lengths() == Lengths{1, 1, 1, 1, 1});
  }

  TEST_CASE("a source is part of the message, unless the route may choose it") {
    Datagrams of;
    of.add("a", "127.0.0.1:9", "127.0.0.1:0");
    of.add("a", "127.0.0.1:9", "0.0.0.0:0");
    of.add("a", "[::1]:9", "[::1]:0");
    of.add("a", "[::1]:9", "[::]:0");
    CHECK(of.lengths() == Lengths{1, 1, 1, 1});
    CHECK(of.control(0, IPPROTO_IP, IP_PKTINFO) != nullptr);
    CHECK(of.batch.message(1).msg_control == nullptr);
    CHECK(of.control(2, IPPROTO_IPV6, IPV6_PKTINFO) != nullptr);
    CHECK(of.batch.message(3).msg_control == nullptr);
  }

  TEST_CASE("a message holds at most 64 datagrams, and at most the bytes of a UDP datagram") {
    Datagrams small;
    for (int i = 0; i < 100; ++i) small.add("x");
    CHECK(small.lengths() == Lengths{64, 36});

    Datagrams large;
    for (int i = 0; i < 3; ++i) large.add(std::string(30'000, 'x'));
    CHECK(large.lengths() == Lengths{2, 1});
  }

  TEST_CASE("datagrams that the kernel refused to take as one message are built one by one") {
    Datagrams of;
    for (int i = 0; i < 5; ++i) of.add("abc");
    CHECK(of.lengths(2) == Lengths{1, 1, 3});
    CHECK(of.lengths(0, 2) == Lengths{1, 1, 1, 1, 1});
  }

  TEST_CASE("one build makes at most 64 messages, and the caller continues with the rest") {
    Datagrams of;
    for (int i = 0; i < 70; ++i) of.add(std::string(i % 2 == 0 ? 1 : 2, 'x'));
    of.lengths(of.outgoing.size());
    CHECK(of.built.messages == 64);
    CHECK(of.built.datagrams == 64);
  }
}
