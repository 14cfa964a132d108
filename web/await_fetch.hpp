// Requests of an HttpClient, awaited by a task.
//
//     reactor::Task<> show(web::HttpClient& client) {
//       auto response = co_await web::fetch(client, "http://example.org/");
//       if (response) std::puts(response->body.c_str());
//     }
//
// Needs gcc 12, clang 14, or newer.
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include "reactor/callback.hpp"
#include "reactor/coroutine/waiter.hpp"
#include "reactor/result.hpp"
#include "web/http_client.hpp"

namespace web::inline v0 {

/// Sends a request, and returns the response with its whole body. For a body that is streamed, in
/// either direction, use a Fetch and its callbacks.
///
///     web::FetchRequest request{.url = url, .method = "DELETE"};
///     auto response = co_await web::fetch(client, std::move(request));
///
/// gcc 12 destroys the members of a FetchRequest twice that is written inside a co_await expression:
/// write it before.
///
/// Errors    As HttpClient::send.
/// Lifetime  Destroying the task cancels the request. If the client is destroyed while the task
///           waits, it continues with operation_canceled.
[[nodiscard]] inline auto fetch(HttpClient& client, FetchRequest request) {
  using Response = reactor::Result<FetchResponse>;
  return reactor::await_callback<Response>(
      [&client, request = std::move(request)](reactor::Callback<void(Response)> on_done) mutable {
        return client.send(std::move(request), std::move(on_done));
      });
}

/// The same for a GET request.
[[nodiscard]] inline auto fetch(HttpClient& client, std::string_view url) {
  return fetch(client, FetchRequest{.url = std::string(url)});
}

}  // namespace web
