// What the user's code may do in any callback of an HttpServer: each moment is combined with each
// action. AddressSanitizer finds what the checks do not.
#include <doctest/doctest.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "web/served.hpp"

using web::Request;
using web::RequestBody;
using web::Response;
using web::Upgraded;

namespace {

enum class Moment {
  handler,
  handler_with_body,
  fallback,
  on_data,
  body_end,
  on_drained,
  on_close,
  on_finish,
  on_response,
  captured_destructor,
  upgraded_data,
  upgraded_close,
};

const std::vector<std::pair<Moment, const char*>> moments = {
    {Moment::handler, "a handler"},
    {Moment::handler_with_body, "a handler with a collected body"},
    {Moment::fallback, "the fallback"},
    {Moment::on_data, "RequestBody::on_data"},
    {Moment::body_end, "RequestBody::on_end"},
    {Moment::on_drained, "Response::on_drained"},
    {Moment::on_close, "Response::on_close"},
    {Moment::on_finish, "Response::on_finish"},
    {Moment::on_response, "HttpServer::on_response"},
    {Moment::captured_destructor, "the destructor of what a callback owns"},
    {Moment::upgraded_data, "Upgraded::on_data"},
    {Moment::upgraded_close, "Upgraded::on_close"},
};

struct Thrown {};

struct World {
  World() {
    server.emplace(loop);
    address = ok(server->listen("127.0.0.1:0"));
  }

  reactor::Loop loop;
  std::optional<web::HttpServer> server;
  reactor::Address address;
  std::shared_ptr<Response> response;  // Of the exchange in which the action runs.
  std::optional<Upgraded> upgraded;
  std::optional<RequestBody> body;
};

struct Action {
  const char* name;
  void (*act)(World&);
};

const std::vector<Action> actions = {
    {"nothing", [](World&) {}},
    {"destroy the server", [](World& world) { world.server.reset(); }},
    {"drain",
     [](World& world) {
       if (world.server) world.server->drain();
     }},
    {"drain and destroy",
     [](World& world) {
       if (world.server) world.server->drain();
       world.server.reset();
     }},
    {"complete the response",
     [](World& world) {
       if (world.response) world.response->send(200, "x");
     }},
    {"begin and end the response",
     [](World& world) {
       if (!world.response) return;
       world.response->begin(200);
       world.response->write(std::string(300000, 'x'));
       world.response->end();
     }},
    {"destroy the response", [](World& world) { world.response.reset(); }},
    {"destroy the response and the server",
     [](World& world) {
       world.response.reset();
       world.server.reset();
     }},
    {"replace the callbacks of the body",
     [](World& world) {
       if (!world.body) return;
       world.body->on_data([](auto) {});
       world.body->on_end([] {});
       world.body->pause();
     }},
    {"destroy the upgraded connection", [](World& world) { world.upgraded.reset(); }},
    {"abort the upgraded connection",
     [](World& world) {
       if (world.upgraded) world.upgraded->abort();
     }},
    {"replace the fallback and the log",
     [](World& world) {
       if (!world.server) return;
       world.server->fallback([](const Request&, Response) {});
       world.server->on_response([](const web::AccessEntry&) {});
     }},
    {"stop the loop", [](World& world) { world.loop.stop(); }},
    {"throw", [](World&) { throw Thrown(); }},
};

struct OnDestruction {
  explicit OnDestruction(std::function<void()> call) : call_(std::move(call)) {}
  OnDestruction(const OnDestruction&) = delete;
  OnDestruction& operator=(const OnDestruction&) = delete;
  ~OnDestruction() { call_(); }
  std::function<void()> call_;
};

void check(Moment moment, const Action& action) {
  World world;
  bool done = false;
  const auto act = [&] {
    if (std::exchange(done, true)) return;
    action.act(world);
  };
  const auto keep = [&](Response response) {
    world.response = std::make_shared<Response>(std::move(response));
  };
  const auto handler = [&](const Request&, Response response) {
    keep(std::move(response));
    if (moment == Moment::handler || moment == Moment::handler_with_body ||
        moment == Moment::fallback) {
      return act();
    }
    Response& mine = *world.response;
    if (moment == Moment::on_close) mine.on_close([&](const reactor::Error&) { act(); });
    if (moment == Moment::on_finish) mine.on_finish([&] { act(); });
    if (moment == Moment::on_response) mine.send(200, "x");
    if (moment == Moment::on_drained) {
      mine.on_drained([&] { act(); });
      mine.begin(200);
      const std::string piece(64 * 1024, 'x');
      while (mine.write(piece) != reactor::WriteStatus::above_high_water) continue;
    }
    if (moment == Moment::captured_destructor) {
      auto captured = std::make_shared<OnDestruction>(act);
      mine.on_drained([captured] {});
      captured.reset();
      mine.send(200, "x");
    }
    if (moment == Moment::upgraded_data || moment == Moment::upgraded_close) {
      world.upgraded = mine.upgrade("x");
      world.upgraded->on_data([&](auto) { act(); });
      if (moment == Moment::upgraded_close) {
        world.upgraded->on_data([](auto) {});
        world.upgraded->on_close([&](const reactor::Error&) { act(); });
      }
    }
  };
  const auto stream_handler = [&](const Request&, RequestBody body, Response response) {
    keep(std::move(response));
    world.body = body;
    body.on_data([&](auto) {
      if (moment == Moment::on_data) act();
    });
    body.on_end([&] { act(); });
  };
  world.server->route("GET", "/", handler);
  world.server->route("POST", "/", handler);
  world.server->route("PUT", "/", stream_handler);
  if (moment == Moment::fallback) world.server->fallback(handler);
  if (moment == Moment::on_response) {
    world.server->on_response([&](const web::AccessEntry&) { act(); });
  }

  const bool upgrades = moment == Moment::upgraded_data || moment == Moment::upgraded_close;
  const bool streams = moment == Moment::on_data || moment == Moment::body_end;
  Peer peer(world.loop, connect_to(world.address));
  std::string sent = get("/");
  if (moment == Moment::fallback) sent = get("/other");
  if (moment == Moment::handler_with_body) {
    sent = "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc";
  }
  if (streams) sent = "PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc";
  if (upgrades) sent = get("/", "Connection: upgrade\r\nUpgrade: x\r\n") + "data";
  peer.send(sent + (upgrades ? "" : get("/") + get("/none")));

  const auto step = [&](const auto& condition) {
    for (int attempt = 0; attempt < 3; ++attempt) {
      try {
        return run_until(world.loop, condition);
      } catch (const Thrown&) {
        continue;
      }
    }
  };
  if (moment == Moment::on_close || moment == Moment::on_finish ||
      moment == Moment::upgraded_close) {
    step([&] { return world.response || world.upgraded; });
  }
  if (moment == Moment::on_close || moment == Moment::upgraded_close) peer.reset();
  if (moment == Moment::on_finish) {
    try {
      world.server->drain();
    } catch (const Thrown&) {
      CHECK(done);
    }
  }
  step([&] { return done; });
  CHECK(done);
  // What remains ends without a call into what is destroyed.
  for (int i = 0; i < 10; ++i) {
    try {
      world.loop.poll();
    } catch (const Thrown&) {
      continue;
    }
  }
}

}  // namespace

TEST_SUITE("HttpServer lifetime") {
  TEST_CASE("any action is legal at any moment") {
    for (const auto& [moment, name] : moments) {
      for (const Action& action : actions) {
        const std::string pair = std::string(name) + ": " + action.name;
        // A destructor does not throw.
        if (moment == Moment::captured_destructor && std::string_view(action.name) == "throw") {
          continue;
        }
        CAPTURE(pair);
        check(moment, action);
      }
    }
  }
}
