// Measures a decoder, or a loop by hand that does the same, on a stream that is in the cache.
#include <CLI/CLI.hpp>

#include <cstdio>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "bench/micro/by_hand.hpp"
#include "bench/micro/micro.hpp"
#include "protocols/cobs.hpp"
#include "protocols/delimited.hpp"
#include "protocols/fixed.hpp"
#include "protocols/json_header.hpp"
#include "protocols/length_prefixed.hpp"
#include "protocols/lines.hpp"
#include "protocols/netstring.hpp"
#include "protocols/slip.hpp"

namespace {

using namespace protocols;

/// Handles each frame: does as little as possible that still uses it.
struct Consumer {
  std::uint64_t frames = 0;
  std::uint64_t bytes = 0;
  std::uint64_t first_bytes = 0;

  void operator()(Bytes frame) {
    ++frames;
    bytes += frame.size();
    first_bytes += std::to_integer<std::uint64_t>(frame.front());
  }
  void operator()(std::string_view frame) { (*this)(as_bytes(frame)); }
  void operator()(const JsonMessage& message) { (*this)(message.payload); }
};

template <class D>
struct Decoding {
  D decoder;
  void feed(Bytes chunk, Consumer& consumer) {
    decoder.feed(chunk);
    decoder.drain([&](const typename D::Frame& frame) {
      consumer(frame);
      return true;
    });
  }
};

struct Job {
  std::size_t frame_bytes;
  std::size_t chunk_bytes;
};

using Stream = std::vector<std::byte>;

std::vector<std::byte> frame_of(std::size_t bytes) {
  std::vector<std::byte> frame(bytes);
  for (std::size_t i = 0; i < bytes; ++i) frame[i] = static_cast<std::byte>('a' + i % 26);
  return frame;
}

constexpr std::size_t stream_bytes = 1 << 20;

// A stream of whole frames of this size, about a MiB long.
template <class Append>
Stream stream_of(std::size_t frame_bytes, Append append) {
  const std::vector<std::byte> frame = frame_of(frame_bytes);
  Stream stream;
  while (stream.size() < stream_bytes) append(stream, Bytes(frame));
  return stream;
}

template <class Reader>
bench::Figures measure(const Stream& stream, Job job, Reader reader) {
  constexpr int rounds = 21;
  std::vector<double> each;
  for (int round = 0; round < rounds; ++round) {
    Consumer consumer;
    const double took = bench::nanoseconds_each(1, [&] {
      for (Bytes rest = stream; !rest.empty();) {
        const Bytes chunk = rest.first(std::min(job.chunk_bytes, rest.size()));
        reader.feed(chunk, consumer);
        rest = rest.subspan(chunk.size());
      }
    });
    if (consumer.bytes != consumer.frames * job.frame_bytes || consumer.frames == 0 ||
        consumer.first_bytes != consumer.frames * 'a') {
      std::fprintf(stderr, "error: the frames are not those that were sent\n");
      std::exit(1);
    }
    each.push_back(took / static_cast<double>(consumer.frames));
  }
  bench::Figures figures;
  const double nanoseconds = bench::median(std::move(each));
  figures.add("frame", nanoseconds);
  figures.add("rate", static_cast<double>(job.frame_bytes) / nanoseconds);
  return figures;
}

template <class Append, class Decoder, class ByHand>
std::function<void(Job, bool)> protocol(Append append, Decoder decoder, ByHand by_hand) {
  return [=](Job job, bool hand) {
    const Stream stream = stream_of(job.frame_bytes, append);
    const auto figures = hand ? measure(stream, job, bench::ByHand(by_hand))
                              : measure(stream, job, Decoding<Decoder>{decoder});
    figures.print();
  };
}

PayloadSize size_in_digits(std::string_view header) {
  std::uint64_t size = 0;
  for (const char digit : header) size = size * 10 + static_cast<std::uint64_t>(digit - '0');
  return size;
}

constexpr std::size_t most = 1 << 20;

// Every protocol of the library; only here a fixed size is known.
std::map<std::string, std::function<void(Job, bool)>> protocols_of(std::size_t frame_bytes) {
  const Delimited delimited{.delimiters = {"\r\n\r\n"}, .max_frame_bytes = most};
  return {
      {"lines", protocol([](Stream& out, Bytes frame) { (void)append_line(out, as_text(frame)); },
                         LineDecoder({.max_line_bytes = most}), bench::LinesByHand{most})},
      {"delimited",
       protocol([=](Stream& out, Bytes frame) { (void)append_delimited(out, frame, delimited); },
                DelimitedDecoder(delimited), bench::DelimitedByHand{most})},
      {"fixed",
       protocol([](Stream& out,
                   Bytes frame) { (void)append_fixed(out, frame, {.frame_bytes = frame.size()}); },
                FixedDecoder({.frame_bytes = frame_bytes}), bench::FixedByHand{frame_bytes})},
      {"length_prefixed",
       protocol([](Stream& out, Bytes frame) { (void)append_length_prefixed(out, frame); },
                LengthPrefixedDecoder(), bench::LengthPrefixedByHand{most})},
      {"netstring", protocol([](Stream& out, Bytes frame) { append_netstring(out, frame); },
                             NetstringDecoder(), bench::NetstringByHand{most})},
      {"json_header", protocol(
                          [](Stream& out, Bytes frame) {
                            append_json_header(out, std::to_string(frame.size()));
                            out.insert(out.end(), frame.begin(), frame.end());
                          },
                          JsonHeaderDecoder({.read_payload_size = size_in_digits}),
                          bench::JsonHeaderByHand{most})},
      {"cobs", protocol([](Stream& out, Bytes frame) { append_cobs(out, frame); },
                        CobsDecoder({.max_payload_bytes = most}), bench::CobsByHand{most})},
      {"slip", protocol([](Stream& out, Bytes frame) { (void)append_slip(out, frame); },
                        SlipDecoder({.max_payload_bytes = most}), bench::SlipByHand{most})},
  };
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("Cuts a stream into frames and prints what a frame costs, as JSON.");
  std::string name = "length_prefixed";
  Job job{256, 65536};
  bool by_hand = false;
  app.add_option("--protocol", name, "which decoder")->capture_default_str();
  app.add_option("--frame", job.frame_bytes, "bytes of a frame's content")->capture_default_str();
  app.add_option("--chunk", job.chunk_bytes, "bytes fed at once")->capture_default_str();
  app.add_flag("--by-hand", by_hand, "a loop that does the same instead");
  CLI11_PARSE(app, argc, argv);
  const auto protocols = protocols_of(job.frame_bytes);
  const auto chosen = protocols.find(name);
  if (chosen == protocols.end()) {
    std::fprintf(stderr, "error: no decoder named %s\n", name.c_str());
    return 2;
  }
  bench::pin_to_core(0);
  chosen->second(job, by_hand);
}
