#include "bench/micro/http_parse.hpp"
#include "protocols/http/request_decoder.hpp"

int main() {
  using protocols::http::RequestEvent;
  protocols::http::RequestDecoder decoder;
  return bench::measure_http_parse([&](std::string_view text) {
    std::size_t fields = 0;
    decoder.feed(protocols::as_bytes(text));
    while (const auto event = decoder.next()) {
      if (event->kind == RequestEvent::Kind::head) fields = event->head->fields.size();
    }
    return fields;
  });
}
