#include "web/deflate.hpp"

#include <zlib.h>

#include <algorithm>
#include <limits>

namespace web::inline v0 {
namespace {

constexpr std::size_t most_at_once = std::numeric_limits<uInt>::max();
constexpr int memory_level = 8;
constexpr std::size_t flush_end_bytes = 4;  // 00 00 FF FF, which is not sent.
constexpr std::size_t smallest_step = 256;

// zlib takes a pointer to what it only reads.
Bytef* as_zlib(const std::byte* bytes) {
  return const_cast<Bytef*>(reinterpret_cast<const Bytef*>(bytes));
}

uInt bounded(std::size_t size) { return static_cast<uInt>(std::min(size, most_at_once)); }

}  // namespace

struct Inflate::State {
  z_stream stream{};
  State() = default;
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  ~State() { inflateEnd(&stream); }
};

Inflate::Inflate(int window_bits, bool no_context_takeover)
    : window_bits_(window_bits), no_context_takeover_(no_context_takeover) {}

Inflate::~Inflate() = default;

bool Inflate::begin() {
  auto state = std::make_unique<State>();
  if (inflateInit2(&state->stream, -window_bits_) != Z_OK) return false;
  state_ = std::move(state);
  return true;
}

auto Inflate::inflate(protocols::Bytes in, std::span<std::byte> out) -> Step {
  Step step;
  if (!state_ && !begin()) return {.failed = true};
  z_stream& stream = state_->stream;
  while (step.produced < out.size()) {
    const uInt in_size = bounded(in.size() - step.consumed);
    const uInt out_size = bounded(out.size() - step.produced);
    stream.next_in = as_zlib(in.data() + step.consumed);
    stream.avail_in = in_size;
    stream.next_out = as_zlib(out.data() + step.produced);
    stream.avail_out = out_size;
    const int result = ::inflate(&stream, Z_SYNC_FLUSH);
    const std::size_t consumed = in_size - stream.avail_in;
    const std::size_t produced = out_size - stream.avail_out;
    step.consumed += consumed;
    step.produced += produced;
    if (result == Z_STREAM_END) {
      // A final block (RFC 7692 7.2.3.4): what follows begins anew, at a byte.
      if (inflateReset(&stream) != Z_OK) step.failed = true;
    } else if (result != Z_OK && result != Z_BUF_ERROR) {
      step.failed = true;
    }
    if (step.failed || consumed + produced == 0) return step;
  }
  return step;
}

void Inflate::end_message() {
  if (no_context_takeover_) state_.reset();
}

struct Deflate::State {
  z_stream stream{};
  State() = default;
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  ~State() { deflateEnd(&stream); }
};

Deflate::Deflate(int window_bits, bool no_context_takeover, int level)
    : window_bits_(window_bits), no_context_takeover_(no_context_takeover), level_(level) {}

Deflate::~Deflate() = default;

bool Deflate::message(std::vector<std::byte>& out, protocols::Bytes message) {
  if (message.empty()) {  // RFC 7692 7.2.3.6. zlib writes nothing for a flush after a flush.
    out.push_back(std::byte{0});
    return true;
  }
  if (!state_) {
    auto state = std::make_unique<State>();
    if (deflateInit2(&state->stream, level_, Z_DEFLATED, -window_bits_, memory_level,
                     Z_DEFAULT_STRATEGY) != Z_OK) {
      return false;
    }
    state_ = std::move(state);
  }
  z_stream& stream = state_->stream;
  std::size_t consumed = 0, end = out.size();
  do {
    const uInt size = bounded(message.size() - consumed);
    stream.next_in = as_zlib(message.data() + consumed);
    stream.avail_in = size;
    const bool last = consumed + size == message.size();
    do {
      out.resize(std::max(end + smallest_step, end + (message.size() - consumed) / 2));
      const uInt room = bounded(out.size() - end);
      stream.next_out = as_zlib(out.data() + end);
      stream.avail_out = room;
      ::deflate(&stream, last ? Z_SYNC_FLUSH : Z_NO_FLUSH);
      end += room - stream.avail_out;
    } while (stream.avail_out == 0);
    consumed += size;
  } while (consumed < message.size());
  out.resize(end - flush_end_bytes);
  if (no_context_takeover_) deflateReset(&stream);
  return true;
}

}  // namespace web
