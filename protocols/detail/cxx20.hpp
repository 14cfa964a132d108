// Included by each header of protocols/ that includes no other one.
#pragma once

#if __cplusplus < 202002L
#error "uvreactor needs C++20: compile with -std=c++20"
#include <uvreactor/needs/c++20>  // tidy-ok: does not exist, which stops the compiler
#endif
