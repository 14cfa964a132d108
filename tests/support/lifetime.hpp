// Tests of the lifetime of servers: the user's code may do anything in any of its calls.
#pragma once

#include <doctest/doctest.h>

#include <cstddef>
#include <functional>
#include <map>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "support/sample.hpp"

namespace lifetime {

/// The first three sessions exist at the tested moment.
inline constexpr int established = 3;

struct Thrown : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// An action on a World: a server with its sessions and their clients. `self` is the number of the
/// session whose call runs the action.
template <class World>
struct Action {
  std::string name;
  std::function<void(World&, int self)> act;
  enum Effect { none, closes, destroys, drains, throws } effect = none;
};

/// An action on a session's Peer: a stream, or the other end of datagrams.
template <class Peer>
struct Deed {
  std::string name;
  void (*act)(Peer&);
  bool closes = false;
};

/// Every action on the server, and each of `deeds` on each choice of its sessions. World::peers
/// contains them by number, in the order in which they were made.
template <class World, class Peer>
std::vector<Action<World>> actions(const std::vector<Deed<Peer>>& deeds, void (*write)(Peer&)) {
  using A = Action<World>;
  std::vector<A> all = {
      {"destroy the server", [](World& world, int) { world.destroy(); }, A::destroys},
      {"drain", [](World& world, int) { world.drain(); }, A::drains},
      {"drain and destroy",
       [](World& world, int) {
         world.drain();
         world.destroy();
       },
       A::destroys},
      {"visit all", [write](World& world, int) { world.for_each(write); }},
      {"destroy the server in a visitor",
       [](World& world, int) { world.for_each([&](Peer&) { world.destroy(); }); }, A::destroys},
      {"drain in a visitor",
       [](World& world, int) { world.for_each([&](Peer&) { world.drain(); }); }, A::drains},
      {"stop the loop", [](World& world, int) { world.loop.stop(); }},
      {"throw", [](World&, int) { throw Thrown("thrown"); }, A::throws},
  };
  using Choice = bool (*)(int number, int self);
  const std::pair<const char*, Choice> choices[] = {
      {"this", [](int number, int self) { return number == self; }},
      {"an earlier", [](int number, int self) { return number == self - 1; }},
      {"a later", [](int number, int self) { return number == self + 1; }},
      {"all", [](int, int) { return true; }}};
  for (const Deed<Peer>& deed : deeds) {
    for (const auto& [name, chosen] : choices) {
      all.push_back({deed.name + " " + name,
                     [act = deed.act, chosen = chosen](World& world, int self) {
                       std::vector<Peer*> peers;
                       for (const auto& [number, peer] : world.peers) {
                         if (chosen(number, self)) peers.push_back(peer);
                       }
                       for (Peer* const peer : peers) act(*peer);
                     },
                     deed.closes ? A::closes : A::none});
    }
  }
  return all;
}

/// Combines each moment with each action. Destructors do not throw.
template <class Moment, class World>
void for_each_pair(const std::vector<std::pair<Moment, const char*>>& moments,
                   const std::vector<Action<World>>& actions, bool (*is_destructor)(Moment),
                   const std::function<void(Moment, const Action<World>&)>& check) {
  for (std::size_t row = 0; row < moments.size(); ++row) {
    for (std::size_t column = 0; column < actions.size(); ++column) {
      if (!is_in_sample(row, column)) continue;
      const auto& [moment, name] = moments[row];
      const Action<World>& action = actions[column];
      if (is_destructor(moment) && action.effect == Action<World>::throws) continue;
      const std::string pair = std::string(name) + ": " + action.name;
      CAPTURE(pair);
      check(moment, action);
    }
  }
}

/// Runs `step`; true if it throws the exception of an action.
template <class Step>
bool throws(const Step& step) {
  try {
    step();
  } catch (const Thrown&) {
    return true;
  }
  return false;
}

}  // namespace lifetime
