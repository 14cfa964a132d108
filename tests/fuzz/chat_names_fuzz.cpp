#include "fuzz/fuzz.hpp"
#include "samples/chat/names.hpp"
#include "samples/support/unicode.hpp"

namespace chat_names_fuzz {

// Names that are made of the same characters, but for their case, look alike; and so do two that
// consist of parts that look alike.
void fuzz_one(fuzz::Input input) {
  const std::string_view name = input.rest();
  (void)chat::is_visible(name);
  (void)chat::has_variants(name);
  const std::string skeleton = chat::skeleton(name);
  fuzz::require(skeleton.size() <= 3 * name.size(), "a skeleton that grew too much: " + skeleton);
  std::string upper(name), parts;
  for (char& c : upper) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  fuzz::require(chat::skeleton(upper) == skeleton, "the case makes a difference: " + skeleton);
  for (std::string_view rest = name; !rest.empty();) {
    const std::size_t size = samples::decode(rest).size;
    parts += chat::skeleton(rest.substr(0, size));
    rest.remove_prefix(size);
  }
  fuzz::require(parts == skeleton, "a part looks otherwise in a name: " + skeleton);
}

const fuzz::Target target("chat_names", fuzz_one);

}  // namespace chat_names_fuzz
