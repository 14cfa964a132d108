#include "bench/load/traffic.hpp"

#include <strings.h>

#include <algorithm>
#include <charconv>
#include <random>
#include <stdexcept>

namespace bench {

namespace {

constexpr std::string_view time_format = "%Y-%m-%d %X";

std::string random_text(std::mt19937_64& random, std::size_t size, bool printable) {
  std::string text(size, '\0');
  for (char& byte : text) {
    byte = static_cast<char>(printable ? 'a' + random() % 26 : random() & 0xFF);
  }
  return text;
}

std::string big_endian_32(std::size_t value) {
  return {static_cast<char>(value >> 24), static_cast<char>(value >> 16),
          static_cast<char>(value >> 8), static_cast<char>(value)};
}

std::string request(const Options& options, std::mt19937_64& random) {
  switch (options.protocol) {
    case Protocol::raw:
    case Protocol::udp:
      return random_text(random, options.size, false);
    case Protocol::lines:
      return random_text(random, options.size, true) + '\n';
    case Protocol::length_prefixed:
      return big_endian_32(options.size) + random_text(random, options.size, false);
    case Protocol::http:
      return "GET " + options.path + " HTTP/1.1\r\nHost: localhost\r\n\r\n";
    case Protocol::time:
      return std::string(time_format);
  }
  return {};
}

std::size_t content_length(std::string_view header) {
  if (!header.starts_with("HTTP/1.1 200")) {
    throw std::runtime_error("answered " + std::string(header.substr(0, header.find('\r'))));
  }
  constexpr std::string_view name = "\r\nContent-Length:";
  for (std::size_t at = header.find("\r\n"); at != std::string_view::npos;
       at = header.find("\r\n", at + 2)) {
    if (header.size() - at < name.size()) break;
    if (strncasecmp(header.data() + at, name.data(), name.size()) != 0) continue;
    const char* digits = header.data() + at + name.size();
    while (*digits == ' ') ++digits;
    std::size_t length = 0;
    std::from_chars(digits, header.data() + header.size(), length);
    return length;
  }
  throw std::runtime_error("answered without Content-Length");
}

}  // namespace

Traffic::Traffic(const Options& options) {
  std::mt19937_64 random(options.size);  // The same text in every run of the same benchmark.
  text_ = request(options, random);
  request_bytes_ = text_.size();
  // Small enough to stay in the cache; longer if any two messages have to differ.
  const std::size_t fewest = options.verify || options.datagrams() ? 67 : 5;
  const std::size_t count = std::max(fewest, (std::size_t{64} << 10) / request_bytes_ | 1);
  for (std::size_t i = 1; i < count; ++i) text_ += request(options, random);
  echoed_ = options.protocol != Protocol::http && options.protocol != Protocol::time;
}

std::size_t HttpAnswers::feed(std::string_view bytes) {
  constexpr std::string_view end_of_header = "\r\n\r\n";
  std::size_t answers = 0;
  while (!bytes.empty()) {
    if (body_left_ > 0) {
      const std::size_t taken = std::min(body_left_, bytes.size());
      if (verify_) check(bytes.substr(0, taken));
      bytes.remove_prefix(taken);
      body_left_ -= taken;
      if (body_left_ > 0) break;
      ++answers;
      is_first_ = false;
      continue;
    }
    std::string_view header = bytes;
    const std::size_t kept = header_.size();
    if (kept > 0) header = header_ += bytes;
    const std::size_t end = header.find(end_of_header, kept < 3 ? 0 : kept - 3);
    if (end == std::string_view::npos) {
      if (kept == 0) header_ = bytes;
      break;
    }
    const std::size_t header_bytes = end + end_of_header.size();
    begin_body(content_length(header.substr(0, header_bytes)));
    bytes.remove_prefix(header_bytes - kept);
    header_.clear();
    if (body_left_ > 0) continue;
    ++answers;
    is_first_ = false;
  }
  return answers;
}

void HttpAnswers::begin_body(std::size_t size) {
  if (verify_ && !is_first_ && size != body_.size()) {
    throw std::runtime_error("an answer is of another size than the first");
  }
  body_left_ = size;
}

void HttpAnswers::check(std::string_view piece) {
  if (is_first_) {
    body_ += piece;
  } else if (!std::string_view(body_).substr(body_.size() - body_left_).starts_with(piece)) {
    throw std::runtime_error("an answer differs from the first");
  }
}

bool is_time(std::string_view answer) {
  constexpr std::string_view pattern = "0000-00-00 00:00:00";
  return std::equal(answer.begin(), answer.end(), pattern.begin(), pattern.end(),
                    [](char c, char p) { return p == '0' ? c >= '0' && c <= '9' : c == p; });
}

}  // namespace bench
