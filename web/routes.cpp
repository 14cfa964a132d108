#include "web/routes.hpp"

#include <cassert>
#include <utility>

namespace web::inline v0 {
namespace {

int segment_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  const int lower = c | 0x20;
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

// Returns false if no segment of a route can be equal to it.
bool decode_segment(std::string_view text, std::string& decoded) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (c == '%') {
      const int high = i + 2 < text.size() ? segment_digit(text[i + 1]) : -1;
      const int low = high >= 0 ? segment_digit(text[i + 2]) : -1;
      if (low < 0) return false;
      c = static_cast<char>(high * 16 + low);
      i += 2;
    }
    if (c == '\0') return false;
    decoded += c;
  }
  return decoded != "." && decoded != "..";
}

// The segments of a path or a pattern, without the slash at its front.
template <class Visit>
bool for_each_segment(std::string_view path, Visit visit) {
  if (path.starts_with('/')) path.remove_prefix(1);
  for (;;) {
    const std::size_t slash = path.find('/');
    if (!visit(path.substr(0, slash))) return false;
    if (slash == path.npos) return true;
    path.remove_prefix(slash + 1);
  }
}

void add_method(std::string& list, std::string_view method) {
  if (!list.empty()) list += ", ";
  list += method;
}

}  // namespace

std::optional<std::vector<std::string>> decode_segments(std::string_view path) {
  std::vector<std::string> segments;
  const bool all = for_each_segment(
      path, [&](std::string_view text) { return decode_segment(text, segments.emplace_back()); });
  return all ? std::optional(std::move(segments)) : std::nullopt;
}

void Routes::add(std::string_view method, std::string_view pattern, Route route) {
  assert(pattern.starts_with('/') && "a pattern begins with a slash");
  Node* node = &root_;
  for_each_segment(pattern, [&](std::string_view segment) {
    assert(!node->is_rest && "{name...} is the last segment of a pattern");
    const bool is_name = segment.starts_with('{') && segment.ends_with('}');
    std::unique_ptr<Node>* next = nullptr;
    if (!is_name) {
      next = &node->literals[std::string(segment)];
    } else {
      std::string_view name = segment.substr(1, segment.size() - 2);
      const bool is_rest = name.ends_with("...");
      if (is_rest) name.remove_suffix(3);
      assert(!name.empty() && "a parameter has a name");
      route.names.emplace_back(name);
      next = is_rest ? &node->rest : &node->parameter;
    }
    if (!*next) *next = std::make_unique<Node>();
    node = next->get();
    node->is_rest = is_name && segment.ends_with("...}");
    return true;
  });
  Route*& place = node->methods[std::string(method)];
  assert(!place && "there is a route of this method and pattern");
  routes_.push_back(std::move(route));
  place = &routes_.back();
  methods_.insert(std::string(method));
}

// Looks for all nodes that the path leads to, the best first. Each node is visited once.
struct Routes::Search {
  std::string_view method;
  const std::vector<std::string>& segments;
  Match& match;
  std::vector<std::string> values = {};
  std::set<std::string, std::less<>> allowed = {};

  // Returns true once a route is found.
  bool visit(const Node& node, std::size_t at) {
    if (at == segments.size()) return take(node);
    const std::string& segment = segments[at];
    if (const auto found = node.literals.find(segment); found != node.literals.end()) {
      if (visit(*found->second, at + 1)) return true;
    }
    if (node.parameter && !segment.empty()) {
      values.push_back(segment);
      if (visit(*node.parameter, at + 1)) return true;
      values.pop_back();
    }
    return node.rest && visit_rest(*node.rest, at);
  }

  bool visit_rest(const Node& node, std::size_t at) {
    std::string rest;
    for (std::size_t i = at; i < segments.size(); ++i) {
      if (segments[i].find('/') != std::string::npos) return false;
      if (i > at) rest += '/';
      rest += segments[i];
    }
    values.push_back(std::move(rest));
    if (take(node)) return true;
    values.pop_back();
    return false;
  }

  bool take(const Node& node) {
    for (const auto& [name, route] : node.methods) allowed.insert(name);
    auto found = node.methods.find(method);
    if (found == node.methods.end() && method == "HEAD") found = node.methods.find("GET");
    if (found == node.methods.end()) return false;
    match.route = found->second;
    for (std::size_t i = 0; i < values.size(); ++i) {
      match.parameters.emplace_back(match.route->names[i], std::move(values[i]));
    }
    return true;
  }
};

Routes::Match Routes::find(std::string_view method,
                           const std::vector<std::string>& segments) const {
  Match match;
  Search search{method, segments, match};
  if (search.visit(root_, 0) || search.allowed.empty()) return match;
  if (search.allowed.count("GET") > 0) search.allowed.insert("HEAD");
  search.allowed.insert("OPTIONS");
  for (const std::string& name : search.allowed) add_method(match.allowed, name);
  return match;
}

std::string Routes::methods() const {
  auto all = methods_;
  if (all.count("GET") > 0) all.insert("HEAD");
  all.insert("OPTIONS");
  std::string list;
  for (const std::string& name : all) add_method(list, name);
  return list;
}

bool Routes::has_method(std::string_view method) const {
  return methods_.find(method) != methods_.end();
}

}  // namespace web
