// Greets by name: `curl http://127.0.0.1:8080/hello/ann`.
#include <web/http_server.hpp>

#include <cstdio>

int main() {
  reactor::Loop loop;
  web::HttpServer server(loop);
  server.route("GET", "/hello/{name}", [](const web::Request& request, web::Response response) {
    response.send(200, "hello " + request.parameter("name") + "\n");
  });
  auto address = server.listen("127.0.0.1:8080");
  if (!address) return std::fprintf(stderr, "error: %s\n", address.error().message().c_str()), 1;
  loop.run();
}
