// Refuses compilers without coroutines. Internal.
#pragma once

#if !defined(__cpp_impl_coroutine) || (defined(__clang__) && __clang_major__ < 14)
#error "reactor/coroutine.hpp needs C++20 coroutines: gcc 12, clang 14 or newer, with -std=c++20"
#endif
