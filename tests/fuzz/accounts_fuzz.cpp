#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fuzz/fuzz.hpp"
#include "samples/file_transfer/server/accounts.hpp"
#include "samples/support/failed.hpp"

namespace accounts_fuzz {

namespace {

// A file in memory, with a name.
struct File {
  const int fd = memfd_create("accounts", MFD_CLOEXEC);
  const std::string path = "/proc/self/fd/" + std::to_string(fd);

  File() { fuzz::require(fd >= 0 && fchmod(fd, S_IRUSR | S_IWUSR) == 0, "no file in memory"); }

  void write(std::string_view text) const {
    const bool written = ftruncate(fd, 0) == 0 && pwrite(fd, text.data(), text.size(), 0) ==
                                                      static_cast<ssize_t>(text.size());
    fuzz::require(written, "the file is not written");
  }
};

}  // namespace

// A file of accounts is read, or refused by one line: nothing else ends a server.
void fuzz_one(fuzz::Input input) {
  static const File file;
  file.write(input.rest());
  try {
    const auto accounts = file_transfer::Accounts::read(file.path);
    const auto* const ann = accounts.find("ann");
    if (ann) fuzz::require(!accounts.empty(), "an account of none");
  } catch (const samples::Failed& failure) {
    const std::string_view why = failure.what();
    fuzz::require(!why.empty() && why.find('\n') == why.npos, "refused without a line");
  }
  fuzz::require(file_transfer::is_user_name("ann"), "no name");
}

const fuzz::Target target("accounts", fuzz_one);

}  // namespace accounts_fuzz
