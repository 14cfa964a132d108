#include "reactor/work.hpp"

#include <uv.h>

#include <exception>
#include <utility>

#include "reactor/engine.hpp"
#include "reactor/platform/sys.hpp"
#include "reactor/unreferenced_handle.hpp"

namespace reactor::inline v0 {

struct Work::State final : Source {
  // What the pool works on. It is deleted when libuv is done with it, with or without an owner.
  struct Request {
    explicit Request(State& state, Callback<void()> what)
        : owner(&state), function(std::move(what)), unreferenced(state.engine()) {
      native.data = this;
    }

    void run() noexcept {
      const platform::Use use(its_platform);
      try {
        function();
      } catch (...) {
        thrown = std::current_exception();
      }
    }

    uv_work_t native{};
    State* owner;
    Callback<void()> function;
    std::exception_ptr thrown;
    UnreferencedHandle unreferenced;
    platform::Platform* const its_platform = platform::replacement;
  };

  State(Engine& engine, Callback<void()> function, Callback<void()> callback)
      : Source(engine, Kind::work),
        request(new Request(*this, std::move(function))),
        on_done_callback(std::move(callback)) {
    keep_loop_running(true);
    sys::queue_work(
        engine.native(), &request->native,
        [](uv_work_t* native) { static_cast<Request*>(native->data)->run(); },
        [](uv_work_t* native, int) {
          const std::unique_ptr<Request> done(static_cast<Request*>(native->data));
          if (done->owner) done->owner->finish(std::move(done->thrown));
        });
  }

  void finish(std::exception_ptr what_was_thrown) {
    request = nullptr;
    thrown = std::move(what_was_thrown);
    engine().schedule(*this);
  }

  void on_ready(unsigned) override {}

  void on_iteration() override {
    keep_loop_running(false);
    auto tell = [this] {
      if (thrown) std::rethrow_exception(std::exchange(thrown, nullptr));
      on_done_callback();
    };
    (void)engine().call(*this, tell);
  }

  void unregister() noexcept override {
    if (!request) return;
    request->owner = nullptr;
    if (engine().forked()) return;  // The threads of the pool belong to the parent.
    sys::cancel_work(&request->native);
  }

  Request* request;  // Null once the function has returned.
  std::exception_ptr thrown;
  Callback<void()> on_done_callback;
};

Work::Work(Loop& loop, Callback<void()> function, Callback<void()> on_done)
    : state_(new State(loop.engine(), std::move(function), std::move(on_done))) {}

}  // namespace reactor
