#include "samples/http_responder/monitor.hpp"

#include <cstdio>

#include "samples/http_responder/session.hpp"
#include "samples/http_responder/site.hpp"

namespace responder {

/// An answer that has no end.
class Monitor::Watching final : public Exchange {
 public:
  Watching(Monitor& monitor, Session& session)
      : monitor_(monitor), place_(monitor.watching_.insert(monitor.watching_.end(), &session)) {}
  ~Watching() override {
    monitor_.watching_.erase(place_);
    if (monitor_.watching_.empty()) monitor_.timer_.cancel();
  }

  void on_finish(Session& session) override { session.end_answer(); }

 private:
  Monitor& monitor_;
  std::list<Session*>::iterator place_;
};

Monitor::Monitor(reactor::Loop& loop, Figures& figures)
    : loop_(loop), figures_(figures), timer_(loop, [this] { tell(); }) {}

void Monitor::watch(Session& session) {
  session.begin_answer(200, {{"Content-Type", "text/event-stream"}, {"Cache-Control", "no-store"}});
  if (!session.sends_body()) return session.end_answer();
  if (watching_.empty()) {
    loop_.measure_turns();
    requests_told_ = figures_.requests.load(std::memory_order_relaxed);
    told_at_ = loop_.now();
    timer_.restart_every(std::chrono::seconds(1));
  }
  session.start(std::make_unique<Watching>(*this, session));
  session.write_body(event());
}

void Monitor::tell() {
  const std::string text = event();
  requests_told_ = figures_.requests.load(std::memory_order_relaxed);
  told_at_ = loop_.now();
  for (Session* session : watching_) {
    session->write_body(text);
    session->flush();
  }
}

std::string Monitor::event() {
  using Milliseconds = std::chrono::duration<double, std::milli>;
  const std::uint64_t requests = figures_.requests.load(std::memory_order_relaxed);
  const std::chrono::duration<double> passed = loop_.now() - told_at_;
  const double rate =
      passed.count() > 0 ? static_cast<double>(requests - requests_told_) / passed.count() : 0;
  const reactor::TurnStatistics& turns = loop_.measure_turns();
  char text[256];
  std::snprintf(text, sizeof text,
                "data: {\"connections\":%lld,\"requests\":%llu,\"requests_per_second\":%.0f,"
                "\"lag_p99_ms\":%.3f,\"lag_longest_ms\":%.3f}\n\n",
                static_cast<long long>(figures_.connections.load(std::memory_order_relaxed)),
                static_cast<unsigned long long>(requests), rate,
                Milliseconds(turns.percentile(0.99)).count(), Milliseconds(turns.longest).count());
  return text;
}

std::string_view status_page() {
  return R"(<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>http_responder</title>
<link rel="icon" href="data:,">
<style>
  body { font: 16px/1.5 sans-serif; max-width: 40em; margin: 3em auto; padding: 0 1em; }
  td { padding: 0 2em 0 0; }
  td:last-child { font-weight: bold; text-align: right; min-width: 6em; }
</style>
</head>
<body>
<h1>http_responder</h1>
<table>
  <tr><td>connections</td><td id="connections">–</td></tr>
  <tr><td>requests</td><td id="requests">–</td></tr>
  <tr><td>requests a second</td><td id="requests_per_second">–</td></tr>
  <tr><td>loop lag, 99 % below (ms)</td><td id="lag_p99_ms">–</td></tr>
  <tr><td>loop lag, longest (ms)</td><td id="lag_longest_ms">–</td></tr>
</table>
<p id="state">connecting …</p>
<h2>Routes</h2>
<ul>
  <li><a href="/hello">GET /hello</a></li>
  <li>POST /echo: the body comes back</li>
  <li>PUT or POST /upload: the body is counted</li>
  <li><a href="/download?size=1000000">GET /download?size=N</a>: N bytes, in chunks</li>
  <li><a href="/events">GET /events</a>: the figures above, once a second</li>
</ul>
<script>
  const events = new EventSource("/events");
  events.onmessage = (message) => {
    document.getElementById("state").textContent = "live";
    for (const [name, value] of Object.entries(JSON.parse(message.data))) {
      document.getElementById(name).textContent = value;
    }
  };
  events.onerror = () => { document.getElementById("state").textContent = "the server is gone"; };
</script>
</body>
</html>
)";
}

}  // namespace responder
