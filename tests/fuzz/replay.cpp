// Runs a fuzz target over the files of a folder: the corpus, in the suite, with any compiler.
#include <filesystem>
#include <fstream>

#include "fuzz/fuzz.hpp"

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "usage: %s TARGET FOLDER\n", argv[0]);
    return 2;
  }
  const fuzz::Target* target = fuzz::Target::first;
  while (target != nullptr && target->name != argv[1]) target = target->next;
  if (target == nullptr) {
    std::fprintf(stderr, "there is no target %s\n", argv[1]);
    return 2;
  }
  int count = 0;
  for (const auto& entry : std::filesystem::directory_iterator(argv[2])) {
    std::ifstream file(entry.path(), std::ios::binary);
    const std::string bytes(std::istreambuf_iterator<char>(file), {});
    target->run(fuzz::Input(bytes));
    ++count;
  }
  std::printf("%d inputs\n", count);
  return count > 0 ? 0 : 1;
}
