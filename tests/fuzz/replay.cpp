// Runs a fuzz target over the committed inputs of its corpus, in the suite, with any compiler.
#include <fstream>

#include "fuzz/fuzz.hpp"

namespace {

// The bytes of a line: what follows a backslash is one of \\, \n, \r, \t, \xHH.
std::string unescaped(const std::string& line) {
  std::string bytes;
  for (std::size_t i = 0; i < line.size(); ++i) {
    if (line[i] != '\\') {
      bytes += line[i];
    } else if (line[++i] == 'x') {
      bytes += static_cast<char>(std::stoi(line.substr(i + 1, 2), nullptr, 16));
      i += 2;
    } else {
      bytes += line[i] == 'n' ? '\n' : line[i] == 'r' ? '\r' : line[i] == 't' ? '\t' : line[i];
    }
  }
  return bytes;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "usage: %s TARGET FILE\n", argv[0]);
    return 2;
  }
  const fuzz::Target* target = fuzz::Target::first;
  while (target != nullptr && target->name != argv[1]) target = target->next;
  if (target == nullptr) {
    std::fprintf(stderr, "there is no target %s\n", argv[1]);
    return 2;
  }
  int count = 0;
  std::ifstream file(argv[2]);
  for (std::string line; std::getline(file, line); ++count) {
    const std::string bytes = unescaped(line);
    target->run(fuzz::Input(bytes));
  }
  std::printf("%d inputs\n", count);
  return count > 0 ? 0 : 1;
}
