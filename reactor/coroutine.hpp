// Coroutines over the handles of this library.
//
//     Task<> echo(Connection connection) {
//       for (;;) {
//         const auto bytes = co_await connection.read();
//         if (!bytes || bytes->empty()) co_return;
//         co_await connection.write(*bytes);
//       }
//     }
//     auto server = serve(loop, "127.0.0.1:9000", {}, echo);
//
// A Task runs in the callbacks of the handles that it waits for, on the loop's thread. Its owner is
// another Task, a Nursery, or a server. Destroying it destroys what it waits for: that is how
// anything is cancelled. docs/coroutines.md is a guide.
//
// Needs gcc 12, clang 14, or newer.
#pragma once

#include "reactor/coroutine/acceptor.hpp"
#include "reactor/coroutine/all.hpp"
#include "reactor/coroutine/child_process.hpp"
#include "reactor/coroutine/connection.hpp"
#include "reactor/coroutine/datagrams.hpp"
#include "reactor/coroutine/frames.hpp"
#include "reactor/coroutine/lookup.hpp"
#include "reactor/coroutine/nursery.hpp"
#include "reactor/coroutine/serve.hpp"
#include "reactor/coroutine/signals.hpp"
#include "reactor/coroutine/sleep.hpp"
#include "reactor/coroutine/task.hpp"
#include "reactor/coroutine/waiter.hpp"
#include "reactor/coroutine/within.hpp"
#include "reactor/coroutine/work.hpp"
