// What depends on the compiler: refuses those without coroutines, and includes <coroutine>, whose
// own error would come first otherwise. Internal.
#pragma once

#include "reactor/version.hpp"

#if !defined(__cpp_impl_coroutine) || (defined(__clang__) && __clang_major__ < 14)
#error "reactor/coroutine.hpp needs C++20 coroutines: gcc 12, clang 14 or newer, with -std=c++20"
#endif

#include <coroutine>

namespace reactor::inline v0::detail {

#if defined(__SANITIZE_ADDRESS__)
inline constexpr bool below_address_sanitizer = true;
#elif defined(__has_feature)
inline constexpr bool below_address_sanitizer = __has_feature(address_sanitizer);
#else
inline constexpr bool below_address_sanitizer = false;
#endif

}  // namespace reactor::detail
