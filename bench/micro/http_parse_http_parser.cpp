// Debian's libhttp-parser, which node was built on; its callbacks store the place of each field.
#include <http_parser.h>

#include <array>
#include <string_view>

#include "bench/micro/http_parse.hpp"

namespace {

struct Request {
  struct Field {
    std::string_view name, value;
  };
  std::string_view target;
  std::array<Field, 100> fields;
  std::size_t count = 0;
};

Request& of(http_parser* parser) { return *static_cast<Request*>(parser->data); }

http_parser_settings settings() {
  http_parser_settings settings;
  http_parser_settings_init(&settings);
  settings.on_message_begin = [](http_parser* parser) {
    of(parser).count = 0;
    return 0;
  };
  settings.on_url = [](http_parser* parser, const char* at, std::size_t size) {
    of(parser).target = {at, size};
    return 0;
  };
  settings.on_header_field = [](http_parser* parser, const char* at, std::size_t size) {
    Request& request = of(parser);
    request.fields[request.count++].name = {at, size};
    return 0;
  };
  settings.on_header_value = [](http_parser* parser, const char* at, std::size_t size) {
    Request& request = of(parser);
    request.fields[request.count - 1].value = {at, size};
    return 0;
  };
  return settings;
}

}  // namespace

int main() {
  const http_parser_settings callbacks = settings();
  Request request;
  http_parser parser;
  http_parser_init(&parser, HTTP_REQUEST);
  parser.data = &request;
  return bench::measure_http_parse([&](std::string_view text) {
    http_parser_execute(&parser, &callbacks, text.data(), text.size());
    return request.count;
  });
}
