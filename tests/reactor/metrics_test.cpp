#include "reactor/metrics.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <charconv>
#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "reactor/datagram.hpp"
#include "reactor/loop_pool.hpp"
#include "reactor/server.hpp"
#include "reactor/timer.hpp"
#include "support/loop_modes.hpp"
#include "support/peer.hpp"
#include "support/result.hpp"
#include "support/run_until.hpp"

using namespace std::chrono_literals;
using reactor::Loop;
using reactor::Metrics;
using reactor::Stream;

namespace {

struct MeteredEcho {
  Stream& stream;
  void on_data(Stream::Bytes bytes) { stream.write(bytes); }
};

void be_busy_for(std::chrono::nanoseconds time) {
  const auto until = Loop::Clock::now() + time;
  while (Loop::Clock::now() < until) continue;
}

bool is_metric_name(std::string_view name) {
  return !name.empty() && std::all_of(name.begin(), name.end(),
                                      [](char c) { return (c >= 'a' && c <= 'z') || c == '_'; });
}

// Reads the text format of Prometheus, as strictly as its documentation is worded: each family has
// one HELP and one TYPE line and then its samples, without a gap; a label's value has no other
// escapes than the three; no sample appears twice; a counter ends in _total; a histogram's buckets
// grow up to that of +Inf, which equals its count.
class PrometheusSamples {
 public:
  explicit PrometheusSamples(const std::string& text) {
    REQUIRE(text.ends_with('\n'));
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) {
      CAPTURE(line);
      line.starts_with('#') ? read_comment(line) : read_sample(line);
    }
  }

  [[nodiscard]] double value(const std::string& sample) const {
    REQUIRE_MESSAGE(samples_.contains(sample), sample);
    return samples_.at(sample);
  }
  [[nodiscard]] bool has(const std::string& sample) const { return samples_.contains(sample); }
  [[nodiscard]] const std::set<std::string>& labels() const { return labels_; }

 private:
  void read_comment(std::string_view line) {
    const bool is_help = line.starts_with("# HELP ");
    REQUIRE((is_help || line.starts_with("# TYPE ")));
    line.remove_prefix(7);
    const std::string name(line.substr(0, line.find(' ')));
    CHECK(is_metric_name(name));
    CHECK(line.size() > name.size() + 1);
    if (is_help) {
      CHECK_MESSAGE(families_.insert(name).second, "the family appears twice");
      family_ = name;
      type_.clear();
      return;
    }
    CHECK(name == family_);
    CHECK(type_.empty());
    type_ = line.substr(name.size() + 1);
    CHECK((type_ == "counter" || type_ == "gauge" || type_ == "histogram"));
    CHECK((type_ == "counter") == name.ends_with("_total"));
    bucket_ = 0;
  }

  void read_sample(const std::string& line) {
    REQUIRE_FALSE(type_.empty());
    const std::size_t space = line.rfind(' ');
    REQUIRE(space != std::string::npos);
    const std::string sample = line.substr(0, space);
    double value = -1;
    const auto [end, error] =
        std::from_chars(line.data() + space + 1, line.data() + line.size(), value);
    CHECK((error == std::errc() && end == line.data() + line.size() && value >= 0));
    const std::string name = sample.substr(0, sample.find('{'));
    CHECK(is_metric_name(name));
    if (name.size() < sample.size()) read_label(std::string_view(sample).substr(name.size()));
    if (type_ != "histogram") {
      CHECK(name == family_);
    } else if (name == family_ + "_bucket") {
      CHECK(value >= bucket_);
      bucket_ = value;
    } else if (name == family_ + "_count") {
      CHECK(value == bucket_);
      CHECK(samples_.contains(family_ + "_bucket{le=\"+Inf\"}"));
    } else {
      CHECK(name == family_ + "_sum");
    }
    CHECK_MESSAGE(samples_.emplace(sample, value).second, "the sample appears twice");
  }

  // {name="value"}, one label.
  void read_label(std::string_view text) {
    const std::size_t equals = text.find("=\"");
    REQUIRE((equals != std::string_view::npos && text.ends_with("\"}")));
    CHECK(is_metric_name(text.substr(1, equals - 1)));
    text.remove_prefix(equals + 2);
    text.remove_suffix(2);
    std::string value;
    for (std::size_t at = 0; at < text.size(); ++at) {
      CHECK(text[at] != '"');
      if (text[at] != '\\') {
        value += text[at];
        continue;
      }
      REQUIRE(++at < text.size());
      CHECK((text[at] == '\\' || text[at] == '"' || text[at] == 'n'));
      value += text[at] == 'n' ? '\n' : text[at];
    }
    labels_.insert(value);
  }

  std::string family_;
  std::string type_;
  double bucket_ = 0;
  std::set<std::string> families_;
  std::set<std::string> labels_;
  std::map<std::string, double> samples_;
};

}  // namespace

TEST_SUITE("metrics") {
  TEST_CASE("of a loop that is not measured are empty") {
    Loop loop;
    const auto timer = reactor::Timer::after(loop, 0s, [] { be_busy_for(1ms); });
    loop.run();
    const Metrics metrics = loop.metrics();
    CHECK(metrics.callbacks == 0);
    CHECK(metrics.iterations.iterations == 0);
    CHECK(metrics.slowest.empty());
    const PrometheusSamples text(prometheus_text(metrics));
    CHECK(text.value("uvreactor_callbacks_total") == 0);
    CHECK(text.labels().contains("+Inf"));
  }

  TEST_CASE_TEMPLATE("count connections, bytes, events and callbacks", LoopMode, Standalone,
                     Embedded) {
    LoopMode mode;
    Loop& loop = mode.loop;
    SUBCASE("from its start on") { loop.measure(); }
    SUBCASE("from a callback on") {
      bool measured = false;
      loop.post([&] {
        loop.measure();
        measured = true;
      });
      run_until(loop, [&] { return measured; });
    }
    const Metrics before = loop.metrics();
    auto server = ok(reactor::Server<MeteredEcho>::listen(loop, "127.0.0.1:0"));
    auto connecting = Stream::connect(loop, server.address());
    REQUIRE(connecting);
    Stream client = std::move(*connecting);
    std::size_t echoed = 0;
    client.on_data([&](Stream::Bytes bytes) { echoed += bytes.size(); });
    client.write(std::string(1000, 'x'));
    run_until(loop, [&] { return echoed == 1000; });

    auto receiver = ok(reactor::DatagramSocket::bind(loop, "127.0.0.1:0"));
    auto sender = ok(reactor::DatagramSocket::bind(loop, "127.0.0.1:0"));
    std::size_t datagrams = 0;
    receiver.on_received([&](auto batch) { datagrams += batch.size(); });
    const auto send = reactor::Timer::after(
        loop, 0s, [&] { sender.send(receiver.address(), std::string(100, 'x')); });
    run_until(loop, [&] { return datagrams == 1; });

    const Metrics metrics = loop.metrics();
    CHECK(metrics.accepted == 1);
    CHECK(metrics.sent_bytes == 2100);
    CHECK(metrics.received_bytes == 2100);
    CHECK(metrics.streams == 2);
    CHECK(metrics.callbacks >= before.callbacks + 5);
    CHECK(metrics.ready_events >= 5);
    CHECK(metrics.iterations.iterations >= 3);
    const PrometheusSamples text(prometheus_text(metrics));
    CHECK(text.value("uvreactor_sent_bytes_total") == 2100);
    CHECK(text.value("uvreactor_accepted_connections_total") == 1);
    CHECK(text.value("uvreactor_streams") == 2);
    CHECK(text.value("uvreactor_iteration_seconds_count") >= 3);
    CHECK(text.value("uvreactor_iteration_seconds_sum") > 0);
  }

  TEST_CASE("remember the most that a stream has had queued") {
    Loop loop;
    auto sockets = connected_sockets(Transport::tcp4, small_buffers);
    Stream stream(loop, std::move(sockets[0]));
    while (stream.write(Pattern::at(0)) != reactor::WriteStatus::above_high_water) continue;
    const std::size_t most = stream.queued_bytes();
    stream.abort();
    CHECK(loop.metrics().most_queued_bytes == most);
  }

  TEST_CASE("name the slowest callbacks, the slowest first, each handle once") {
    Loop loop;
    loop.measure();
    const std::string odd = "flush \"cache\"\\\n";
    std::optional<reactor::Timer> named(std::in_place, loop, [] { be_busy_for(2ms); });
    named->set_name("not this name");
    named->set_name(odd);
    named->restart(0s);
    const auto plain = reactor::Timer::after(loop, 0s, [] { be_busy_for(1ms); });
    const auto quick = reactor::Timer::every(loop, 1ms, [] {});
    loop.post([] { be_busy_for(4ms); });
    run_until(loop, [&] { return loop.metrics().slowest.size() >= 3; });
    named->restart(0s);
    run_until(loop, [&] { return !named->running(); });
    named.reset();
    const Metrics metrics = loop.metrics();
    std::vector<std::string> names;
    for (const auto& slow : metrics.slowest) names.push_back(slow.handle);
    CHECK(std::count(names.begin(), names.end(), "posted task") == 1);
    CHECK(std::count(names.begin(), names.end(), odd) == 1);
    CHECK(std::count(names.begin(), names.end(), "timer") == 1);
    CHECK(metrics.slowest.front().longest >= 4ms);
    CHECK(std::is_sorted(metrics.slowest.begin(), metrics.slowest.end(),
                         [](auto& left, auto& right) { return left.longest > right.longest; }));
    CHECK(PrometheusSamples(prometheus_text(metrics)).labels().contains(odd));
  }

  TEST_CASE("keep sixteen slow callbacks, however many handles are slow") {
    Metrics metrics;
    for (int i = 0; i < 100; ++i) {
      metrics.add_callback(std::chrono::milliseconds(i), [i] { return std::to_string(i); });
    }
    metrics.add_callback(1h, [] { return "99"; });
    CHECK(metrics.slowest.size() == Metrics::most_slow_callbacks);
    CHECK(metrics.slowest.front().handle == "99");
    CHECK(metrics.slowest.back().handle == "84");
    metrics.add_callback(1ms, []() -> std::string {
      FAIL("the name is not needed");
      return {};
    });
  }

  TEST_CASE("of the loops of a pool are added up") {
    reactor::LoopPool pool(3);
    Metrics sum;
    std::atomic<int> ended = 0;
    pool.run([&](Loop& loop, std::size_t index) {
      loop.measure();
      const auto slow = reactor::Timer::after(loop, 0s, [&] {
        be_busy_for(1ms);
        if (++ended < 3) return;
        pool.collect_metrics(index, [&](const Metrics& metrics) {
          sum = metrics;
          pool.stop();
        });
      });
      loop.run_forever();
    });
    CHECK(sum.callbacks >= 3);
    CHECK(sum.slowest.front().longest >= 1ms);
    CHECK(sum.iterations.iterations >= 3);
    std::uint64_t in_buckets = 0;
    for (const std::uint64_t bucket : sum.iterations.buckets) in_buckets += bucket;
    CHECK(in_buckets == sum.iterations.iterations);
  }
}
