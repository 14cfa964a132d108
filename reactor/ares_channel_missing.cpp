// In place of ares_channel.cpp where the library is built without c-ares: no loop has a channel.
#include "reactor/ares_channel.hpp"

namespace reactor::inline v0 {

std::shared_ptr<AresChannel> AresChannel::of(Loop&) { return nullptr; }
void AresChannel::find_addresses(const char*, const char*, int, OnAddresses) {}
void AresChannel::find_name(const Address&, OnName) {}
AresChannel::~AresChannel() = default;

}  // namespace reactor
