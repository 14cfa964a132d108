#include "samples/support/words.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

using samples::split_words;
using Words = std::vector<std::string>;

TEST_SUITE("words") {
  TEST_CASE("blanks are between words") {
    CHECK(*split_words("") == Words{});
    CHECK(*split_words(" \t ") == Words{});
    CHECK(*split_words("ls -l  file\t") == Words{"ls", "-l", "file"});
  }

  TEST_CASE("what is quoted is one word, also when it is empty, and with what touches it") {
    CHECK(*split_words("'a b' \"c d\"") == Words{"a b", "c d"});
    CHECK(*split_words("a'b c'd\"e f\"g") == Words{"ab cde fg"});
    CHECK(*split_words("'' \"\" x") == Words{"", "", "x"});
    CHECK(*split_words("'\"' \"'\"") == Words{"\"", "'"});
  }

  TEST_CASE("a backslash makes of any character itself, but between single quotes is one") {
    CHECK(*split_words("a\\ b \\\\ \\' \\\"") == Words{"a b", "\\", "'", "\""});
    CHECK(*split_words("\"a\\\"b\" 'a\\'") == Words{"a\"b", "a\\"});
    CHECK(*split_words("\\a") == Words{"a"});
  }

  TEST_CASE("nothing else is special") {
    CHECK(*split_words("$HOME `ls` * ; | > #x") ==
          Words{"$HOME", "`ls`", "*", ";", "|", ">", "#x"});
  }

  TEST_CASE("a quotation that is not closed is no line") {
    for (const char* line : {"'", "\"", "a 'b", "\"a\\\"", "a\\", "'a\\", "'\"'\""}) {
      CAPTURE(line);
      CHECK_FALSE(split_words(line));
    }
  }
}
