#include "samples/support/fair_work.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "support/connection.hpp"
#include "support/run_until.hpp"

using reactor::Loop;
using samples::FairWork;

namespace {

// Runs until a stop is requested.
void wait_for_stop(const std::stop_token& stop) {
  while (!stop.stop_requested()) std::this_thread::yield();
}

struct Site {
  explicit Site(FairWork::Limits limits) : work(loop, limits) {}

  // Occupies the only slot until let_go(), so that other jobs queue up.
  void hold_up() {
    held.emplace(FairWork::Client(work, "holder").run([this] { return wait(); }, [](bool) {}));
  }
  void let_go() { open = true; }

  void ask(const std::string& client, const std::string& what,
           const reactor::Stream* stream = nullptr) {
    jobs.push_back(FairWork::Client(work, client, stream)
                       .run([what] { return what; },
                            [this](const std::string& done) { reported.push_back(done); }));
  }

  void until_reported(std::size_t count) {
    run_until(loop, [&] { return reported.size() == count; });
  }

  bool wait() {
    while (!open) std::this_thread::yield();
    return true;
  }

  Loop loop;
  std::atomic<bool> open = false;
  FairWork work;
  std::optional<FairWork::Job> held;
  std::vector<FairWork::Job> jobs;
  std::vector<std::string> reported;
};

using Texts = std::vector<std::string>;

}  // namespace

TEST_SUITE("fair_work") {
  TEST_CASE("the jobs of clients run in rotation, however many each client has queued") {
    Site site({.at_once = 1, .of_each = 1});
    site.hold_up();
    for (const char* what : {"a1", "a2", "a3"}) site.ask("a", what);
    for (const char* what : {"b1", "b2"}) site.ask("b", what);
    site.ask("c", "c1");
    site.let_go();
    site.until_reported(6);
    CHECK(site.reported == Texts{"a1", "b1", "c1", "a2", "b2", "a3"});
  }

  TEST_CASE(
      "one client's running jobs stay within its limit, and other clients' jobs run at the same "
      "time") {
    Site site({.at_once = 3, .of_each = 2});
    std::atomic<int> running = 0;
    const auto hold = [&](const char* client) {
      site.jobs.push_back(FairWork::Client(site.work, client)
                              .run(
                                  [&] {
                                    ++running;
                                    return site.wait();
                                  },
                                  [&](bool) { site.reported.emplace_back("held"); }));
    };
    for (int i = 0; i < 5; ++i) hold("a");
    poll_until(site.loop, [&] { return running == 2; });
    site.ask("b", "b1");
    site.until_reported(1);
    CHECK(site.reported == Texts{"b1"});
    CHECK(running == 2);
    site.let_go();
    site.until_reported(6);
    CHECK(running == 5);
  }

  TEST_CASE("a job that is destroyed before its function begins destroys the function") {
    Site site({.at_once = 1, .of_each = 1});
    site.hold_up();
    bool ran = false;
    auto owned = std::make_shared<int>();
    std::optional job = FairWork::Client(site.work, "a")
                            .run([&ran, owned] { return ran = true; },
                                 [&](bool) { site.reported.emplace_back("ran"); });
    FairWork::Job moved = std::move(*job);
    job.reset();
    CHECK(owned.use_count() > 1);
    moved = FairWork::Job();
    CHECK(owned.use_count() == 1);
    site.ask("a", "next");
    site.let_go();
    site.until_reported(1);
    CHECK(site.reported == Texts{"next"});
    CHECK_FALSE(ran);
  }

  TEST_CASE(
      "a job that is destroyed while its function runs requests a stop, and does not call back") {
    Site site({.at_once = 1, .of_each = 1});
    std::atomic<bool> began = false, stopped = false;
    std::optional job = FairWork::Client(site.work, "a")
                            .run(
                                [&](const std::stop_token& stop) {
                                  began = true;
                                  wait_for_stop(stop);
                                  return stopped = true;
                                },
                                [&](bool) { site.reported.emplace_back("stopped"); });
    site.ask("a", "next");
    poll_until(site.loop, [&] { return began.load(); });
    job.reset();
    site.until_reported(1);
    CHECK(stopped);
    CHECK(site.reported == Texts{"next"});
  }

  TEST_CASE("all queued and running functions end with the FairWork, and jobs may outlive it") {
    Loop loop;
    std::atomic<bool> began = false;
    bool called = false;
    std::optional<FairWork> work(std::in_place, loop, FairWork::Limits{.at_once = 1, .of_each = 1});
    const FairWork::Client client(*work, "a");
    const auto wait = [&](const std::stop_token& stop) {
      began = true;
      wait_for_stop(stop);
      return true;
    };
    const auto running = client.run(wait, [&](bool) { called = true; });
    const auto waiting = client.run(wait, [&](bool) { called = true; });
    poll_until(loop, [&] { return began.load(); });
    work.reset();
    loop.run();
    CHECK_FALSE(called);
  }

  TEST_CASE("the jobs of a peer that has ended its side run after all others") {
    Site site({.at_once = 1, .of_each = 1});
    ConnectedStream gone(site.loop), there(site.loop);
    gone.stream->pause();
    site.hold_up();
    for (const char* what : {"g1", "g2"}) site.ask("a", what, &*gone.stream);
    for (const char* what : {"t1", "t2"}) site.ask("a", what, &*there.stream);
    site.ask("b", "b1");
    gone.peer.finish();
    run_until(site.loop, [&] { return gone.stream->peer_has_ended(); });
    site.let_go();
    site.until_reported(5);
    CHECK(site.reported == Texts{"t1", "b1", "t2", "g1", "g2"});
  }

  TEST_CASE("a callback may start another job, and destroy its own") {
    Site site({.at_once = 1, .of_each = 1});
    const FairWork::Client client(site.work, "a");
    std::optional<FairWork::Job> job;
    std::vector<int> pieces;
    const auto next = [&](const auto& again, int piece) -> void {
      job = client.run([piece] { return piece; },
                       [&, again](int done) {
                         pieces.push_back(done);
                         if (done < 3) return again(again, done + 1);
                         job.reset();
                       });
    };
    next(next, 1);
    run_until(site.loop, [&] { return !job; });
    CHECK(pieces == std::vector{1, 2, 3});
  }
}
