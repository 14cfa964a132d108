// The entry point of libFuzzer, which makes up inputs for the program's only target.
#include "fuzz/fuzz.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Target::first->run(fuzz::Input({reinterpret_cast<const char*>(data), size}));
  return 0;
}
