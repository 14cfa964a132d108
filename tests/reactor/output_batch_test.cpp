#include "reactor/output_batch.hpp"

#include <doctest/doctest.h>

#include <cstring>
#include <span>
#include <string>
#include <string_view>

#include "reactor/engine.hpp"
#include "reactor/loop.hpp"

using reactor::Loop;
using reactor::OutputBatch;

namespace {

std::span<const std::byte> bytes_of(std::string_view text) {
  return std::as_bytes(std::span(text));
}

std::string text_in(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// Records what it is given to send.
struct Sending final : reactor::Source {
  explicit Sending(Loop& loop) : Source(loop.engine(), reactor::Kind::stream) {}
  void on_ready(unsigned) override {}
  void on_gathered(std::span<const std::byte> bytes) override {
    sent += "[" + text_in(bytes) + "]";
    place = bytes.data();
  }
  void unregister() noexcept override {}

  std::string sent;
  const std::byte* place = nullptr;
};

struct Fixture {
  Loop loop;
  Sending one{loop};
  Sending other{loop};
  OutputBatch batch;

  // As if a read had received this.
  std::span<const std::byte> read(std::string_view text) {
    std::memcpy(batch.read_buffer(), text.data(), text.size());
    return {batch.read_buffer(), text.size()};
  }
};

}  // namespace

TEST_SUITE("output batch") {
  TEST_CASE_FIXTURE(Fixture, "the writes of a callback to a source are sent together") {
    batch.begin();
    CHECK(batch.gather(one, bytes_of("one ")));
    CHECK(batch.gather(one, bytes_of("two")));
    batch.end();
    CHECK(one.sent.empty());
    batch.flush();
    CHECK(one.sent == "[one two]");
    batch.flush();
    CHECK(one.sent == "[one two]");
  }

  TEST_CASE_FIXTURE(Fixture, "nothing is gathered while no callback runs") {
    CHECK_FALSE(batch.gather(one, bytes_of("early")));
    CHECK_FALSE(batch.gather_first(one, read("early")));
    CHECK_FALSE(batch.gather_itself(one));
    batch.flush();
    CHECK(one.sent.empty());
  }

  TEST_CASE_FIXTURE(Fixture,
                    "a write to another source sends the gathered writes of the first one") {
    batch.begin();
    CHECK(batch.gather(one, bytes_of("first")));
    CHECK(batch.gather(other, bytes_of("second")));
    CHECK(one.sent == "[first]");
    CHECK(other.sent.empty());
    batch.flush();
    CHECK(other.sent == "[second]");
  }

  TEST_CASE_FIXTURE(Fixture, "bytes that were just read are sent from the read buffer") {
    const auto all = read("echo");
    batch.begin();
    CHECK(batch.gather_first(one, all.first(2)));
    CHECK(batch.gather(one, all.subspan(2)));
    batch.flush();
    CHECK(one.sent == "[echo]");
    CHECK(one.place == batch.read_buffer());
  }

  TEST_CASE_FIXTURE(Fixture,
                    "bytes that were read and other bytes are combined in another buffer") {
    const auto all = read("echo");
    batch.begin();
    CHECK(batch.gather_first(one, all));
    CHECK(batch.gather(one, bytes_of(" more")));
    batch.flush();
    CHECK(one.sent == "[echo more]");
    CHECK(text_in(all) == "echo");
  }

  TEST_CASE_FIXTURE(Fixture,
                    "gather_first() takes only the first write, and only bytes that were read") {
    batch.begin();
    CHECK_FALSE(batch.gather_first(one, bytes_of("not read")));
    CHECK(batch.gather(one, bytes_of("first")));
    CHECK_FALSE(batch.gather_first(one, read("second")));
  }

  TEST_CASE_FIXTURE(Fixture, "bytes that do not fit are not gathered, and gathered bytes stay") {
    const std::string most(OutputBatch::gather_buffer_bytes, 'x');
    batch.begin();
    CHECK(batch.gather(one, bytes_of(most)));
    CHECK_FALSE(batch.gather(one, bytes_of("y")));
    CHECK(batch.take(other).empty());
    CHECK(text_in(batch.take(one)) == most);
    batch.flush();
    CHECK(one.sent.empty());
  }

  TEST_CASE_FIXTURE(Fixture, "what is written into reserved room is sent from there") {
    batch.begin();
    CHECK(batch.gather(one, bytes_of("head ")));
    const auto room = batch.reserve(one, 100);
    std::memcpy(room.data(), "body", 4);
    CHECK(batch.gather(one, room.first(4)));
    CHECK(batch.gather(one, bytes_of(" tail")));
    batch.flush();
    CHECK(one.sent == "[head body tail]");
    CHECK(room.data() == one.place + 5);
  }

  TEST_CASE_FIXTURE(Fixture, "reserved room that is not used sends nothing") {
    batch.begin();
    CHECK(batch.gather(other, bytes_of("other")));
    CHECK(batch.reserve(one, 10).size() == 10);
    CHECK(other.sent == "[other]");
    batch.flush();
    CHECK(one.sent.empty());
    CHECK(batch.reserve(one, 10).size() == 10);
    CHECK(batch.gather(one, bytes_of("later")));
    batch.flush();
    CHECK(one.sent == "[later]");
  }

  TEST_CASE_FIXTURE(Fixture, "room is reserved behind bytes that were just read") {
    const auto all = read("echo");
    batch.begin();
    CHECK(batch.gather_first(one, all));
    const auto room = batch.reserve(one, 4);
    std::memcpy(room.data(), "more", 4);
    CHECK(batch.gather(one, room));
    batch.flush();
    CHECK(one.sent == "[echomore]");
    CHECK(text_in(all) == "echo");
  }

  TEST_CASE_FIXTURE(Fixture, "room that the buffer does not have is reserved elsewhere") {
    const auto fill = [&](std::size_t size) {
      const auto room = batch.reserve(one, size);
      REQUIRE(room.size() == size);
      std::memset(room.data(), 'x', size);
      return room;
    };
    const auto outside = fill(5);  // No callback runs.
    CHECK_FALSE(batch.gather(one, outside));
    batch.begin();
    CHECK_FALSE(batch.gather(one, fill(OutputBatch::gather_buffer_bytes + 1)));
    const auto all = fill(OutputBatch::gather_buffer_bytes);
    CHECK(batch.gather(one, all));
    CHECK_FALSE(batch.gather(one, fill(1)));
    CHECK(batch.take(one).data() == all.data());
    // What was read is longer than the buffer that gathers.
    const std::string longer(OutputBatch::gather_buffer_bytes + 1, 'y');
    CHECK(batch.gather_first(one, read(longer)));
    CHECK_FALSE(batch.gather(one, fill(1)));
    batch.flush();
    CHECK(one.sent == "[" + longer + "]");
  }

  TEST_CASE_FIXTURE(Fixture, "a source that gathers by itself is called without bytes") {
    batch.begin();
    CHECK(batch.gather(one, bytes_of("first")));
    CHECK(batch.gather_itself(other));
    CHECK(one.sent == "[first]");
    batch.flush();
    CHECK(other.sent == "[]");
  }

  TEST_CASE_FIXTURE(Fixture, "discarded bytes are not sent") {
    batch.begin();
    CHECK(batch.gather(one, bytes_of("lost")));
    batch.discard();
    batch.flush();
    CHECK(one.sent.empty());
  }
}
