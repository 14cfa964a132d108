#include "samples/support/interface.hpp"

#include <set>

#include "samples/support/failed.hpp"

namespace samples {
namespace {

template <class Wanted>
reactor::Interface find(const std::string& name, const char* kind, Wanted wanted) {
  std::set<std::string> others;
  for (const reactor::Interface& interface : value_of(reactor::interfaces())) {
    if (!wanted(interface)) continue;
    if (interface.name == name) return interface;
    others.insert(interface.name);
  }
  std::string known;
  for (const std::string& other : others) known += (known.empty() ? "" : ", ") + other;
  throw Failed(name + ": no interface" + kind + " (" + (known.empty() ? "there is none" : known) +
               ")");
}

}  // namespace

unsigned interface_index(const std::string& name) {
  if (name.empty()) return 0;
  return find(name, "", [](const reactor::Interface&) { return true; }).index;
}

reactor::Interface broadcast_interface(const std::string& name) {
  return find(name, " that can broadcast",
              [](const reactor::Interface& interface) { return interface.can_broadcast; });
}

}  // namespace samples
