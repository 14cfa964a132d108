// What a program prints, kept for a look at it.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include "fuzz/fuzz.hpp"

namespace fuzz {

/// Takes the place of `stdout` or `stderr` as long as it lives.
class Captured {
 public:
  explicit Captured(std::FILE*& stream)
      : stream_(stream), kept_(stream), file_(open_memstream(&text_, &size_)) {
    require(file_ != nullptr, "no memory for the output");
    stream = file_;
  }
  Captured(const Captured&) = delete;
  Captured& operator=(const Captured&) = delete;
  ~Captured() {
    stream_ = kept_;
    std::fclose(file_);
    std::free(text_);
  }

  std::string_view text() {
    std::fflush(file_);
    return {text_, size_};
  }

  /// Nothing but lines of text may reach a terminal.
  void check() {
    for (const char c : text()) {
      const auto byte = static_cast<unsigned char>(c);
      require((byte >= 0x20 && byte != 0x7F) || c == '\n',
              "a control character is printed: " + std::to_string(byte));
    }
  }

 private:
  char* text_ = nullptr;
  std::size_t size_ = 0;
  std::FILE*& stream_;
  std::FILE* kept_;
  std::FILE* file_;
};

}  // namespace fuzz
