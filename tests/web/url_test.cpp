#include "web/url.hpp"

#include <doctest/doctest.h>

#include <string>

using web::parse_url;
using web::resolve;

namespace {

std::string parsed(std::string_view text) {
  const auto url = parse_url(text);
  return url ? url->text() : "error: " + url.error();
}

std::string resolved(std::string_view reference, std::string_view base = "http://h/1/2/3?q") {
  const auto url = resolve(*parse_url(base), reference);
  return url ? url->text() : "error: " + url.error();
}

bool is_error(const std::string& text) { return text.starts_with("error: "); }

}  // namespace

TEST_SUITE("Url") {
  TEST_CASE("an absolute URL is split into the parts that a client needs") {
    const auto url = parse_url("http://Example.org:8080/a?b#c");
    REQUIRE(url);
    CHECK(url->host == "example.org:8080");
    CHECK(url->endpoint == "example.org:8080");
    CHECK(url->target == "/a?b");
    CHECK(parse_url("http://h")->endpoint == "h:80");
    CHECK(parse_url("http://[2001:DB8::1]:81/")->endpoint == "[2001:db8::1]:81");
  }

  TEST_CASE("https has a default port of its own, and is another origin") {
    const auto url = parse_url("HTTPS://Example.org/a");
    REQUIRE(url);
    CHECK(url->secure);
    CHECK(url->endpoint == "example.org:443");
    CHECK(url->text() == "https://example.org/a");
    CHECK(parsed("https://h:443/") == "https://h/");
    CHECK(parsed("https://h:80/") == "https://h:80/");
    CHECK(parsed("http://h:443/") == "http://h:443/");
    CHECK(parse_url("https://h/")->origin() != parse_url("http://h/")->origin());
    CHECK(parse_url("https://[::1]:81/")->name() == "::1");
    CHECK(resolved("https://other/x") == "https://other/x");
    CHECK(resolved("//other/x", "https://h/1") == "https://other/x");
    CHECK(resolved("x", "https://h/1") == "https://h/x");
    CHECK(resolved("http:x", "https://h/1") == "http://x/");
  }

  TEST_CASE("an empty path becomes a slash, and port 80 is omitted") {
    CHECK(parsed("http://h") == "http://h/");
    CHECK(parsed("HTTP://h?q") == "http://h/?q");
    CHECK(parsed("http://h:80/") == "http://h/");
    CHECK(parsed("http://h:/") == "http://h/");
    CHECK(parsed("http://h:00081/") == "http://h:81/");
    CHECK(parsed("http://h#?f") == "http://h/");
  }

  TEST_CASE(
      "blanks around a URL and line ends inside it are removed, and a space inside is encoded") {
    CHECK(parsed(" \t http://h/a \r\n") == "http://h/a");
    CHECK(parsed("ht\ttp://h/a\nb\r\tc") == "http://h/abc");
    CHECK(parsed("http://h/a b?c d") == "http://h/a%20b?c%20d");
    CHECK(parsed(std::string("\x01http://h/\0b\x1f", 13)) == "http://h/%00b");
  }

  TEST_CASE("bytes that are not ASCII are percent-encoded, whether UTF-8 or not") {
    CHECK(parsed("http://h/é?ü=日本") == "http://h/%C3%A9?%C3%BC=%E6%97%A5%E6%9C%AC");
    CHECK(parsed("http://h/caf\xe9") == "http://h/caf%E9");
    CHECK(parsed("http://h/a\x7f") == "http://h/a%7F");
  }

  TEST_CASE("percent-encoded bytes stay as they are") {
    CHECK(parsed("http://h/%C3%A9%20%zz%?%27%") == "http://h/%C3%A9%20%zz%?%27%");
  }

  TEST_CASE("the path and the query each have their own set of characters to encode") {
    CHECK(parsed("http://h/\"<>`{}^|'[]~") == "http://h/%22%3C%3E%60%7B%7D%5E|'[]~");
    CHECK(parsed("http://h/?\"<>`{}^|'[]~\\?/../") == "http://h/?%22%3C%3E`{}^|%27[]~\\?/../");
  }

  TEST_CASE("a backslash before the query is a slash") {
    CHECK(parsed("http:\\\\h\\a\\..\\b?\\") == "http://h/b?\\");
    CHECK(resolved("\\\\other\\x") == "http://other/x");
    CHECK(resolved("\\x") == "http://h/x");
  }

  TEST_CASE("dot segments are resolved, also encoded ones, and never go above the root") {
    CHECK(parsed("http://h/a/./b/../c/..") == "http://h/a/");
    CHECK(parsed("http://h/%2e/a/%2E%2e/.%2e/b") == "http://h/b");
    CHECK(parsed("http://h/../../x") == "http://h/x");
    CHECK(parsed("http://h/a//b/...") == "http://h/a//b/...");
  }

  TEST_CASE("a reference is resolved as in browsers") {
    CHECK(resolved("x") == "http://h/1/2/x");
    CHECK(resolved("../x/./y") == "http://h/1/x/y");
    CHECK(resolved("/x") == "http://h/x");
    CHECK(resolved("?x") == "http://h/1/2/3?x");
    CHECK(resolved("") == "http://h/1/2/3?q");
    CHECK(resolved("#f") == "http://h/1/2/3?q");
    CHECK(resolved("//other:81") == "http://other:81/");
    CHECK(resolved("http://other/x") == "http://other/x");
    CHECK(resolved("http:x") == "http://h/1/2/x");
    CHECK(resolved("http:/x") == "http://h/x");
    CHECK(resolved("///other/x") == "http://other/x");
    CHECK(resolved("a:b/c").starts_with("error: it begins with a:"));
    CHECK(resolved("./a:b") == "http://h/1/2/a:b");
    CHECK(resolved("1:b") == "http://h/1/2/1:b");
    CHECK(resolved("é/a b\tc") == "http://h/1/2/%C3%A9/a%20bc");
    CHECK(resolved("  /x  ") == "http://h/x");
  }

  TEST_CASE("a URL that is no http URL is refused with the reason") {
    for (const char* text : {"",
                             "h",
                             "/a",
                             "http://",
                             "http:///",
                             "http://?q",
                             "http://:80/",
                             "ftp://h/",
                             "javascript:alert(1)",
                             "http://u:p@h/",
                             "http://u@h/",
                             "http://h:x/",
                             "http://h:65536/",
                             "http://h:-1/",
                             "http://h h/",
                             "http://h%20h/",
                             "http://h<b>/",
                             "http://[::1/",
                             "http://[::g]/",
                             "http://::1/",
                             "http://a..b/",
                             "http://.a/",
                             "http://\xff/",
                             "http://%00/",
                             "http://a%2fb/",
                             "http://a%25b/",
                             "localhost:8080/x",
                             "http://h\x01/",
                             "http://b\u00FCcher.example/",
                             "http://./"}) {
      CAPTURE(text);
      CHECK(is_error(parsed(text)));
    }
    CHECK(parsed("ftp://h/") == "error: it begins with ftp:");
    CHECK(parsed("localhost:80") == "error: it does not begin with http://");
    CHECK(resolved("http://u@h/") == "error: it has a user in it");
  }
}
