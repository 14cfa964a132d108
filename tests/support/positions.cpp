#include "support/positions.hpp"

#include <uv.h>

std::unique_ptr<uv_loop_s, Guest::Close> Guest::start() {
  std::unique_ptr<uv_loop_s, Close> loop(new uv_loop_t);
  REQUIRE(uv_loop_init(loop.get()) == 0);
  return loop;
}

void Guest::Close::operator()(uv_loop_s* loop) const {
  uv_run(loop, UV_RUN_DEFAULT);  // Lets libuv finish and close what the guest left to it.
  CHECK(uv_loop_close(loop) == 0);
  delete loop;
}
