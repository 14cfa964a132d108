#include "reactor/loop_pool.hpp"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <thread>
#include <utility>

#include "reactor/engine.hpp"
#include "reactor/platform/platform.hpp"

namespace reactor::inline v0 {

struct LoopPool::State {
  State(std::size_t threads, Options with) : options(with), loops(threads), coming(threads) {}

  void serve(std::size_t index, Callback<void(Loop&, std::size_t)>& serve_one) {
    const platform::Use use(its_platform);
    const bool pinned = options.pin && platform::pin_thread(index) == 0;
    serve_on_platform(index, serve_one);
    if (pinned) platform::unpin_thread();
  }

  void serve_on_platform(std::size_t index, Callback<void(Loop&, std::size_t)>& serve_one) {
    try {
      Loop loop;
      const Leave leave{*this, index};
      if (enter(index, loop)) serve_one(loop, index);
    } catch (...) {
      fail(std::current_exception());
    }
  }

  // From here on the others can reach the loop, until it leaves. Returns false when another thread
  // has failed before this point.
  [[nodiscard]] bool enter(std::size_t index, Loop& loop) {
    std::unique_lock lock(mutex);
    loops[index] = &loop;
    if (stopping) loop.stop();
    if (++entered == loops.size()) all_entered.notify_all();
    all_entered.wait(lock, [this] { return entered == loops.size() || stopping; });
    return !exception;
  }

  // Begins and ends a run.
  void start() {
    const std::lock_guard lock(mutex);
    entered = 0;
    for (auto& count : coming) count = 0;
    its_platform = platform::replacement;
  }
  [[nodiscard]] std::exception_ptr end() {
    const std::lock_guard lock(mutex);
    stopping = false;
    return std::exchange(exception, nullptr);
  }

  struct Leave {
    State& pool;
    std::size_t index;
    ~Leave() {
      const std::lock_guard lock(pool.mutex);
      pool.loops[index] = nullptr;
    }
  };

  void fail(std::exception_ptr thrown) {
    {
      const std::lock_guard lock(mutex);
      if (!exception) exception = std::move(thrown);
    }
    stop();
  }

  void stop() noexcept {
    const std::lock_guard lock(mutex);
    stopping = true;
    all_entered.notify_all();
    for (Loop* const loop : loops) {
      if (loop) loop->stop();
    }
  }

  const Options options;
  std::mutex mutex;  // Guards all that follows.
  std::condition_variable all_entered;
  std::vector<Loop*> loops;
  std::vector<std::atomic<std::size_t>> coming;  // Handed off, and not yet there.
  std::size_t entered = 0;
  bool stopping = false;
  std::exception_ptr exception;
  platform::Platform* its_platform = nullptr;  // Of the thread that called run().
};

LoopPool::LoopPool(std::size_t threads) : LoopPool(threads, Options()) {}

LoopPool::LoopPool(std::size_t threads, Options options)
    : state_(std::make_unique<State>(
          threads > 0 ? threads : std::max<std::size_t>(std::thread::hardware_concurrency(), 1),
          options)) {}

LoopPool::~LoopPool() = default;

std::size_t LoopPool::size() const { return state_->loops.size(); }

void LoopPool::run(Callback<void(Loop&, std::size_t index)> serve) {
  state_->start();
  std::vector<std::thread> others;
  try {
    for (std::size_t index = 1; index < size(); ++index) {
      others.emplace_back([this, index, &serve] { state_->serve(index, serve); });
    }
  } catch (...) {
    state_->fail(std::current_exception());  // The threads that have started wait for the others.
  }
  state_->serve(0, serve);
  for (std::thread& other : others) other.join();
  if (const std::exception_ptr thrown = state_->end()) std::rethrow_exception(thrown);
}

void LoopPool::stop() noexcept { state_->stop(); }

namespace {

// Counts a connection until its stream is made.
struct OnItsWay {
  std::atomic<std::size_t>& coming;
  ~OnItsWay() { --coming; }
};

}  // namespace

bool LoopPool::hand_off(Callback<void(std::size_t index)> serve) {
  State& state = *state_;
  const std::lock_guard lock(state.mutex);
  std::size_t least = SIZE_MAX;
  std::size_t to = 0;
  for (std::size_t each = 0; each < state.loops.size(); ++each) {
    if (!state.loops[each]) continue;
    const std::size_t count = state.loops[each]->engine().streams() + state.coming[each];
    if (count < least) to = each;
    least = std::min(least, count);
  }
  if (least == SIZE_MAX) return false;
  ++state.coming[to];
  state.loops[to]->post([&state, to, serve = std::move(serve)]() mutable {
    const OnItsWay counted{state.coming[to]};
    serve(to);
  });
  return true;
}

namespace {

// Ends when the last loop has added its figures, or has ended.
struct Collection {
  LoopPool& pool;
  std::size_t index;
  Callback<void(const Metrics&)> on_metrics;
  std::mutex mutex;
  Metrics sum;  // Guarded by mutex.

  ~Collection() {
    pool.post(index, [sum = std::make_unique<Metrics>(std::move(sum)),
                      callback = std::make_unique<Callback<void(const Metrics&)>>(
                          std::move(on_metrics))] { (*callback)(*sum); });
  }
};

}  // namespace

void LoopPool::collect_metrics(std::size_t index, Callback<void(const Metrics&)> on_metrics) {
  const auto collection =
      std::shared_ptr<Collection>(new Collection{*this, index, std::move(on_metrics), {}, {}});
  for (std::size_t each = 0; each < size(); ++each) {
    post(each, [this, collection, each] {
      const Metrics its = state_->loops[each]->metrics();
      const std::lock_guard lock(collection->mutex);
      collection->sum += its;
    });
  }
}

bool LoopPool::post(std::size_t index, Loop::Task task) {
  const std::lock_guard lock(state_->mutex);
  if (index >= state_->loops.size() || !state_->loops[index]) return false;
  state_->loops[index]->post(std::move(task));
  return true;
}

}  // namespace reactor
