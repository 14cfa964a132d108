#include "reactor/framed.hpp"

#include <string>

namespace reactor::inline v0 {
namespace {

class FramedCategory final : public std::error_category {
 public:
  [[nodiscard]] const char* name() const noexcept override { return "framed"; }
  [[nodiscard]] std::string message(int code) const override {
    return code == received_in_clear().value() ? "bytes in clear followed the request for TLS"
                                               : "the stream ended inside a frame";
  }
};

std::error_code framed_error(int code) {
  static const FramedCategory category;
  return {code, category};
}

}  // namespace

std::error_code ended_inside_frame() { return framed_error(1); }

std::error_code received_in_clear() { return framed_error(2); }

}  // namespace reactor
