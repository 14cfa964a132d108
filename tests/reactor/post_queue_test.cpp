#include "reactor/post_queue.hpp"

#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

using reactor::PostQueue;

namespace {

void run_batch(PostQueue& queue) {
  auto& batch = queue.batch();
  while (!batch.empty()) {
    PostQueue::Task task = std::move(batch.front());
    batch.pop();
    task();
  }
}

// Records when it is destroyed, and then posts a task.
struct PostsWhenDestroyed {
  PostsWhenDestroyed(PostQueue& to, std::string& into) : queue(to), log(into) {}
  PostsWhenDestroyed(const PostsWhenDestroyed&) = delete;
  PostsWhenDestroyed& operator=(const PostsWhenDestroyed&) = delete;
  ~PostsWhenDestroyed() {
    log += "destroyed ";
    (void)queue.push([last = std::make_shared<int>(1)] {});
  }

  PostQueue& queue;
  std::string& log;
};

}  // namespace

TEST_SUITE("post queue") {
  TEST_CASE("tasks run in the order in which they were posted") {
    PostQueue queue;
    std::string log;
    CHECK(queue.empty());
    for (const char* text : {"one ", "two ", "three "}) {
      (void)queue.push([&log, text] { log += text; });
    }
    CHECK_FALSE(queue.empty());
    run_batch(queue);
    CHECK(log == "one two three ");
    CHECK(queue.empty());
  }

  TEST_CASE("only the first task of a batch wakes the loop, and only if the loop sleeps") {
    PostQueue queue;
    CHECK(queue.push([] {}).owns_lock());
    CHECK_FALSE(queue.push([] {}).owns_lock());
    run_batch(queue);
    queue.set_awake(true);
    CHECK_FALSE(queue.push([] {}).owns_lock());
    run_batch(queue);
    queue.set_awake(false);
    CHECK(queue.push([] {}).owns_lock());
  }

  TEST_CASE("a task posted by a task is in the next batch, after the rest of the current one") {
    PostQueue queue;
    std::string log;
    (void)queue.push([&] {
      log += "first ";
      (void)queue.push([&log] { log += "posted "; });
    });
    (void)queue.push([&log] { log += "second "; });
    queue.batch().front()();
    queue.batch().pop();
    run_batch(queue);
    CHECK(log == "first second ");
    run_batch(queue);
    CHECK(log == "first second posted ");
  }

  TEST_CASE("clear() also destroys tasks that the destructors of tasks post") {
    PostQueue queue;
    std::string log;
    (void)queue.push([kept = std::make_unique<PostsWhenDestroyed>(queue, log)] {});
    queue.clear();
    CHECK(log == "destroyed ");
    CHECK(queue.batch().empty());
  }

  TEST_CASE("tasks of several threads all arrive, in the order of each thread") {
    PostQueue queue;
    constexpr int threads = 4;
    constexpr int tasks = 1000;
    std::vector<std::vector<int>> ran(threads);
    std::vector<std::jthread> posting;
    for (int thread = 0; thread < threads; ++thread) {
      posting.emplace_back([&, thread] {
        for (int i = 0; i < tasks; ++i) {
          (void)queue.push(
              [&list = ran[static_cast<std::size_t>(thread)], i] { list.push_back(i); });
        }
      });
    }
    posting.clear();
    run_batch(queue);
    for (const auto& list : ran) {
      REQUIRE(list.size() == tasks);
      for (int i = 0; i < tasks; ++i) CHECK(list[static_cast<std::size_t>(i)] == i);
    }
  }
}
