#include "protocols/websocket/mask.hpp"

#include <cstdint>
#include <cstring>

namespace protocols::inline v0::websocket {
namespace {

using Word = std::uint64_t;
constexpr std::size_t words_at_once = 4;

}  // namespace

// By memcpy a place may have any alignment, and the order of the bytes in a word does not matter.
void mask(std::byte* out, Bytes in, MaskKey key) {
  Word mask;
  std::memcpy(&mask, key.data(), key.size());
  std::memcpy(reinterpret_cast<std::byte*>(&mask) + key.size(), key.data(), key.size());

  const std::byte* from = in.data();
  std::size_t left = in.size();
  for (; left >= words_at_once * sizeof(Word); left -= words_at_once * sizeof(Word)) {
    Word words[words_at_once];
    std::memcpy(words, from, sizeof words);
    for (Word& word : words) word ^= mask;
    std::memcpy(out, words, sizeof words);
    from += sizeof words;
    out += sizeof words;
  }
  for (; left >= sizeof(Word); left -= sizeof(Word)) {
    Word word;
    std::memcpy(&word, from, sizeof word);
    word ^= mask;
    std::memcpy(out, &word, sizeof word);
    from += sizeof word;
    out += sizeof word;
  }
  for (std::size_t i = 0; i < left; ++i) out[i] = from[i] ^ key[i % key.size()];
}

MaskKey key_after(MaskKey key, std::size_t size) {
  MaskKey moved;
  for (std::size_t i = 0; i < key.size(); ++i) moved[i] = key[(size + i) % key.size()];
  return moved;
}

}  // namespace protocols::websocket
