#include "bench/load/options.hpp"

#include <CLI/CLI.hpp>

#include <algorithm>
#include <map>

#include "bench/load/tls.hpp"

namespace bench {

namespace {

const std::map<std::string, Protocol> protocols = {
    {"raw", Protocol::raw},
    {"lines", Protocol::lines},
    {"length-prefixed", Protocol::length_prefixed},
    {"http", Protocol::http},
    {"udp", Protocol::udp},
    {"time", Protocol::time},
};

const char* const about =
    "Loads a server and prints what it did: messages a second, the latency of each, and with\n"
    "--server-pid the CPU time that the server spent on one.";

const char* const examples =
    "Examples:\n"
    "  $ load 127.0.0.1:9000 --connections 100 --size 64 --server-pid $(pidof server)\n"
    "  $ load 127.0.0.1:9000 --rate 20000 --duration 10     # latency at a stated rate\n"
    "  $ load 127.0.0.1:9000 --slow-readers 5               # five peers that do not read";

// The error in a combination of options; empty when there is none.
std::string contradiction(const Options& options) {
  if (options.churn && options.datagrams()) return "--churn needs connections, not datagrams";
  if (options.churn && options.open_loop()) return "--churn has no --rate: it is a closed loop";
  if (options.churn && options.pipeline > 1) return "--churn sends one message a connection";
  if (options.batch && options.open_loop()) return "--batch belongs to the closed loop";
  if (options.broadcast && (options.datagrams() || options.protocol == Protocol::http)) {
    return "--broadcast needs connections that are sent what one of them sent";
  }
  if (options.broadcast && (options.churn || options.open_loop() || options.ramp > 0)) {
    return "--broadcast is a closed loop of all connections at once";
  }
  if (options.broadcast && options.messages % std::max<std::size_t>(options.connections, 1) != 0) {
    return "--broadcast: each of the --messages comes back on every connection";
  }
  if (options.tls && options.datagrams()) return "--tls needs connections, not datagrams";
  if (options.tls && !make_tls_connection(false)) return "--tls: built without OpenSSL";
  if (options.protocol == Protocol::udp && options.size > 65507) {
    return "--size: a datagram holds at most 65507 bytes";
  }
  return {};
}

}  // namespace

Options parse_options(int argc, char** argv) {
  Options options;
  CLI::App app(about, "load");
  app.footer(examples);
  app.option_defaults()->always_capture_default();

  app.add_option("target", options.target, "HOST:PORT, [::1]:PORT or unix:PATH")->required();
  app.add_option("--protocol", options.protocol, "What to say")
      ->transform(CLI::CheckedTransformer(protocols));
  app.add_option("--path", options.path, "The target of HTTP requests");

  app.add_option("-c,--connections", options.connections, "Connections with traffic");
  app.add_option("-s,--size", options.size, "Bytes of a message")->check(CLI::Range(1, 64 << 20));
  app.add_option("-p,--pipeline", options.pipeline, "Messages in flight on each connection")
      ->check(CLI::Range(1, 1 << 20));
  app.add_flag("--batch", options.batch,
               "Send the next --pipeline messages when all of the last are answered, instead of "
               "one for each answer");
  app.add_flag("--churn", options.churn, "Connect, one message, close, and again");
  app.add_flag("--broadcast", options.broadcast,
               "One connection sends, and all are answered: each answer counts as a message, and "
               "the next is sent when the last one has come");

  const auto tls = app.add_flag("--tls", options.tls,
                                "Speak TLS, and verify nothing. The time of the handshakes counts "
                                "only with --churn");
  app.add_flag("--tls-resume", options.tls_resume,
               "Each connection but the first resumes the session of the one before")
      ->needs(tls);

  app.add_option("-r,--rate", options.rate,
                 "Open loop: messages a second in all; latency counts from when a message was due");
  app.add_option("-d,--duration", options.seconds, "Seconds that are measured");
  app.add_option("--warm-up", options.warm_up, "Seconds of traffic before them");
  app.add_option("--ramp", options.ramp, "Seconds over which the connections are opened");
  app.add_option("-n,--messages", options.messages,
                 "End after exactly so many messages instead; no warm-up then");

  app.add_option("--hold", options.hold,
                 "Seconds to keep the connections open afterwards, in silence; says \"holding\"");

  app.add_option("--idle", options.idle, "Further connections that never send");
  app.add_option("--slow-readers", options.slow_readers,
                 "Further connections that send all they can and read a byte an interval");
  app.add_option("--one-byte", options.one_byte,
                 "Further connections that send their messages a byte an interval");
  app.add_option("--resets", options.resets,
                 "Further connections that send half a message, reset, and connect again");
  app.add_option("--hostile-interval", options.hostile_interval, "Seconds between their acts");

  app.add_flag("--verify", options.verify, "Check every byte that comes back");
  app.add_option("--server-pid", options.server_pid, "Account this process's CPU time too");
  app.add_flag("--json", options.json, "Report as one JSON object");

  try {
    app.parse(argc, argv);
    if (const std::string wrong = contradiction(options); !wrong.empty()) {
      throw CLI::ValidationError(wrong);
    }
  } catch (const CLI::ParseError& error) {
    std::exit(app.exit(error) == 0 ? 0 : 2);
  }
  return options;
}

}  // namespace bench
