#include "samples/support/shell_split.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

using samples::shell_split;
using Words = std::vector<std::string>;

TEST_SUITE("shell_split") {
  TEST_CASE("blanks separate words") {
    CHECK(*shell_split("") == Words{});
    CHECK(*shell_split(" \t ") == Words{});
    CHECK(*shell_split("ls -l  file\t") == Words{"ls", "-l", "file"});
  }

  TEST_CASE("quoted text is one word, also if it is empty, together with the adjacent characters") {
    CHECK(*shell_split("'a b' \"c d\"") == Words{"a b", "c d"});
    CHECK(*shell_split("a'b c'd\"e f\"g") == Words{"ab cde fg"});
    CHECK(*shell_split("'' \"\" x") == Words{"", "", "x"});
    CHECK(*shell_split("'\"' \"'\"") == Words{"\"", "'"});
  }

  TEST_CASE(
      "a backslash makes any character literal, and is itself literal between single quotes") {
    CHECK(*shell_split("a\\ b \\\\ \\' \\\"") == Words{"a b", "\\", "'", "\""});
    CHECK(*shell_split("\"a\\\"b\" 'a\\'") == Words{"a\"b", "a\\"});
    CHECK(*shell_split("\\a") == Words{"a"});
  }

  TEST_CASE("no other character is special") {
    CHECK(*shell_split("$HOME `ls` * ; | > #x") ==
          Words{"$HOME", "`ls`", "*", ";", "|", ">", "#x"});
  }

  TEST_CASE("a line with an open quotation is refused") {
    for (const char* line : {"'", "\"", "a 'b", "\"a\\\"", "a\\", "'a\\", "'\"'\""}) {
      CAPTURE(line);
      CHECK_FALSE(shell_split(line));
    }
  }
}
