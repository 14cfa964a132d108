// Sends a message to a broadcast address or a multicast group at an interval. Prints each reply
// with its sender and its delay.
#include "samples/broadcast_sender/caller.hpp"
#include "samples/support/program.hpp"

int main(int count, char** words) {
  broadcast_sender::Options options;
  int status = 0;
  samples::CommandLine command_line{
      "Broadcasts messages, each from a port of its own, and prints each reply with its\n"
      "sender and the time since its message was sent.\n"
      "Example: broadcast_sender --interface eth0 --count 3"};
  command_line.add_option("--to", options.to,
                          "A broadcast address or multicast group, and its port");
  command_line.add_option("--interface", options.interface,
                          "To this interface's broadcast address, or the group on it");
  command_line.add_option("--message", options.message, "The message");
  command_line.add_option("--interval", options.interval_seconds, "Seconds between two messages")
      .within(0.1, 1e6);
  command_line.add_option("--count", options.count, "Messages to send [without end]")
      .within(1U, 4'000'000'000U);
  const int parsed = samples::run_program(command_line, count, words,
                                          [&] { status = broadcast_sender::call(options); });
  return parsed != 0 ? parsed : status;
}
