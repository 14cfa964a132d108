// A game hosts the loop: in each frame it serves once what is ready, and never waits for it.
#include <chrono>
#include <thread>

#include "samples/hosting/echo_service.hpp"

int main() {
  using namespace std::chrono_literals;
  reactor::Loop loop;
  const EchoService service(loop);

  auto next_frame = std::chrono::steady_clock::now();
  while (loop.poll()) {
    // Here the game would move and draw.
    next_frame += 16ms;
    std::this_thread::sleep_until(next_frame);
  }
}
