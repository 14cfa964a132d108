// Names and addresses, looked up by a task.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "reactor/address.hpp"
#include "reactor/callback.hpp"
#include "reactor/coroutine/waiter.hpp"
#include "reactor/loop.hpp"
#include "reactor/resolver.hpp"
#include "reactor/result.hpp"

namespace reactor::inline v0 {

/// Looks up `HOST:PORT`, as Lookup::start does.
///
///     Result<std::vector<Address>> found = co_await lookup(loop, "example.org:http");
///
/// Errors    As Lookup::start.
[[nodiscard]] inline auto lookup(Loop& loop, std::string_view endpoint,
                                 LookupOptions options = {}) {
  using Found = Result<std::vector<Address>>;
  return await_callback<Found>(
      [&loop, endpoint = std::string(endpoint), options](Callback<void(Found)> on_found) {
        return Lookup::start(loop, endpoint, options, std::move(on_found));
      });
}

/// Looks up the name of the host that has `address`, as Lookup::name_of does.
///
///     Result<std::string> name = co_await lookup_name(loop, peer);
///
/// Errors    As Lookup::name_of.
[[nodiscard]] inline auto lookup_name(Loop& loop, const Address& address,
                                      LookupOptions options = {}) {
  using Named = Result<std::string>;
  return await_callback<Named>([&loop, address, options](Callback<void(Named)> on_named) {
    return Lookup::name_of(loop, address, options, std::move(on_named));
  });
}

}  // namespace reactor
