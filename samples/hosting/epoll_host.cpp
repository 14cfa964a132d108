// A program that waits with epoll hosts the loop: it also waits for the loop's descriptor.
#include <sys/epoll.h>

#include "samples/hosting/echo_service.hpp"

int main() {
  reactor::Loop loop;
  const EchoService service(loop);

  const int set = epoll_create1(EPOLL_CLOEXEC);
  epoll_event event{.events = EPOLLIN, .data = {.fd = loop.fd()}};
  epoll_ctl(set, EPOLL_CTL_ADD, loop.fd(), &event);
  do {
    epoll_wait(set, &event, 1, reactor::poll_timeout(loop.timeout()));
  } while (loop.poll());
}
