// The platform that the main thread of these tests works on. It forwards to the kernel and counts
// the calls. On demand a call fails, or does less than requested, as with a real kernel.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace faulty {

/// How many of a thousand calls fail or do less than requested.
struct Rates {
  unsigned short_counts = 0;
  unsigned interrupted = 0;
  unsigned again = 0;
  unsigned no_descriptors = 0;  ///< Of accept.
  unsigned aborted = 0;         ///< Of accept: the connection was reset before.
  unsigned doomed = 0;          ///< Connections that are reset while they are served.
  unsigned no_buffers = 0;      ///< Of sendmsg and sendmmsg, for datagrams.
  int gso = 0;                  ///< The error of each coalesced datagram; 0: none.
};

/// Fails at random from now on, the same way for the same seed.
void inject(std::uint32_t seed, const Rates& rates);

/// The next `count` calls of accept fail with this error. Calls that only turn a connection away do
/// not count.
void fail_accepts(unsigned count, int error);

/// When accept last failed for that reason.
std::chrono::steady_clock::time_point accept_failed_at();

struct Calls {
  std::uint64_t recv = 0;
  std::uint64_t send = 0;  ///< And sendmsg.
  std::uint64_t accept = 0;
  std::uint64_t registrations = 0;  ///< Made, changed and removed.
  std::uint64_t faults = 0;         ///< Injected.
  std::uint64_t doomed = 0;         ///< Connections that met a reset.
  std::uint64_t shed = 0;           ///< Connections accepted only to be closed.
  std::uint64_t gso = 0;            ///< Messages of several datagrams each, sent or not.
};
Calls calls();

/// Lets the n-th call from now, of those that make a loop, a thread or a process, fail for lack of
/// descriptors or memory. No other call fails, and none does if n is 0. Counts calls on any thread.
void fail_nth(unsigned n);

/// Whether that call has failed.
bool has_failed();

/// The n-th call from now on that receives from a stream or sends to it meets a reset, as does each
/// later call for its descriptor. Its peer reads the end of the connection. None does after inject().
void reset_at(unsigned n);

/// Whether that call was made.
bool was_reset();

/// How connect behaves from now on: as the kernel does; the same, but with the error EINTR; or its
/// own side gets the port that it connects to, as may happen by chance.
enum class Connect { as_ever, interrupted, to_itself };
void change_connect(Connect what);

/// The result of getaddrinfo for this name from now on: these numeric hosts.
void set_addresses(const std::string& name, const std::vector<std::string>& hosts);

/// A name or a numeric host whose name servers do not respond, as long as the object lives: lookups
/// of it block.
class DeadName {
 public:
  explicit DeadName(const std::string& name);
  ~DeadName();
  DeadName(const DeadName&) = delete;
  DeadName& operator=(const DeadName&) = delete;

  /// How many lookups are blocked now.
  [[nodiscard]] static int blocked();
};

/// The next `count` calls of recv for this descriptor fill the whole buffer, as if a fast peer had
/// sent that much.
void fill_reads(int fd, unsigned count);

/// The number of calls of recv for this descriptor.
std::uint64_t recv_calls(int fd);

}  // namespace faulty
