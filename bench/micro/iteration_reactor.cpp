#include "bench/micro/iteration.hpp"
#include "reactor/watcher.hpp"

namespace {

class Loop {
 public:
  Loop(const bench::ReadyDescriptors& descriptors, std::size_t& count) {
    for (const int fd : descriptors) {
      watchers_.push_back(reactor::Watcher::create(loop_, fd, reactor::Interest::readable,
                                                   [&count](reactor::Ready) { ++count; })
                              .value());
    }
  }
  void iterate() { loop_.poll(); }

 private:
  reactor::Loop loop_;
  std::vector<reactor::Watcher> watchers_;
};

}  // namespace

int main() { return bench::measure_iterations<Loop>(); }
