#include "fuzz/fuzz.hpp"
#include "samples/support/shell_split.hpp"

namespace shell_split_fuzz {

namespace {

std::string quote(const std::string& word) {
  std::string quoted = "\"";
  for (const char letter : word) {
    if (letter == '"' || letter == '\\') quoted += '\\';
    quoted += letter;
  }
  return quoted + '"';
}

}  // namespace

// What is split is what it was when its words are quoted and split again.
void fuzz_one(fuzz::Input input) {
  const auto words = samples::shell_split(input.rest());
  if (!words) return;
  std::string line;
  std::size_t letters = 0;
  for (const std::string& word : *words) {
    line += quote(word) + " ";
    letters += word.size();
  }
  fuzz::require(letters <= input.rest().size(), "words of what is not in the line");
  fuzz::require(samples::shell_split(line) == words, "other words than were quoted: " + line);
}

const fuzz::Target target("shell_split", fuzz_one);

}  // namespace shell_split_fuzz
