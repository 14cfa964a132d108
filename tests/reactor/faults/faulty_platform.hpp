// The platform that the main thread of these tests works on: it forwards to the kernel, counts, and
// on demand fails or falls short as the kernel may.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace faulty {

/// How often each call fails or falls short, of a thousand.
struct Rates {
  unsigned short_counts = 0;
  unsigned interrupted = 0;
  unsigned again = 0;
  unsigned no_descriptors = 0;  ///< Of accept.
  unsigned aborted = 0;         ///< Of accept: the connection was reset before.
  unsigned doomed = 0;          ///< Connections that are reset while they are served.
  unsigned no_buffers = 0;      ///< Of sendmsg and sendmmsg, for datagrams.
  int gso = 0;                  ///< The error that each coalesced datagram meets; 0: it does not.
};

/// Fails at random from now on, the same way for the same seed.
void inject(std::uint32_t seed, const Rates& rates);

/// The next so many calls of accept fail with this error. One by which a connection is turned away
/// is not among them.
void fail_accepts(unsigned count, int error);

/// When accept last failed because of that.
std::chrono::steady_clock::time_point accept_failed_at();

struct Calls {
  std::uint64_t recv = 0;
  std::uint64_t send = 0;  ///< And sendmsg.
  std::uint64_t accept = 0;
  std::uint64_t registrations = 0;  ///< Made, changed and removed.
  std::uint64_t faults = 0;         ///< Injected.
  std::uint64_t doomed = 0;         ///< Connections that met a reset.
  std::uint64_t shed = 0;           ///< Connections accepted only to be closed.
  std::uint64_t gso = 0;            ///< Messages of several datagrams each, taken or not.
};
Calls calls();

/// Lets the n-th call from now, of those that make a loop, a thread or a process, fail for want of
/// descriptors or memory, and no other; 0: none does. On any thread.
void fail_nth(unsigned n);

/// Whether that has happened.
bool has_failed();

/// What connect does from now on: as the kernel does; the same, but it says EINTR; or it finds the
/// port that it connects to for its own side, as the kernel may by chance.
enum class Connect { as_ever, interrupted, to_itself };
void change_connect(Connect what);

/// What getaddrinfo says to this name from now on: these numeric hosts.
void set_addresses(const std::string& name, const std::vector<std::string>& hosts);

/// A name, or a numeric host, whose name servers are dead, for as long as this lives: lookups of it
/// block.
class DeadName {
 public:
  explicit DeadName(const std::string& name);
  ~DeadName();
  DeadName(const DeadName&) = delete;
  DeadName& operator=(const DeadName&) = delete;

  /// How many lookups are blocked now.
  [[nodiscard]] static int blocked();
};

/// The next so many calls of recv for this descriptor fill the whole buffer, as if a fast peer had
/// sent that much.
void fill_reads(int fd, unsigned count);

/// How often recv was called for this descriptor.
std::uint64_t recv_calls(int fd);

}  // namespace faulty
