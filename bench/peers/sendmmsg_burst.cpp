// Bursts by the bare system calls: sendmmsg of 64 on one side, recvmmsg of 64 on the other side.
#include <poll.h>

#include <array>
#include <vector>

#include "bench/peers/burst.hpp"

using namespace bench;

namespace {

constexpr std::size_t batch = 64;

struct Messages {
  explicit Messages(std::size_t size) : buffer(batch * size) {
    for (std::size_t i = 0; i < batch; ++i) {
      parts[i] = {buffer.data() + i * size, size};
      headers[i].msg_hdr.msg_iov = &parts[i];
      headers[i].msg_hdr.msg_iovlen = 1;
    }
  }
  std::vector<char> buffer;
  std::array<iovec, batch> parts;
  std::array<mmsghdr, batch> headers{};
};

void run(const BurstOptions& options) {
  const Endpoint local = parse_endpoint("127.0.0.1:0");
  const int in = socket(AF_INET, SOCK_DGRAM, 0);
  if (bind(in, local.address(), local.size) < 0) fail("bind");
  const Endpoint target = local_endpoint(in);
  const int out = socket(AF_INET, SOCK_DGRAM, 0);
  if (connect(out, target.address(), target.size) < 0) fail("connect");

  run_burst(
      options,
      [&](Burst& burst) {
        Messages messages(options.size);
        while (!burst.over) {
          const int sent = sendmmsg(out, messages.headers.data(), batch, 0);
          if (sent > 0) burst.sent += static_cast<std::uint64_t>(sent);
        }
      },
      [&](Burst& burst) {
        Messages messages(2048);
        while (!burst.over) {
          const int received =
              recvmmsg(in, messages.headers.data(), batch, MSG_WAITFORONE, nullptr);
          if (received > 0) burst.received += static_cast<std::uint64_t>(received);
        }
      },
      [&] { send(out, "", 0, 0); });
}

}  // namespace

int main(int argc, char** argv) {
  return run_peer([&] { run(parse_burst_options(argc, argv)); });
}
