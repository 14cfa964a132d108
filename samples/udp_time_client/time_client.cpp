#include "samples/udp_time_client/time_client.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <optional>
#include <span>
#include <string>
#include <utility>

#include "reactor/datagram.hpp"
#include "reactor/stop_signals.hpp"
#include "reactor/stream.hpp"
#include "reactor/timer.hpp"
#include "samples/support/program.hpp"
#include "samples/support/server_addresses.hpp"
#include "samples/udp_time_client/questions.hpp"

namespace time_client {
namespace {

using namespace std::chrono_literals;
using std::chrono::system_clock;

std::chrono::nanoseconds duration(double seconds) {
  return std::chrono::nanoseconds(std::llround(seconds * 1e9));
}

double seconds(std::chrono::nanoseconds duration) {
  return std::chrono::duration<double>(duration).count();
}

// Kiss-o'-Death packets with the code RATE: after so many the interval is 32 times as long.
constexpr int most_rates_in_a_row = 5;

class TimeClient {
 public:
  TimeClient(reactor::Loop& loop, const Options& options)
      : loop_(loop),
        options_(options),
        servers_(options.endpoint),
        interval_(duration(options.interval_seconds.value_or(1))),
        left_(options.count) {
    if (!left_ && !options.interval_seconds) left_ = 1;
    begin();
  }

  bool failed() const { return failed_; }

 private:
  // A socket for each request, so that no late response is taken for that to the next one.
  void begin() {
    requested_at_ = loop_.now();
    servers_.begin();
    ask();
  }

  void ask() {
    const auto deadline = requested_at_ + duration(options_.timeout_seconds);
    timeout_.restart(servers_.share_of(deadline - loop_.now()));
    options_.tcp ? ask_on_connection() : ask_by_datagram();
  }

  // Tries another address of the name, if there is one.
  void try_next(const std::string& why) {
    socket_.reset();
    stream_.reset();
    servers_.go_on() ? ask() : fail(why);
  }

  samples::Question question() const {
    if (options_.sntp) return samples::ask_sntp();
    if (options_.time) return samples::ask_time();
    if (options_.daytime) return samples::ask_daytime();
    if (!options_.send_timestamp) return samples::ask_text(options_.format);
    return samples::ask_text(std::to_string(system_clock::to_time_t(system_clock::now())));
  }

  void ask_by_datagram() {
    auto socket =
        reactor::DatagramSocket::connect(loop_, servers_.current(), {.receive_times = true});
    if (!socket) return try_next(socket.error().message());
    socket_ = std::move(*socket);
    socket_->on_error([this](reactor::Error error) {
      error.operation = "ask";
      error.subject = servers_.current().to_string();
      try_next(error.message());
    });
    socket_->on_received([this](std::span<const reactor::Datagram> batch) {
      for (const reactor::Datagram& datagram : batch) {
        if (read(datagram.bytes, datagram.packet_info->time)) return;
      }
    });
    question_ = question();  // Not before there is a socket: the clock is running.
    socket_->send(question_.request);
  }

  void ask_on_connection() {
    auto stream = reactor::Stream::connect(loop_, servers_.current());
    if (!stream) return try_next(stream.error().message());
    received_.clear();
    question_ = question();
    stream_ = std::move(*stream);
    stream_->on_data([this](std::span<const std::byte> bytes) {
      received_.append(protocols::as_text(bytes));
      if (received_.size() > 512) fail("more than 512 bytes of answer");
    });
    stream_->on_close([this](const reactor::Error& error) {
      if (error) return try_next(error.message());
      read(protocols::as_bytes(received_), system_clock::now());
    });
  }

  // True if the request is done.
  bool read(protocols::Bytes bytes, samples::Arrived arrived) {
    try {
      const auto words = question_.read(bytes, arrived);
      if (!words) return false;
      servers_.note_response();
      std::printf("%s\n", words->c_str());
      std::fflush(stdout);
      rates_in_a_row_ = 0;
      ask_again();
    } catch (const samples::KissOfDeath& kiss) {
      obey(kiss);
    } catch (const samples::Failed& failure) {
      fail(options_.endpoint + ": " + failure.what());
    }
    return true;
  }

  // As RFC 5905 section 7.4 requires. After repeated refusals the client stops.
  void obey(const samples::KissOfDeath& kiss) {
    servers_.note_response();
    std::string what = options_.endpoint + ": " + kiss.what();
    rates_in_a_row_ = kiss.too_many_requests ? rates_in_a_row_ + 1 : 0;
    const bool ends = kiss.denied || rates_in_a_row_ == most_rates_in_a_row;
    if (ends) left_ = 1;
    if (kiss.too_many_requests) {
      interval_ = std::max<std::chrono::nanoseconds>(2 * interval_, kiss.least_interval);
    }
    if (left_ != 1U && kiss.too_many_requests) {
      what += fmt::format("; from now on a request is sent every {} s", seconds(interval_));
    } else if (ends) {
      what += "; no further request is sent";
    }
    fail(what);
  }

  void fail(const std::string& why) {
    std::fprintf(stderr, "error: %s\n", why.c_str());
    failed_ = true;
    ask_again();
  }

  void ask_again() {
    socket_.reset();
    stream_.reset();
    timeout_.cancel();
    if (left_ && --*left_ == 0) return loop_.stop();
    next_.restart(std::max(0ns, requested_at_ + interval_ - loop_.now()));
  }

  reactor::Loop& loop_;
  const Options& options_;
  samples::ServerAddresses servers_;
  std::chrono::nanoseconds interval_;
  int rates_in_a_row_ = 0;
  std::optional<unsigned> left_;  // Empty: until it is stopped.
  reactor::Loop::Clock::time_point requested_at_;
  samples::Question question_;
  std::optional<reactor::DatagramSocket> socket_;
  std::optional<reactor::Stream> stream_;
  std::string received_;
  reactor::Timer next_{loop_, [this] { begin(); }};
  reactor::Timer timeout_{loop_,
                          [this] { try_next("no answer from " + servers_.current().to_string()); }};
  bool failed_ = false;
};

}  // namespace

int run(const Options& options) {
  reactor::Loop loop;
  const auto stop = samples::value_of(reactor::StopSignals::create(loop, [&loop] { loop.stop(); }));
  const TimeClient client(loop, options);
  loop.run();
  return client.failed() ? 1 : 0;
}

}  // namespace time_client
