// The static probes of the library, which tracers attach to (USDT). Internal.
//
// With `-Dprobes=enabled` each is a `nop` in the code and a note in the library, which says where
// the arguments are. Otherwise it is nothing.
#pragma once

#ifdef UVREACTOR_PROBES
#include <sys/sdt.h>
#endif

namespace reactor::inline v0::probe {

#ifdef UVREACTOR_PROBES
/// The wait of an iteration is over; all its callbacks have returned. References, so that nothing is
/// read where there are no probes.
template <class Event>
[[gnu::always_inline]] inline void iteration_begin(Event* const& first, Event* const& end) {
  DTRACE_PROBE1(uvreactor, iteration_begin, end - first);
}
[[gnu::always_inline]] inline void iteration_end() { DTRACE_PROBE(uvreactor, iteration_end); }

/// A callback of the user is called, and has returned.
[[gnu::always_inline]] inline void callback_begin(const void* handle) {
  DTRACE_PROBE1(uvreactor, callback_begin, handle);
}
[[gnu::always_inline]] inline void callback_end(const void* handle) {
  DTRACE_PROBE1(uvreactor, callback_end, handle);
}

/// What the system has returned: bytes, messages or a new descriptor; -errno if negative.
[[gnu::always_inline]] inline void accept(int fd, long result) {
  DTRACE_PROBE2(uvreactor, accept, fd, result);
}
[[gnu::always_inline]] inline void read(int fd, long result) {
  DTRACE_PROBE2(uvreactor, read, fd, result);
}
[[gnu::always_inline]] inline void write(int fd, long result) {
  DTRACE_PROBE2(uvreactor, write, fd, result);
}
[[gnu::always_inline]] inline void close(int fd) { DTRACE_PROBE1(uvreactor, close, fd); }
#else
template <class Event>
inline void iteration_begin(Event* const&, Event* const&) {}
inline void iteration_end() {}
inline void callback_begin(const void*) {}
inline void callback_end(const void*) {}
inline void accept(int, long) {}
inline void read(int, long) {}
inline void write(int, long) {}
inline void close(int) {}
#endif

}  // namespace reactor::probe
