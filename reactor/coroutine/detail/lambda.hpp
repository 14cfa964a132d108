// Recognizes lambdas with captures, which must not be coroutines. Internal.
#pragma once

#include <string_view>
#include <type_traits>

#include "reactor/coroutine/detail/compiler.hpp"

namespace reactor::inline v0::detail {

// The compiler's text for T: `… [T = int]`, or with gcc `… [with T = int; std::string_view = …]`.
template <class T>
[[nodiscard]] constexpr std::string_view type_name() {
  std::string_view name = __PRETTY_FUNCTION__;
  name.remove_prefix(name.find("T = ") + 4);
  return name.substr(0, name.find_last_of(name.find("; ") < name.size() ? ';' : ']'));
}

// gcc writes `f()::<lambda(int)>`, clang `(lambda at file.cpp:1:2)`.
template <class T>
[[nodiscard]] constexpr bool is_lambda() {
  const std::string_view name = type_name<T>();
  if (name.starts_with("(lambda at ")) return true;
  const auto begin = name.rfind("<lambda(");
  if (begin == std::string_view::npos) return false;
  int depth = 0;
  for (std::size_t i = begin; i < name.size(); ++i) {
    if (name[i] == '<') ++depth;
    if (name[i] == '>' && --depth == 0) return i + 1 == name.size();
  }
  return false;
}

template <class T>
concept Lambda = is_lambda<std::remove_cvref_t<T>>();

}  // namespace reactor::detail
