// Requests a page of http_hello, which must be running.
#include <web/http_client.hpp>

#include <cstdio>

int main() {
  reactor::Loop loop;
  web::HttpClient client(loop);
  auto fetch = client.get("http://127.0.0.1:8080/hello/ann", [](auto response) {
    if (response) {
      std::printf("%d %s", response->status, response->body.c_str());
    } else {
      std::fprintf(stderr, "error: %s\n", response.error().message().c_str());
    }
  });
  loop.run();
}
