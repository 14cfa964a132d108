// A program of another project that uses the library. tests/project/consumer_test.py builds it.
#include <protocols/lines.hpp>
#include <reactor/loop.hpp>
#include <reactor/timer.hpp>

#include <cstdio>
#include <span>

int main() {
  reactor::Loop loop;
  int ticks = 0;
  auto timer = reactor::Timer::after(loop, std::chrono::milliseconds(1), [&] { ++ticks; });
  loop.run();

  protocols::LineDecoder decoder;
  decoder.feed(std::as_bytes(std::span("one\ntwo\n", 8)));
  int lines = 0;
  while (decoder.next()) ++lines;

  std::printf("%d tick, %d lines\n", ticks, lines);
}
