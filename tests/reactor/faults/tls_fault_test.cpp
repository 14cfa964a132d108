// TLS through a kernel that fails or does less: not a byte may be lost, and nothing that is cut off
// may look complete.
#include <doctest/doctest.h>

#include <cstdint>
#include <random>
#include <string>

#include "faulty_platform.hpp"
#include "support/loop_modes.hpp"
#include "support/temporary_file.hpp"
#include "support/tls.hpp"

using reactor::Loop;
using reactor::Stream;

namespace {

// Each end writes all of this, and ends its side.
struct Exchange {
  explicit Exchange(Loop& loop, std::size_t size)
      : request(Pattern::text(size)), response(Pattern::text(2 * size)), pair(loop, small_buffers) {
    pair.client.stream->write(request);
    pair.client.stream->shutdown();
    const std::size_t half = response.size() / 2;
    const TemporaryFile file(response);
    pair.server.stream->write(response.substr(0, half));
    pair.server.stream->write_file(file.open(), half, response.size() - half);
    pair.server.stream->shutdown();
  }

  [[nodiscard]] bool over() const { return pair.client.closed && pair.server.closed; }

  std::string request;
  std::string response;
  TlsPair pair;
};

void check_end(const TlsEnd& end, const std::string& sent) {
  const bool whole = end.received == sent;
  CHECK(sent.starts_with(end.received));
  if (end.ended) CHECK(whole);
  if (!*end.closed) CHECK(whole);
}

}  // namespace

TEST_SUITE("faults") {
  TEST_CASE_TEMPLATE("TLS loses no byte to short counts, EINTR and EAGAIN", LoopMode, Standalone,
                     Embedded) {
    const std::uint32_t first_seed = std::random_device()();
    std::uint64_t faults = 0;
    for (std::uint32_t seed = first_seed; seed != first_seed + 5; ++seed) {
      CAPTURE(seed);
      LoopMode mode;
      faulty::inject(seed, {.short_counts = 400, .interrupted = 100, .again = 300});
      Exchange exchange(mode.loop, 150'000);
      run_until(mode.loop, [&] { return exchange.over(); });
      faults += faulty::calls().faults;
      faulty::inject(0, {});
      CHECK_FALSE(*exchange.pair.client.closed);
      CHECK_FALSE(*exchange.pair.server.closed);
      CHECK(exchange.pair.client.received == exchange.response);
      CHECK(exchange.pair.server.received == exchange.request);
    }
    CHECK(faults > 50);
  }

  TEST_CASE("a reset at any call ends a secured connection, and no part looks complete") {
    for (const unsigned short_counts : {0U, 300U}) {
      bool was_reset = true;
      unsigned call = 0;
      while (was_reset && ++call < 300) {
        CAPTURE(short_counts);
        CAPTURE(call);
        Loop loop;
        faulty::inject(1, {.short_counts = short_counts});
        Exchange exchange(loop, 20'000);
        faulty::reset_at(call);
        run_until(loop, [&] { return exchange.over(); });
        was_reset = faulty::was_reset();
        faulty::inject(0, {});
        const TlsPair& pair = exchange.pair;
        check_end(pair.client, exchange.response);
        check_end(pair.server, exchange.request);
        CHECK((*pair.client.closed || *pair.server.closed) == was_reset);
      }
      CHECK(call > 10);
      CHECK_FALSE(was_reset);
    }
  }
}
