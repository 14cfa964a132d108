#include <zlib.h>

#include <algorithm>
#include <limits>

#include "protocols/http/message.hpp"
#include "web/content_decoder.hpp"

namespace web::inline v0 {
namespace {

constexpr int gzip_window = 15 + 16;
constexpr int zlib_window = 15;
constexpr int raw_window = -15;

uInt within_uint(std::size_t size) {
  return static_cast<uInt>(std::min<std::size_t>(size, std::numeric_limits<uInt>::max()));
}

class ZlibDecoder final : public ContentDecoder {
 public:
  explicit ZlibDecoder(bool gzip) : gzip_(gzip) {}
  ~ZlibDecoder() override {
    if (begun_) inflateEnd(&stream_);
  }

  Step decode(protocols::Bytes in, std::span<std::byte> out) override {
    Step step;
    if (in.empty() && !begun_) return step;
    if (!begun_ && !begin(in)) return {.failed = true};
    while (step.produced < out.size() && !step.failed) {
      if (ended_ && !begin_member(step.consumed < in.size())) break;
      const uInt in_size = within_uint(in.size() - step.consumed);
      const uInt out_size = within_uint(out.size() - step.produced);
      // zlib takes a pointer to what it only reads.
      stream_.next_in = reinterpret_cast<Bytef*>(const_cast<std::byte*>(in.data())) + step.consumed;
      stream_.avail_in = in_size;
      stream_.next_out = reinterpret_cast<Bytef*>(out.data()) + step.produced;
      stream_.avail_out = out_size;
      const int result = ::inflate(&stream_, Z_NO_FLUSH);
      const std::size_t consumed = in_size - stream_.avail_in;
      const std::size_t produced = out_size - stream_.avail_out;
      step.consumed += consumed;
      step.produced += produced;
      ended_ = result == Z_STREAM_END;
      step.failed = !ended_ && result != Z_OK && result != Z_BUF_ERROR;
      if (consumed + produced == 0) break;
    }
    if (ended_ && step.consumed < in.size() && step.produced < out.size()) step.failed = true;
    return step;
  }

  [[nodiscard]] bool at_end() const override { return ended_ || !begun_; }

 private:
  bool begin(protocols::Bytes in) {
    // The first byte of RFC 1950: the method is 8, the window at most 7. A raw block that is not
    // compressed could look so, but compressors write none with these bits.
    const auto first = static_cast<unsigned>(in[0]);
    const bool has_wrapper = (first & 0x0F) == 8 && (first >> 4) <= 7;
    begun_ = inflateInit2(&stream_, gzip_         ? gzip_window
                                    : has_wrapper ? zlib_window
                                                  : raw_window) == Z_OK;
    return begun_;
  }

  // Another gzip member follows if there is more.
  bool begin_member(bool more) {
    if (!more || !gzip_ || inflateReset(&stream_) != Z_OK) return false;
    ended_ = false;
    return true;
  }

  const bool gzip_;
  bool begun_ = false;
  bool ended_ = false;
  z_stream stream_{};
};

}  // namespace

std::string_view ContentDecoder::accepted() { return "gzip, deflate"; }

std::unique_ptr<ContentDecoder> ContentDecoder::create(std::string_view coding) {
  using protocols::http::equal_ignoring_case;
  const bool gzip = equal_ignoring_case(coding, "gzip") || equal_ignoring_case(coding, "x-gzip");
  if (!gzip && !equal_ignoring_case(coding, "deflate")) return nullptr;
  return std::make_unique<ZlibDecoder>(gzip);
}

}  // namespace web
