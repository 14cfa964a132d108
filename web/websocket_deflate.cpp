#include "web/websocket_deflate.hpp"

#include "web/deflate.hpp"

namespace web::inline v0 {
namespace {

class ZlibCompressor final : public Compressor {
 public:
  ZlibCompressor(int window_bits, bool no_context_takeover)
      : deflate_(window_bits, no_context_takeover) {}
  bool message(std::vector<std::byte>& out, protocols::Bytes message) override {
    return deflate_.message(out, message);
  }

 private:
  Deflate deflate_;
};

}  // namespace

bool can_deflate() { return true; }

std::unique_ptr<protocols::websocket::Inflater> make_inflater(int window_bits,
                                                              bool no_context_takeover) {
  return std::make_unique<Inflate>(window_bits, no_context_takeover);
}

std::unique_ptr<Compressor> make_compressor(int window_bits, bool no_context_takeover) {
  return std::make_unique<ZlibCompressor>(window_bits, no_context_takeover);
}

Compressor* shared_compressor() {
  thread_local ZlibCompressor compressor(15, true);
  return &compressor;
}

}  // namespace web
