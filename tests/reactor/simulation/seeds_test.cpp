#include "reactor/simulation/seeds.hpp"

#include <doctest/doctest.h>

#include <cstdlib>
#include <stdexcept>
#include <string>
#include <vector>

#include "reactor/datagram.hpp"
#include "reactor/simulation/world.hpp"
#include "support/result.hpp"

using namespace std::chrono_literals;
using reactor::simulation::for_each_seed;
using reactor::simulation::minimize;
using reactor::simulation::World;

namespace {

class Variable {
 public:
  Variable(const char* name, const char* value) : name_(name) { ::setenv(name, value, 1); }
  ~Variable() { ::unsetenv(name_); }
  Variable(const Variable&) = delete;
  Variable& operator=(const Variable&) = delete;

 private:
  const char* const name_;
};

// Of ten datagrams over a link that loses a half, the fourth and the seventh must arrive, or else
// the eighth.
bool important_ones_arrive(std::uint64_t seed) {
  World world({.seed = seed});
  world.link({.loss = 0.5});
  std::string received;
  auto to = ok(reactor::DatagramSocket::bind(world.host("10.0.0.1").loop(), "10.0.0.1:9"));
  to.on_received([&](std::span<const reactor::Datagram> datagrams) {
    for (const auto& datagram : datagrams) received += datagram.text();
  });
  auto from = ok(reactor::DatagramSocket::bind(world.host("10.0.0.2").loop(), "10.0.0.2:0"));
  for (char name = '0'; name <= '9'; ++name) {
    from.send(address("10.0.0.1:9"), std::string(1, name));
    world.run_for(1s);
  }
  const auto has = [&](char name) { return received.find(name) != std::string::npos; };
  return (has('3') && has('6')) || has('7');
}

}  // namespace

TEST_SUITE("simulation seeds") {
  TEST_CASE("a failing seed ends the search, also if the test throws") {
    std::vector<std::uint64_t> run;
    CHECK_FALSE(for_each_seed(10, [&](std::uint64_t seed) {
      run.push_back(seed);
      return seed != 3;
    }));
    CHECK(run == std::vector<std::uint64_t>{1, 2, 3});
    CHECK_THROWS_AS(for_each_seed(10, [](std::uint64_t) -> bool { throw std::runtime_error("x"); }),
                    std::runtime_error);
  }

  TEST_CASE("a failing seed ends also a search that is limited by time") {
    const Variable variable("UVREACTOR_SIMULATE_SECONDS", "3600");
    std::uint64_t last = 0;
    CHECK_FALSE(for_each_seed(2, [&](std::uint64_t seed) {
      last = seed;
      return seed < 5;
    }));
    CHECK(last == 5);
  }

  TEST_CASE("variables of the environment choose one seed, or how many") {
    std::vector<std::uint64_t> run;
    const auto note = [&](std::uint64_t seed) {
      run.push_back(seed);
      return true;
    };
    CHECK(for_each_seed(2, note));
    {
      const Variable variable("UVREACTOR_SEEDS", "3");
      CHECK(for_each_seed(2, note));
    }
    const Variable variable("UVREACTOR_SEED", "17");
    CHECK(for_each_seed(2, note));
    CHECK(run == std::vector<std::uint64_t>{1, 2, 1, 2, 3, 17});
  }

  TEST_CASE("a failure is reduced to the faults without which it does not happen") {
    std::uint64_t failing = 1;
    while (important_ones_arrive(failing)) ++failing;
    const std::vector<std::uint64_t> faults = minimize(failing, important_ones_arrive);
    CHECK(faults.size() == 2);
    const std::string list = std::to_string(faults[0]) + "," + std::to_string(faults[1]);
    const Variable variable("UVREACTOR_FAULTS", list.c_str());
    const Variable seed("UVREACTOR_SEED", std::to_string(failing).c_str());
    CHECK_FALSE(for_each_seed(1, important_ones_arrive));
  }

  TEST_CASE("a test that does not fail needs no fault") {
    CHECK(minimize(1, [](std::uint64_t) { return true; }).empty());
  }
}
