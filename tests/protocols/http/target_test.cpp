#include "protocols/http/target.hpp"

#include <doctest/doctest.h>

using protocols::http::decode_path;
using protocols::http::encode_path;
using protocols::http::is_target;
using protocols::http::parse_authority;
using protocols::http::parse_target;
using protocols::http::TargetForm;

TEST_SUITE("http/target") {
  TEST_CASE("a path is split from its query") {
    const auto target = parse_target("GET", "/a/b?c=d?e");
    REQUIRE(target);
    CHECK(target->form == TargetForm::origin);
    CHECK(target->path == "/a/b");
    CHECK(target->query == "c=d?e");
  }

  TEST_CASE("an absolute target has a scheme and an authority") {
    const auto target = parse_target("GET", "http://example.org:80/a?b");
    REQUIRE(target);
    CHECK(target->form == TargetForm::absolute);
    CHECK(target->scheme == "http");
    CHECK(target->authority.host == "example.org");
    CHECK(target->authority.port == "80");
    CHECK(target->path == "/a");
    CHECK(target->query == "b");
    CHECK(parse_target("GET", "http://a?b")->path == "");
    CHECK(parse_target("GET", "http://[::1]")->authority.host == "[::1]");
  }

  TEST_CASE("each form of target is allowed only for its methods") {
    CHECK(is_target("OPTIONS", "*"));
    CHECK_FALSE(is_target("GET", "*"));
    CHECK(is_target("CONNECT", "example.org:443"));
    CHECK_FALSE(is_target("CONNECT", "example.org"));
    CHECK_FALSE(is_target("CONNECT", "/"));
    CHECK(is_target("CONNECT", "example.org:65535"));
    CHECK_FALSE(is_target("CONNECT", "example.org:65536"));
    CHECK_FALSE(is_target("CONNECT", "example.org:4294967739"));
    CHECK_FALSE(is_target("GET", "example.org:443"));
    CHECK(is_target("GET", "//a"));
    for (const char* target : {"a", "a/b", "http:/a", "http://", "http:///a", "://a", "1://a",
                               "s://]a/", "http://u@a/"}) {
      CAPTURE(target);
      CHECK_FALSE(is_target("GET", target));
    }
  }

  TEST_CASE("an authority is a host and an optional port") {
    CHECK(parse_authority("a.b:80")->port == "80");
    CHECK(parse_authority("a:")->port == "");
    CHECK(parse_authority("a%41b")->host == "a%41b");
    for (const char* text :
         {"", ":80", "a:b", "a:80:90", "a/b", "a@b", "a%4", "[]", "[::1", "[::1]a", "[g/]"}) {
      CAPTURE(text);
      CHECK_FALSE(parse_authority(text));
    }
  }

  TEST_CASE("between brackets is an IPv6 address, or one of a future version") {
    for (const char* text : {"[::]", "[::1]", "[1::]", "[fe80::a:B]", "[1:2:3:4:5:6:7:8]",
                             "[::2:3:4:5:6:7:8]", "[1:2:3:4:5:6:7::]", "[::ffff:192.0.2.1]",
                             "[1:2:3:4:5:6:192.0.2.1]", "[v1.a:b]", "[VfF.~]"}) {
      CAPTURE(text);
      CHECK(parse_authority(text));
    }
    for (const char* text : {"[:]",
                             "[:::]",
                             "[:1]",
                             "[1:]",
                             "[1::2::3]",
                             "[g::1]",
                             "[12345::]",
                             "[1:2:3:4:5:6:7]",
                             "[1:2:3:4:5:6:7:8:9]",
                             "[1:2:3:4:5:6:7::8]",
                             "[192.0.2.1]",
                             "[::192.0.2.1:1]",
                             "[::192.0.2]",
                             "[::192.0.2.256]",
                             "[::192.0.2.01]",
                             "[1:2:3:4:5:6:7:192.0.2.1]",
                             "[fe80::1%25lo]",
                             "[v.a]",
                             "[vg.a]",
                             "[v1.]",
                             "[v1]",
                             "[v1.a/b]",
                             "[::1]]"}) {
      CAPTURE(text);
      CHECK_FALSE(parse_authority(text));
    }
  }

  TEST_CASE("a path is decoded once") {
    CHECK(decode_path("/a%20b/%41%2E%e9") == "/a b/A.\xE9");
    CHECK(decode_path("/100%2525") == "/100%25");
    CHECK(decode_path("/a+b;c") == "/a+b;c");
  }

  TEST_CASE("empty segments are removed, and the last slash stays") {
    CHECK(decode_path("") == "/");
    CHECK(decode_path("/") == "/");
    CHECK(decode_path("//a///b//") == "/a/b/");
    CHECK(decode_path("a") == "/a");
  }

  TEST_CASE("no encoding leads outside of the folder") {
    for (const char* path : {"/..", "/.", "/a/../b", "/%2e%2e/a", "/.%2E", "/%2e", "/..%2fa",
                             "/a%2Fb", "/a%00", "/%", "/%2", "/%zz", "/%-1"}) {
      CAPTURE(path);
      CHECK_FALSE(decode_path(path));
    }
    CHECK(decode_path("/...") == "/...");
    CHECK(decode_path("/..a") == "/..a");
    CHECK(decode_path("/..%5ca") == "/..\\a");  // A name like any other where only `/` separates.
    CHECK(decode_path("/a\\..\\b") == "/a\\..\\b");
    CHECK(decode_path("/%252e%252e") == "/%2e%2e");
    CHECK(decode_path("/%c0%ae%c0%ae/") == "/\xC0\xAE\xC0\xAE/");
  }

  TEST_CASE("decoding restores an encoded path") {
    CHECK(encode_path("/a b?\"<\xFF%") == "/a%20b%3F%22%3C%FF%25");
    std::string every = "/";
    for (int byte = 1; byte < 256; ++byte) {
      if (byte != '/') every += static_cast<char>(byte);
    }
    CHECK(decode_path(encode_path(every)) == every);
  }
}
