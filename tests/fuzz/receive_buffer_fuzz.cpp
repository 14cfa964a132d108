#include <memory>

#include "fuzz/fuzz.hpp"
#include "protocols/receive_buffer.hpp"

namespace receive_buffer_fuzz {

// Any sequence of calls, beside a string that says what the stream holds.
void fuzz_one(fuzz::Input input) {
  protocols::ReceiveBuffer buffer;
  std::string stream;
  std::vector<std::unique_ptr<char[]>> lent;
  std::uint64_t consumed = 0;
  while (!input.rest().empty()) {
    const std::string_view window = protocols::as_text(buffer.window());
    fuzz::require(stream.starts_with(window), "the window is not the front of the stream");
    fuzz::require(buffer.empty() == stream.empty(), "empty() is wrong");
    fuzz::require(buffer.consumed() == consumed, "consumed() is wrong");
    switch (input.number(3)) {
      case 0: {
        const std::string_view bytes = input.bytes(input.number(200));
        lent.push_back(std::make_unique<char[]>(bytes.size()));
        std::copy(bytes.begin(), bytes.end(), lent.back().get());
        buffer.feed(protocols::as_bytes({lent.back().get(), bytes.size()}));
        stream += bytes;
        break;
      }
      case 1: {
        const std::size_t size = input.number(300) % (window.size() + 1);
        buffer.consume(size);
        stream.erase(0, size);
        consumed += size;
        break;
      }
      case 2: {
        const std::size_t needed = window.size() + 1 + input.number(100);
        if (buffer.extend(needed)) {
          fuzz::require(buffer.window().size() > window.size(), "extend() did not");
        } else {
          fuzz::require(buffer.window().size() == stream.size(), "something is still lent");
          lent.clear();
        }
        break;
      }
      case 3:
        buffer.copy_tail();
        lent.clear();
        break;
    }
  }
}

const fuzz::Target target("receive_buffer", fuzz_one);

}  // namespace receive_buffer_fuzz
