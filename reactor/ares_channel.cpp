#include "reactor/ares_channel.hpp"

#include <ares.h>
#include <netdb.h>
#include <uv.h>

#include <chrono>
#include <utility>

#include "reactor/engine.hpp"

namespace reactor::inline v0 {
namespace {

int from_ares(int status) {
  switch (status) {
    case ARES_SUCCESS:
      return 0;
    case ARES_ENOTFOUND:
    case ARES_ENODATA:
    case ARES_EBADNAME:
      return UV_EAI_NONAME;
    case ARES_ETIMEOUT:
    case ARES_ECONNREFUSED:
    case ARES_ESERVFAIL:
    case ARES_EREFUSED:
    case ARES_ENOTIMP:
      return UV_EAI_AGAIN;
    case ARES_ESERVICE:
      return UV_EAI_SERVICE;
    case ARES_ENOMEM:
      return UV_EAI_MEMORY;
    default:
      return UV_EAI_FAIL;
  }
}

// Its threads may each have a channel; the library is set up once for all.
bool library_is_ready() {
  static const int status = ares_library_init(ARES_LIB_INIT_ALL);
  return status == ARES_SUCCESS;
}

template <class OnAnswer>
std::unique_ptr<OnAnswer> owned(void* argument) {
  return std::unique_ptr<OnAnswer>(static_cast<OnAnswer*>(argument));
}

bool is_ended(int status) { return status == ARES_EDESTRUCTION || status == ARES_ECANCELLED; }

}  // namespace

std::shared_ptr<AresChannel> AresChannel::of(Loop& loop) {
  auto channel = loop.engine().ares_channel.lock();
  if (!channel && library_is_ready()) {
    channel = std::make_shared<AresChannel>(loop);
    if (!channel->channel_) return nullptr;
    loop.engine().ares_channel = channel;
  }
  return channel;
}

AresChannel::AresChannel(Loop& loop)
    : loop_(loop), retry_(loop, [this] { process(ARES_SOCKET_BAD, ARES_SOCKET_BAD); }) {
  ares_options options{};
  options.sock_state_cb_data = this;
  options.sock_state_cb = [](void* self, ares_socket_t fd, int readable, int writable) {
    static_cast<AresChannel*>(self)->watch(fd, readable != 0, writable != 0);
  };
  if (ares_init_options(&channel_, &options, ARES_OPT_SOCK_STATE_CB) != ARES_SUCCESS) {
    channel_ = nullptr;
  }
}

AresChannel::~AresChannel() {
  if (channel_) ares_destroy(channel_);
}

void AresChannel::find_addresses(const char* host, const char* service, int family,
                                 OnAddresses on_answer) {
  ares_addrinfo_hints hints{};
  hints.ai_family = family;
  hints.ai_socktype = service ? 0 : SOCK_STREAM;
  const auto done = [](void* argument, int status, int, ares_addrinfo* list) {
    const auto on_found = owned<OnAddresses>(argument);
    std::vector<Address> found;
    for (auto* node = list ? list->nodes : nullptr; node; node = node->ai_next) {
      if (node->ai_family != AF_INET && node->ai_family != AF_INET6) continue;
      found.push_back(Address::from(node->ai_addr, static_cast<socklen_t>(node->ai_addrlen)));
    }
    if (list) ares_freeaddrinfo(list);
    if (!is_ended(status)) (*on_found)(from_ares(status), std::move(found));
  };
  ares_getaddrinfo(channel_, host, service, &hints, done,
                   std::make_unique<OnAddresses>(std::move(on_answer)).release());
  restart_timer();
}

void AresChannel::find_name(const Address& address, OnName on_answer) {
  const auto done = [](void* argument, int status, int, char* name, char*) {
    const auto on_found = owned<OnName>(argument);
    if (!is_ended(status)) (*on_found)(from_ares(status), name ? name : "");
  };
  ares_getnameinfo(channel_, address.data(), address.size(), ARES_NI_NAMEREQD | ARES_NI_LOOKUPHOST,
                   done, std::make_unique<OnName>(std::move(on_answer)).release());
  restart_timer();
}

// c-ares calls this when it waits for something else, and before it closes a socket.
void AresChannel::watch(int fd, bool readable, bool writable) {
  const Interest interest = (readable ? Interest::readable : Interest::none) |
                            (writable ? Interest::writable : Interest::none);
  if (interest == Interest::none) {
    watchers_.erase(fd);
  } else if (const auto known = watchers_.find(fd); known != watchers_.end()) {
    known->second.set_interest(interest);
  } else if (auto watcher = Watcher::create(loop_, fd, interest, [this, fd](Ready ready) {
               process(ready.readable ? fd : ARES_SOCKET_BAD,
                       ready.writable ? fd : ARES_SOCKET_BAD);
             })) {
    watchers_.emplace(fd, std::move(*watcher));
  }  // Not watched for want of memory: c-ares counts the question as lost when its time is over.
}

void AresChannel::process(int readable, int writable) {
  ares_process_fd(channel_, readable, writable);
  restart_timer();
}

void AresChannel::restart_timer() {
  timeval left{};
  if (!ares_timeout(channel_, nullptr, &left)) return retry_.cancel();
  retry_.restart(std::chrono::seconds(left.tv_sec) + std::chrono::microseconds(left.tv_usec));
}

}  // namespace reactor
