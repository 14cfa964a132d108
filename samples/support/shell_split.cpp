#include "samples/support/shell_split.hpp"

namespace samples {

std::optional<std::vector<std::string>> shell_split(std::string_view line) {
  std::vector<std::string> words;
  bool in_word = false;
  char quote = '\0';
  for (std::size_t at = 0; at < line.size(); ++at) {
    const char letter = line[at];
    const bool blank = letter == ' ' || letter == '\t';
    if (!quote && blank) {
      in_word = false;
      continue;
    }
    if (!in_word) words.emplace_back();
    in_word = true;
    if (letter == '\\' && quote != '\'') {
      if (++at == line.size()) return std::nullopt;
      words.back() += line[at];
    } else if (quote ? letter == quote : letter == '\'' || letter == '"') {
      quote = quote ? '\0' : letter;
    } else {
      words.back() += letter;
    }
  }
  if (quote) return std::nullopt;
  return words;
}

}  // namespace samples
