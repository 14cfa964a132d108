#include "samples/http_get/host.hpp"

#include <doctest/doctest.h>

#include <string>

#include "web/url.hpp"

using http_get::ascii_host;

namespace host_test {
namespace {

std::string host(std::string_view text) {
  const auto ascii = ascii_host(text);
  return ascii ? *ascii : "error: " + ascii.error();
}

bool is_error(const std::string& text) { return text.starts_with("error: "); }

}  // namespace

TEST_SUITE("http_get hosts") {
  TEST_CASE("a URL may have them") {
    const auto url = web::parse_url("https://B\u00FCcher.example/\u00E9", ascii_host);
    REQUIRE(url);
    CHECK(url->text() == "https://xn--bcher-kva.example/%C3%A9");
    for (const char* text : {"http://h%20h/", "http://%00/", "http://a%2fb/", "http://a%25b/"}) {
      CHECK_FALSE(web::parse_url(text, ascii_host));
    }
  }

  TEST_CASE("a host in any script becomes Punycode") {
    // The samples of RFC 3492, section 7.1, that are names, and what browsers make of common ones.
    CHECK(host("bücher.example") == "xn--bcher-kva.example");
    CHECK(host("www.münchen.de.") == "www.xn--mnchen-3ya.de.");
    CHECK(host("faß.de") == "xn--fa-hia.de");
    CHECK(host("日本語.jp") == "xn--wgv71a119e.jp");
    CHECK(host("他们为什么不说中文") == "xn--ihqwcrb4cv8a8dqg056pqjye");
    CHECK(host("почемужеонинеговорятпорусски") == "xn--b1abfaaepdrnnbgefbadotcwatmq2g4l");
    CHECK(host("3年b組金八先生") == "xn--3b-ww4c5e180e575a65lsy2b");
    CHECK(host("παράδειγμα.δοκιμή") == "xn--hxajbheg2az3al.xn--jxalpdlp");
    CHECK(host("i❤.ws") == "xn--i-7iq.ws");
    CHECK(host("💩.la") == "xn--ls8h.la");
  }

  TEST_CASE("a host is mapped to lower case, to plain full stops and to visible characters") {
    CHECK(host("BÜCHER.Example") == "xn--bcher-kva.example");
    CHECK(host("ПОЧТА.рф") == "xn--80a1acny.xn--p1ai");
    CHECK(host("日本語。jp") == "xn--wgv71a119e.jp");
    CHECK(host("ｅｘ．com") == "ex.com");
    CHECK(host("exa\u00ADm\u200Bple.com") == "example.com");
    CHECK(host("b%C3%BCcher.example") == "xn--bcher-kva.example");
    CHECK(host("%65xample.com") == "example.com");
  }

  TEST_CASE("a host that would be looked up under another name is refused") {
    CHECK(host("bu\u0308cher.example").find("combining mark U+0308") != std::string::npos);
    for (const char* text : {"a\u00A0b", "a\u202Eb", "a\u3000b", "\uE000", "\uFFFD", "\xc3",
                             "\xed\xa0\x80", "\xc0\xae", "a／b", "a％b", "\u200B"}) {
      CAPTURE(text);
      CHECK(is_error(host(text)));
    }
    CHECK(is_error(host(std::string(64, 'a'))));
    std::string long_label;
    for (int i = 0; i < 60; ++i) long_label += "é";
    CHECK(is_error(host(long_label)));
    CHECK_FALSE(is_error(host(std::string(63, 'a'))));
  }
}

}  // namespace host_test
