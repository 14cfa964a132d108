#include "reactor/framed.hpp"

#include <string>

namespace reactor {
namespace {

class FramedCategory final : public std::error_category {
 public:
  [[nodiscard]] const char* name() const noexcept override { return "framed"; }
  [[nodiscard]] std::string message(int) const override {
    return "the stream ended inside a frame";
  }
};

}  // namespace

std::error_code ended_inside_frame() {
  static const FramedCategory category;
  return {1, category};
}

}  // namespace reactor
