#include "support/positions.hpp"

#include <uv.h>

std::unique_ptr<uv_loop_s, Guest::Close> Guest::start() {
  std::unique_ptr<uv_loop_s, Close> application(new uv_loop_t);
  REQUIRE(uv_loop_init(application.get()) == 0);
  return application;
}

void Guest::Close::operator()(uv_loop_s* application) const {
  uv_run(application, UV_RUN_DEFAULT);  // Lets libuv finish and close what the guest left to it.
  CHECK(uv_loop_close(application) == 0);
  delete application;
}
