// The names and paths that file_server and file_client send each other.
#include "fuzz/fuzz.hpp"
#include "samples/file_transfer/server/accounts.hpp"
#include "samples/file_transfer/wire.hpp"

namespace file_names_fuzz {

using namespace file_transfer;

namespace {

void check_path(const std::string& path) {
  fuzz::require(path.find('\0') == path.npos && !path.starts_with('/'), "no path: " + path);
  if (path.empty()) return;
  const std::string closed = "/" + path + "/";
  for (const std::string_view wrong : {"/../", "/./", "//"}) {
    fuzz::require(closed.find(wrong) == closed.npos, "a path that leads elsewhere: " + path);
  }
  const auto [folder, name] = split_path(path);
  fuzz::require(!name.empty() && name.find('/') == name.npos, "no name: " + name);
  fuzz::require((folder.empty() ? name : folder + "/" + name) == path, "another path: " + path);
}

}  // namespace

void fuzz_one(fuzz::Input input) {
  const std::string_view text = input.rest();
  const std::string encoded = encode_name(text);
  fuzz::require(encoded.size() <= 3 * text.size(), "a name that grew too much");
  for (const char c : encoded) fuzz::require(c >= ' ' && c < 0x7F, "no text: " + encoded);
  fuzz::require(decode_name(encoded) == text, "another name again: " + encoded);

  const auto name = decode_name(text);
  if (name) fuzz::require(name->size() <= text.size(), "a name that grew: " + *name);
  const auto path = decode_path(text);
  fuzz::require(!path || name, "a path of what is no name");
  if (path) check_path(*path);
  if (is_user_name(text)) check_path(std::string(text));
}

const fuzz::Target target("file_names", fuzz_one);

}  // namespace file_names_fuzz
