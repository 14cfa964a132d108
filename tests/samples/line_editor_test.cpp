#include "samples/support/line_editor.hpp"

#include <doctest/doctest.h>

#include <string>
#include <string_view>

using samples::LineEditor;

TEST_SUITE("line_editor") {
  static const std::string up = "\x1b[A", down = "\x1b[B", right = "\x1b[C", left = "\x1b[D";

  // The lines that result from these keys, typed all together and one byte after the other.
  static std::string lines(const std::string& keys) {
    LineEditor at_once("> "), slowly("> ");
    std::string slow_lines;
    for (const char key : keys) slow_lines += slowly.type({&key, 1}).lines;
    const std::string fast_lines = at_once.type(keys).lines;
    CHECK(slow_lines == fast_lines);
    return fast_lines;
  }

  TEST_CASE("lines contain what is typed, and end with CR or LF") {
    CHECK(lines("one\rtwo\nthree") == "one\ntwo\n");
    CHECK(lines("\r\r") == "\n\n");
    CHECK(lines("Gr\u00fc\u00dfe \U0001f600\r") == "Gr\u00fc\u00dfe \U0001f600\n");
  }

  TEST_CASE("the cursor moves by characters, and text is inserted and erased at the cursor") {
    CHECK(lines("ac" + left + "b\r") == "abc\n");
    CHECK(lines("abc\x01x\x05y\r") == "xabcy\n");
    CHECK(lines("bc\x1b[Ha\x1b[Fd\x1bOHx\r") == "xabcd\n");
    CHECK(lines("a\u20ac\u00fc" + left + left + "x" + right + "y\r") == "ax\u20acy\u00fc\n");
    CHECK(lines("a\u20ac\x7f"
                "b\x08"
                "c\r") == "ac\n");
    CHECK(lines("a\u20ac"
                "b\x01" +
                right + "\x1b[3~\x04\r") == "a\n");
    CHECK(lines("abcd" + left + left + "\x0b\r") == "ab\n");
    CHECK(lines("abcd" + left + left + "\x15\r") == "cd\n");
  }

  TEST_CASE("keys have no effect beyond the ends of the line and of the history") {
    CHECK(lines("\x7f\x08" + left + left + "a" + right + right + "b\x1b[3~\x04\r") == "ab\n");
    CHECK(lines(up + down + "a\r" + up + up + up + "b\r") == "a\nab\n");
    CHECK(lines("a\r" + down + "b\r") == "a\nb\n");
  }

  TEST_CASE("the history returns lines that were typed, and the new one") {
    CHECK(lines("one\rtwo\r" + up + "\r" + up + up + "\r") == "one\ntwo\ntwo\none\n");
    CHECK(lines("one\rtwo\r" + up + up + down + "\r") == "one\ntwo\ntwo\n");
    CHECK(lines("one\rnew" + up + down + "er\r") == "one\nnewer\n");
    CHECK(lines("one\r" + up + "!\r" + up + up + "\r") == "one\none!\none\n");
    CHECK(lines("one\rone\r\r" + up + up + "\r") == "one\none\n\none\n");
  }

  TEST_CASE("Ctrl-C drops the line, and Ctrl-D ends the input if the line is empty") {
    CHECK(lines("abc\x03"
                "d\r") == "d\n");
    LineEditor editor("> ");
    CHECK_FALSE(editor.type("a\x04").ended);
    const LineEditor::Typed typed = editor.type(
        "\rb\x7f\x04"
        "c\r");
    CHECK(typed.ended);
    CHECK(typed.lines == "a\n");
  }

  TEST_CASE("other control characters and unknown sequences are ignored") {
    CHECK(lines("a\t\x07\x1b[5~b\x1b[1;5Zc\x1bxd\r") == "abcd\n");
  }

  TEST_CASE("the screen shows prompt, line and cursor") {
    LineEditor editor("> ");
    CHECK(editor.redraw() == "\r\x1b[J> ");
    CHECK(editor
              .type("\u20ac"
                    "bc")
              .screen ==
          "\r\x1b[J> \u20ac"
          "bc");
    CHECK(editor.type(left + left).screen ==
          "\r\x1b[J> \u20ac"
          "bc\r\x1b[3C");
    CHECK(editor.type("\r").screen ==
          "\r\x1b[J> \u20ac"
          "bc\r\n");
    CHECK(editor.redraw() == "\r\x1b[J> ");
  }
}
