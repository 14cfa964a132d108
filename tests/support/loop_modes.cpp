#include "support/loop_modes.hpp"

#include <uv.h>

std::unique_ptr<uv_loop_s, Embedded::Close> Embedded::start() {
  std::unique_ptr<uv_loop_s, Close> native(new uv_loop_t);
  REQUIRE(uv_loop_init(native.get()) == 0);
  return native;
}

void Embedded::Close::operator()(uv_loop_s* native) const {
  uv_run(native, UV_RUN_DEFAULT);  // Lets libuv finish and close what the embedded loop has left.
  CHECK(uv_loop_close(native) == 0);
  delete native;
}
