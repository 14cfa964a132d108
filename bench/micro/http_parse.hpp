// Measures the cost of reading a browser's request into a head with its fields.
#pragma once

#include <string_view>

#include "bench/micro/micro.hpp"

namespace bench {

/// The request of a desktop browser for a page.
inline constexpr std::string_view browser_request =
    "GET /articles/2026/11/how-packets-stick?utm_source=feed&page=2 HTTP/1.1\r\n"
    "Host: www.example.org\r\n"
    "Connection: keep-alive\r\n"
    "Cache-Control: max-age=0\r\n"
    "Upgrade-Insecure-Requests: 1\r\n"
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/120.0.0.0 Safari/537.36\r\n"
    "Accept: "
    "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8\r\n"
    "Sec-Fetch-Site: same-origin\r\n"
    "Sec-Fetch-Mode: navigate\r\n"
    "Sec-Fetch-User: ?1\r\n"
    "Sec-Fetch-Dest: document\r\n"
    "Referer: https://www.example.org/articles/\r\n"
    "Accept-Encoding: gzip, deflate, br\r\n"
    "Accept-Language: en-GB,en;q=0.9,de;q=0.8\r\n"
    "Cookie: session=4f2a9c1e7b6d4e0f8a3c5d2b1e9f7a60; theme=dark; consent=1; lang=en-GB,de\r\n"
    "\r\n";
inline constexpr std::size_t browser_fields = 14;

/// `parse(text)` reads one request and returns how many fields it has.
template <class Parse>
int measure_http_parse(Parse parse) {
  constexpr std::size_t requests = 20'000;
  std::vector<double> each;
  for (int round = 0; round < 41; ++round) {
    std::size_t fields = 0;
    each.push_back(nanoseconds_each(requests, [&] {
      for (std::size_t i = 0; i < requests; ++i) fields += parse(browser_request);
    }));
    if (fields != requests * browser_fields) {
      std::fprintf(stderr, "error: the fields are not those that were sent\n");
      return 1;
    }
  }
  Figures figures;
  const double nanoseconds = median(std::move(each));
  figures.add("request", nanoseconds);
  figures.add("rate", static_cast<double>(browser_request.size()) / nanoseconds);
  figures.print();
  return 0;
}

}  // namespace bench
