#include <uv.h>

#include "bench/micro/iteration.hpp"

namespace {

class Loop {
 public:
  Loop(const bench::ReadyDescriptors& descriptors, std::size_t& count)
      : polls_(static_cast<std::size_t>(descriptors.end() - descriptors.begin())) {
    uv_loop_init(&loop_);
    std::size_t i = 0;
    for (const int fd : descriptors) {
      uv_poll_t& poll = polls_[i++];
      uv_poll_init(&loop_, &poll, fd);
      poll.data = &count;
      uv_poll_start(&poll, UV_READABLE,
                    [](uv_poll_t* ready, int, int) { ++*static_cast<std::size_t*>(ready->data); });
    }
  }
  ~Loop() {
    for (auto& poll : polls_) uv_close(reinterpret_cast<uv_handle_t*>(&poll), nullptr);
    uv_run(&loop_, UV_RUN_DEFAULT);
    uv_loop_close(&loop_);
  }
  void iterate() { uv_run(&loop_, UV_RUN_NOWAIT); }

 private:
  uv_loop_t loop_;
  std::vector<uv_poll_t> polls_;
};

}  // namespace

int main() { return bench::measure_iterations<Loop>(); }
