// Three nodes keep one list of lines in simulated worlds; without their lease they do not.
#include <doctest/doctest.h>

#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "reactor/framed.hpp"
#include "reactor/simulation/seeds.hpp"
#include "reactor/simulation/world.hpp"
#include "reactor/stream.hpp"
#include "samples/replicated_log/node.hpp"
// The same file, with the line commented out that contains "Comment out", in another namespace.
#include "replicated_log_without_lease.hpp"

using namespace std::chrono_literals;
using reactor::Loop;
using reactor::simulation::Random;
using reactor::simulation::World;

namespace {

constexpr int nodes = 3;

std::string node_address(std::size_t number) { return "10.0.0." + std::to_string(number + 1); }

// What clients know of the list.
struct History {
  std::vector<std::string> added;
  std::string wrong;
};

// Adds lines and reads the list, each time at the node that led last, or at another.
class ListClient {
 public:
  ListClient(Loop& loop, int name, History& history, Random random)
      : loop_(loop),
        name_(std::to_string(name)),
        history_(history),
        random_(random),
        again_(loop, [this] { request(); }),
        silence_(loop, [this] { connect(); }) {
    connect();
  }

  [[nodiscard]] int added() const { return added_; }

 private:
  void connect() {
    lines_.reset();
    node_ = random_.below(nodes);
    stream_.emplace(reactor::Stream::connect(loop_, node_address(node_) + ":7000"));
    stream_->on_close([this](const reactor::Error&) { silence_.restart(200ms); });
    lines_.emplace(*stream_, protocols::LineDecoder(),
                   [this](std::string_view line) { take(line); });
    request();
  }

  void request() {
    silence_.restart(2s);
    known_ = history_.added.size();
    list_.clear();
    adds_ = random_.happens(0.5);
    if (adds_) text_ = name_ + "/" + std::to_string(requests_++);
    stream_->write(adds_ ? "add " + text_ + "\n" : std::string("list\n"));
  }

  void take(std::string_view line) {
    if (line == "not the leader") return silence_.restart(50ms);
    if (line != (adds_ ? "added" : "end")) return (void)list_.emplace_back(line);
    if (adds_) {
      history_.added.push_back(text_);
      ++added_;
    } else {
      check_list();
    }
    silence_.cancel();
    again_.restart(std::chrono::milliseconds(random_.below(3000)));
  }

  // Whatever had been added when the list was requested is in it.
  void check_list() {
    for (std::size_t i = 0; i < known_; ++i) {
      const std::string& text = history_.added[i];
      if (std::ranges::count(list_, text) != 1) history_.wrong = "no line " + text + " in a list";
    }
  }

  Loop& loop_;
  const std::string name_;
  History& history_;
  Random random_;
  std::size_t node_ = 0;
  int requests_ = 0;
  int added_ = 0;
  bool adds_ = false;
  std::string text_;
  std::size_t known_ = 0;
  std::vector<std::string> list_;
  std::optional<reactor::Stream> stream_;
  std::optional<reactor::Framed<protocols::LineDecoder>> lines_;
  reactor::Timer again_;
  reactor::Timer silence_;
};

// `leader` returns the number of a node that holds the lease.
void draw_faults(World& world, std::function<std::size_t()> leader) {
  Random& random = world.random();
  world.link({.latency = {1ms, std::chrono::milliseconds(1 + random.below(20))},
              .loss = 0.1 * static_cast<double>(random.below(3)),
              .duplicates = 0.1});
  world.faults({.short_counts = 0.1, .again = 0.1, .interrupted = 0.1, .pause = 0.02});
  const auto when = [&](std::uint64_t most) {
    return std::chrono::milliseconds(random.below(most));
  };
  for (int i = 0; i < 3; ++i) {
    const std::size_t after = 1 + random.below(nodes - 1);
    world.at(when(9000), [&world, leader, after, length = 3s + when(3000)] {
      const std::string one = node_address(leader());
      const std::string other = node_address((leader() + after) % nodes);
      world.partition(one, other);
      world.at(world.now() + length, [&world, one, other] { world.heal(one, other); });
    });
  }
  for (int i = 0; i < 2; ++i) {
    const std::string one = node_address(random.below(nodes));
    const auto down = when(9000);
    world.at(down, [&world, one] { world.host(one).crash(); });
    world.at(down + when(2000), [&world, one] { world.host(one).restart(); });
  }
  world.at(12s, [&world] {
    world.heal();
    world.faults({});
    for (std::size_t i = 0; i < nodes; ++i) world.host(node_address(i)).restart();
  });
}

// What is wrong with a group of these nodes, or an empty text.
template <class Node, class Memory>
std::string check_group(std::uint64_t seed) {
  std::vector<Memory> memories(nodes);  // A crash does not change what is on a disk.
  std::vector<Node*> running(nodes);
  World world({.seed = seed});
  const auto has_lease = [&](std::size_t number) {
    return world.host(node_address(number)).is_up() && running[number]->holds_lease();
  };
  draw_faults(world, [&] { return has_lease(0) ? 0U : has_lease(1) ? 1U : 2U; });
  std::vector<reactor::Address> addresses;
  for (std::size_t i = 0; i < nodes; ++i) {
    addresses.push_back(reactor::Address::parse(node_address(i) + ":7000").value());
  }
  for (std::size_t i = 0; i < nodes; ++i) {
    std::vector<reactor::Address> peers = addresses;
    std::erase(peers, addresses[i]);
    world.host(node_address(i)).start([=, &memories, &running](Loop& loop) {
      auto made = std::make_shared<Node>(loop, addresses[i], peers, memories[i], [] {});
      running[i] = made.get();
      return made;
    });
  }
  History history;
  std::list<ListClient> clients;
  for (int i = 0; i < 3; ++i) {
    Loop& loop = world.host("10.0.1." + std::to_string(i + 1)).loop();
    clients.emplace_back(loop, i, history, Random(world.random().next()));
  }
  const auto is_wrong = [&] {
    int leases = 0;
    for (std::size_t i = 0; i < nodes; ++i) {
      if (has_lease(i)) ++leases;
    }
    if (leases > 1) history.wrong = "two nodes hold a lease";
    return !history.wrong.empty();
  };
  const auto all_added = [&] {
    return std::ranges::all_of(clients,
                               [](const ListClient& client) { return client.added() >= 3; });
  };
  (void)world.run_until(is_wrong, 12s);
  if (!history.wrong.empty()) return history.wrong;
  if (!world.run_until([&] { return is_wrong() || all_added(); }, 1min)) return "no leader at last";
  const std::size_t last = history.added.size();
  const bool goes_on =
      world.run_until([&] { return is_wrong() || history.added.size() > last; }, 1min);
  return goes_on ? history.wrong : "no line is added without faults";
}

}  // namespace

TEST_SUITE("replicated log") {
  TEST_CASE("one node holds the lease, and a list has every line that was added, for each seed") {
    CHECK(reactor::simulation::for_each_seed(10, [](std::uint64_t seed) {
      const std::string wrong = check_group<replicated_log::Node, replicated_log::Memory>(seed);
      CHECK(wrong == "");
      return wrong.empty();
    }));
  }

  TEST_CASE("when the line of the lease is commented out, two nodes hold it in one of 100 worlds") {
    using Node = replicated_log_without_lease::Node;
    using Memory = replicated_log_without_lease::Memory;
    std::string wrong;
    for (std::uint64_t seed = 1; seed <= 100 && wrong.empty(); ++seed) {
      wrong = check_group<Node, Memory>(seed);
      INFO("seed " << seed);
      CHECK((wrong.empty() || wrong == "two nodes hold a lease"));
    }
    CHECK(wrong != "");
  }
}
