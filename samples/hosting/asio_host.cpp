// An io_context of asio hosts the loop: asio waits for the loop's descriptor and for its timeout.
#include <asio.hpp>

#include "samples/hosting/echo_service.hpp"

namespace {

class Host {
 public:
  Host(asio::io_context& context, reactor::Loop& loop)
      : loop_(loop), descriptor_(context, loop.fd()), timer_(context) {
    wait();
  }
  ~Host() { descriptor_.release(); }  // The descriptor is the loop's.
  Host(const Host&) = delete;
  Host& operator=(const Host&) = delete;

 private:
  void wait() {
    const auto serve = [this](const std::error_code& cancelled) {
      if (!cancelled) poll();
    };
    descriptor_.async_wait(asio::posix::descriptor_base::wait_read, serve);
    const reactor::Duration timeout = loop_.timeout();
    if (timeout == reactor::Duration::max()) return;
    timer_.expires_after(timeout);
    timer_.async_wait(serve);
  }

  void poll() {
    descriptor_.cancel();
    timer_.cancel();
    if (loop_.poll()) wait();
  }

  reactor::Loop& loop_;
  asio::posix::stream_descriptor descriptor_;
  asio::steady_timer timer_;
};

}  // namespace

int main() {
  reactor::Loop loop;
  const EchoService service(loop);

  asio::io_context context;
  const Host host(context, loop);
  context.run();
}
