// Patterns of paths, and what requests that match them lead to. Internal.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "web/request.hpp"
#include "web/response.hpp"

namespace web::inline v0 {

/// One handler; exactly one of the two callbacks is set.
struct Route {
  reactor::Callback<void(const Request&, Response)> handler;
  reactor::Callback<void(const Request&, RequestBody, Response)> stream_handler;
  std::vector<std::string> names = {};  ///< Of its parameters, in the order of the pattern.
};

/// The segments of a path, each percent-decoded once. Nothing if one of them is `.` or `..`, has a
/// NUL, or a `%` that no two hexadecimal digits follow.
[[nodiscard]] std::optional<std::vector<std::string>> decode_segments(std::string_view path);

class Routes {
 public:
  struct Match {
    Route* route = nullptr;  ///< Null without a route for path and method.
    NamedValues parameters;
    std::string allowed;  ///< The methods that the path has: `GET, HEAD`; empty without a route.
  };

  void add(std::string_view method, std::string_view pattern, Route route);

  [[nodiscard]] Match find(std::string_view method, const std::vector<std::string>& segments) const;

  /// All methods of all routes, as `Match::allowed`.
  [[nodiscard]] std::string methods() const;
  [[nodiscard]] bool has_method(std::string_view method) const;

 private:
  struct Node {
    std::map<std::string, std::unique_ptr<Node>, std::less<>> literals;
    std::unique_ptr<Node> parameter;
    std::unique_ptr<Node> rest;
    std::map<std::string, Route*, std::less<>> methods;
    bool is_rest = false;  // Nothing follows it in a pattern.
  };
  struct Search;

  Node root_;
  std::deque<Route> routes_;  // Their addresses stay, also while one of them runs.
  std::set<std::string, std::less<>> methods_;
};

}  // namespace web
