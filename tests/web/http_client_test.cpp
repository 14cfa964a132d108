#include "web/http_client.hpp"

#include <doctest/doctest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <list>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "support/peer.hpp"
#include "support/platform.hpp"
#include "web/origin_server.hpp"

using namespace std::chrono_literals;

using web::FetchErrc;
using web::FetchRequest;
using web::HttpClient;
using web::HttpClientOptions;

TEST_SUITE("HttpClient") {
  TEST_CASE("a request that could end its line, or is for no http URL, is refused with a reason") {
    reactor::Loop loop;
    HttpClient client(loop);
    const std::vector<std::pair<FetchRequest, std::string>> refused = {
        {{.url = ""}, "it does not begin with http://"},
        {{.url = "example.org"}, "it does not begin with http://"},
        {{.url = "ftp://h/"}, "it begins with ftp:"},
        {{.url = "http://h/\r\nX: y"}, "it has a control character"},
        {{.url = std::string("http://h/\0", 10)}, "it has a control character"},
        {{.url = "http://h\x7f/"}, "it has a control character"},
        {{.url = "http://user:secret@h/"}, "it has a user in it"},
        {{.url = "http://h:65536/"}, "its port is no number up to 65535"},
        {{.url = "http://h:8o/"}, "its port is no number up to 65535"},
        {{.url = "http://[::1/"}, "its host is no name and no address"},
        {{.url = "http://[fe80::1%25eth0]/"}, "its host is no name and no address"},
        {{.url = "http://h%0d%0a/"}, "its host is no name and no address"},
        {{.url = "http://b\xc3\xbc"
                 "cher.example/"},
         "its host is not ASCII"},
        {{.url = "https://h/"}, "https needs HttpClientOptions::tls"},
        {{.url = "http://h/", .method = ""}, "the method is no token"},
        {{.url = "http://h/", .method = "GET / HTTP/1.1\r\nX:"}, "the method is no token"},
        {{.url = "http://h/", .method = "CONNECT"}, "CONNECT is for proxies"},
        {{.url = "http://h/", .fields = {{"X", "y\r\nZ: w"}}}, "the field X has a control"},
        {{.url = "http://h/", .fields = {{"X", std::string("\0", 1)}}},
         "the field X has a control"},
        {{.url = "http://h/", .fields = {{"X: y", ""}}}, "the name of a field is no token"},
        {{.url = "http://h/", .fields = {{"", "y"}}}, "the name of a field is no token"},
        {{.url = "http://h/", .fields = {{"host", "other"}}}, "the client itself sends"},
        {{.url = "http://h/", .fields = {{"Content-Length", "5"}}}, "the client itself sends"},
        {{.url = "http://h/", .fields = {{"TRANSFER-ENCODING", "chunked"}}}, "the client itself"},
        {{.url = "http://h/", .fields = {{"Upgrade", "websocket"}}}, "the client itself sends"},
        {{.url = "http://h/", .body = "x", .streams_body = true}, "streamed and given"},
    };
    for (const auto& each : refused) {
      const std::string& why = each.second;
      CAPTURE(why);
      const std::string text = fetched(loop, client, each.first);
      CHECK(text.starts_with("error: request "));
      CHECK(text.find(why) != text.npos);
      CHECK(text.find_first_of("\r\n") == text.npos);
      CHECK(text.find("secret") == text.npos);
    }
    CHECK(client.connections() == 0);
  }

  TEST_CASE("requests to one origin share a connection") {
    reactor::Loop loop;
    OriginServer server(loop, {{answer("one"), answer("two"), answer("three") + "<keep>"}});
    HttpClient client(loop);
    CHECK(fetched(loop, client, server.url("/a?b#c")) == "200 one");
    CHECK(client.idle_connections() == 1);
    CHECK(fetched(loop, client, server.url("/d")) == "200 two");
    CHECK(fetched(loop, client, {.url = server.url(), .method = "POST", .body = "x"}) ==
          "200 three");
    CHECK(server.connections.size() == 1);
    CHECK(
        server.requests[0].starts_with("GET /a?b HTTP/1.1\r\nHost: " + server.endpoint() + "\r\n"));
    CHECK(server.requests[2].ends_with("Content-Length: 1\r\n\r\nx"));
    CHECK(client.idle_connections() == 1);
  }

  TEST_CASE("an idle connection does not keep the loop running, and can be used again") {
    reactor::Loop loop;
    HttpClient client(loop);
    const reactor::Socket listener = listening_socket(Transport::tcp4);
    Fetched one;
    one.start(client, {.url = "http://" + ok(listener.local_address()).to_string() + "/"});
    for (int i = 0; i < 3; ++i) loop.poll();
    const int accepted = ::accept(listener.fd(), nullptr, nullptr);
    REQUIRE(accepted >= 0);
    for (const char* body : {"one", "two"}) {
      const std::string response = answer(body);
      REQUIRE(::send(accepted, response.data(), response.size(), 0) > 0);
      loop.run();  // Ends as soon as the response is complete.
      CHECK(one.text() == "200 " + std::string(body));
      CHECK(client.idle_connections() == 1);
      one.result.reset();
      one.start(client, {.url = "http://" + ok(listener.local_address()).to_string() + "/"});
    }
    ::close(accepted);
  }

  TEST_CASE("a connection that the server has closed meanwhile is replaced, unnoticed") {
    reactor::Loop loop;
    OriginServer server(loop, {{answer("one")}, {answer("two")}, {answer("three") + "<keep>"}});
    HttpClient client(loop);
    CHECK(fetched(loop, client, server.url()) == "200 one");
    run_until(loop, [&] { return client.connections() == 0; });
    CHECK(fetched(loop, client, server.url()) == "200 two");
    // It has closed, and the client has not seen it yet.
    server.connections.back().stream.shutdown();
    CHECK(fetched(loop, client, {.url = server.url(), .method = "POST"}) == "200 three");
    CHECK(server.requests.size() == 3);
  }

  TEST_CASE("what is closed amid the next request is sent again if nothing came and it may be") {
    struct Case {
      const char* method;
      std::string response;  // To the second request; then the server closes.
      bool repeated;
    };
    for (const Case& each :
         {Case{"GET", "", true}, Case{"PUT", "", true}, Case{"HEAD", "", true},
          Case{"POST", "", false}, Case{"PATCH", "", false}, Case{"GET", "H", false},
          Case{"GET", "HTTP/1.1 100 C\r\n\r\n", false},
          Case{"DELETE", "HTTP/1.1 408 Timeout\r\nConnection: close\r\n\r\n", true}}) {
      CAPTURE(each.method);
      CAPTURE(each.response);
      reactor::Loop loop;
      OriginServer server(loop, {{answer("one"), each.response}, {answer("")}});
      HttpClient client(loop);
      CHECK(fetched(loop, client, server.url()) == "200 one");
      Fetched next(client, {.url = server.url(), .method = each.method});
      run_until(loop, [&] { return next.done(); });
      CHECK(server.requests.size() == (each.repeated ? 3 : 2));
      if (each.repeated) CHECK(next.text() == "200 ");
      if (!each.repeated) CHECK(next.text().starts_with("error: receive from "));
    }
    // A new connection that is closed is no accident of timing.
    reactor::Loop loop;
    OriginServer server(loop, {{""}, {answer("no")}});
    HttpClient client(loop);
    Fetched first(client, {.url = server.url()});
    run_until(loop, [&] { return first.done(); });
    CHECK(first.code() == FetchErrc::closed);
    CHECK(server.requests.size() == 1);
  }

  TEST_CASE("a streamed body of which a part was sent is not sent again") {
    reactor::Loop loop;
    OriginServer server(loop, {{answer("one"), ""}, {answer("two")}});
    HttpClient client(loop);
    CHECK(fetched(loop, client, server.url()) == "200 one");
    Fetched next(client, {.url = server.url(), .method = "PUT", .streams_body = true});
    next.fetch->write("part");
    next.fetch->end();
    run_until(loop, [&] { return next.done(); });
    CHECK(next.text() != "200 two");
    CHECK(server.requests.size() == 2);
  }

  TEST_CASE("what a server sends behind a response is not taken for the next one") {
    for (const bool later : {false, true}) {
      CAPTURE(later);
      reactor::Loop loop;
      const std::string junk = answer("smuggled");
      OriginServer server(
          loop, {{answer("one") + (later ? "" : junk) + "<keep>", answer("no")}, {answer("two")}});
      HttpClient client(loop);
      CHECK(fetched(loop, client, server.url()) == "200 one");
      if (later) server.connections.front().stream.write(junk);
      CHECK(fetched(loop, client, server.url()) == "200 two");
      run_until(loop, [&] { return server.connections.front().ended; });
    }
  }

  TEST_CASE("a server that announces when it closes gets no request shortly before") {
    reactor::Loop loop;
    OriginServer server(loop, {{answer("one", "Keep-Alive: timeout=1, max=100\r\n") + "<keep>"},
                               {answer("two", "Keep-Alive: timeout=60\r\n"), answer("three")},
                               {answer("four", "Connection: close\r\n") + "<keep>"},
                               {answer("five")}});
    HttpClient client(loop);
    CHECK(fetched(loop, client, server.url()) == "200 one");
    CHECK(client.connections() == 0);
    CHECK(fetched(loop, client, server.url()) == "200 two");
    CHECK(fetched(loop, client, server.url()) == "200 three");
    CHECK(fetched(loop, client, server.url()) == "200 four");
    CHECK(client.connections() == 0);
    CHECK(fetched(loop, client, server.url()) == "200 five");
    CHECK(server.connections.size() == 4);
  }

  TEST_CASE("redirects change the method as RFC 9110 defines, and are followed from page to page") {
    struct Case {
      const char* method;
      const char* status;
      const char* next;
    };
    for (const Case& each :
         {Case{"POST", "301 Moved", "GET"}, Case{"POST", "302 Found", "GET"},
          Case{"POST", "303 See Other", "GET"}, Case{"PUT", "303 See Other", "GET"},
          Case{"PUT", "302 Found", "PUT"}, Case{"HEAD", "303 See Other", "HEAD"},
          Case{"POST", "307 Temporary", "POST"}, Case{"POST", "308 Permanent", "POST"}}) {
      CAPTURE(each.method);
      CAPTURE(each.status);
      reactor::Loop loop;
      OriginServer server(loop, {{to("b?c", each.status), answer("")}});
      HttpClient client(loop);
      Fetched one(client, {.url = server.url("/1/a"),
                           .method = each.method,
                           .fields = {{"Content-Type", "text/plain"}, {"X", "y"}},
                           .body = "text"});
      run_until(loop, [&] { return one.done(); });
      CHECK(one.text() == "200 ");
      CHECK((*one.result)->url == server.url("/1/b?c"));
      const std::string& next = server.requests.at(1);
      CHECK(next.starts_with(std::string(each.next) + " /1/b?c HTTP/1.1\r\n"));
      const bool keeps_body = std::string_view(each.next) == each.method;
      CHECK(next.ends_with("\r\n\r\ntext") == keeps_body);
      CHECK((next.find("Content-") != next.npos) == keeps_body);
      CHECK(next.find("X: y\r\n") != next.npos);
      CHECK(server.connections.size() == 1);
    }
  }

  TEST_CASE(
      "redirects end: at their limit, at what is no http URL, and where there is no way back") {
    reactor::Loop loop;
    std::vector<OriginServer::Script> scripts(1);
    for (int i = 0; i < 4; ++i) scripts[0].push_back(to("/a"));
    for (const char* place : {"ftp://h/", "http://u:p@h/", "javascript:alert(1)", "https://h/"}) {
      scripts[0].push_back(to(place));
    }
    scripts[0].push_back(answer("no", "Location: \r\n", "302 Found"));
    scripts[0].push_back(answer("streamed", "Location: /x\r\n", "307 Temporary"));
    scripts[0].push_back(answer("unfollowed", "Location: /x\r\n", "302 Found") + "<keep>");
    OriginServer server(loop, scripts);
    HttpClient client(loop, {.max_redirects = 3});
    Fetched endless(client, {.url = server.url()});
    run_until(loop, [&] { return endless.done(); });
    CHECK(endless.code() == FetchErrc::too_many_redirects);
    CHECK(server.requests.size() == 4);
    for (int i = 0; i < 4; ++i) {
      Fetched bad(client, {.url = server.url()});
      run_until(loop, [&] { return bad.done(); });
      CHECK(bad.code() == FetchErrc::bad_redirect);
      CHECK(bad.text().find("u:p") == std::string::npos);
    }
    CHECK(fetched(loop, client, server.url()) == "302 no");
    Fetched streamed(client, {.url = server.url(), .method = "PUT", .streams_body = true});
    streamed.fetch->write("x");
    streamed.fetch->end();
    run_until(loop, [&] { return streamed.done(); });
    CHECK(streamed.text() == "307 streamed");
    CHECK(client.connections() == 1);
    HttpClient still(loop, {.follow_redirects = false});
    OriginServer other(loop, {{to("/x")}});
    CHECK(fetched(loop, still, other.url()) == "302 ");
  }

  TEST_CASE("credentials do not follow a redirect to another origin, not even back") {
    reactor::Loop loop;
    OriginServer other(loop);
    OriginServer home(loop, {{to("/same"), to(other.url()), answer("back")}});
    HttpClient client(loop);
    Fetched one(client, {.url = home.url(),
                         .fields = {{"authorization", "Basic secret"},
                                    {"Cookie", "secret"},
                                    {"Proxy-Authorization", "secret"},
                                    {"X", "y"}}});
    run_until(loop, [&] { return !other.requests.empty(); });
    other.connections.front().stream.write(to(home.url("/back")));
    run_until(loop, [&] { return one.done(); });
    const auto has_secret = [](const std::string& request) {
      return request.find("secret") != request.npos;
    };
    CHECK(one.text() == "200 back");
    CHECK(has_secret(home.requests.at(0)));
    CHECK(has_secret(home.requests.at(1)));
    CHECK_FALSE(has_secret(other.requests.at(0)));
    CHECK(other.requests.at(0).find("X: y\r\n") != std::string::npos);
    CHECK_FALSE(has_secret(home.requests.at(2)));
  }

  TEST_CASE("no more connections are made than allowed, and requests wait in their order") {
    reactor::Loop loop;
    OriginServer::Script script;
    for (int i = 0; i < 100; ++i) script.push_back(answer("x") + (i == 99 ? "<keep>" : ""));
    OriginServer server(loop, std::vector(20, script));
    OriginServer second(loop, std::vector(20, script));
    HttpClient client(loop, {.max_connections = 4, .max_connections_per_origin = 3});
    std::list<Fetched> fetches;
    for (int i = 0; i < 120; ++i) {
      Fetched& one = fetches.emplace_back();
      one.start(client, {.url = (i % 2 ? server : second).url("/" + std::to_string(i))});
      CHECK(client.connections() <= 4);
    }
    run_until(loop, [&] {
      CHECK(client.connections() <= 4);
      return std::all_of(fetches.begin(), fetches.end(),
                         [](const auto& one) { return one.done(); });
    });
    for (const Fetched& one : fetches) CHECK(one.text() == "200 x");
    // Few are closed to make room for the other origin. Another poller has another order of events.
    const std::size_t most = on_portable_platform() ? 8 : 6;
    CHECK(server.connections.size() + second.connections.size() <= most);
    for (std::size_t i = 0; i + 3 < server.requests.size(); ++i) {
      CHECK(std::stoi(server.requests[i].substr(5)) < std::stoi(server.requests[i + 3].substr(5)));
    }
    // An idle connection makes room for one to another origin.
    OriginServer third(loop, {{answer("third") + "<keep>"}});
    CHECK(fetched(loop, client, third.url()) == "200 third");
    CHECK(client.connections() <= 4);
    client.close_idle();
    CHECK(client.connections() == 0);
  }

  TEST_CASE("a fetch that is expedited does not wait for those whose users have paused them") {
    reactor::Loop loop;
    const std::string large(1 << 20, 'x');
    OriginServer server(loop, {{answer(large) + "<keep>"}, {answer("next")}, {answer("no")}});
    HttpClient client(loop, {.max_connections = 1, .max_connections_per_origin = 1});
    Fetched first(client, {.url = server.url()});
    Fetched second(client, {.url = server.url()});
    Fetched third(client, {.url = server.url()});
    first.fetch->on_data([&](auto) { first.fetch->pause(); });
    third.fetch->expedite();
    run_until(loop, [&] { return third.done(); });
    CHECK(third.text() == "200 next");
    CHECK_FALSE(first.done());
    CHECK_FALSE(second.done());
    first.fetch.reset();
    run_until(loop, [&] { return second.done(); });
  }

  TEST_CASE("each timeout ends its part of a request, with an error that names it") {
    const std::string slow_head = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n123<keep>";
    struct Case {
      HttpClientOptions options;
      std::string response;
      const char* operation;
    };
    for (const Case& each : {
             Case{{.response_timeout = 5ms}, "<keep>", "receive from "},
             Case{{.response_timeout = 5ms}, "HTTP/1.1 103 Early\r\n\r\n<keep>", "receive from "},
             Case{{.response_timeout = 5ms}, "HTTP/1.1 200 OK\r\nX: <keep>", "receive from "},
             Case{{.response_timeout = 5ms},
                  "HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 5\r\n\r\nx<keep>",
                  "receive from "},
             Case{{.stall_timeout = 5ms}, slow_head, "receive from "},
             Case{{.total_timeout = 5ms}, slow_head, "fetch http://"},
         }) {
      CAPTURE(each.response);
      reactor::Loop loop;
      OriginServer server(loop, {{each.response}});
      HttpClient client(loop, each.options);
      Fetched one(client, {.url = server.url()});
      run_until(loop, [&] { return one.done(); });
      CHECK(one.code() == std::errc::timed_out);
      CHECK(one.text().starts_with(std::string("error: ") + each.operation));
      CHECK(client.connections() == 0);
    }
    // A fetch that waits for a connection ends in time too, and so does one that is paused.
    reactor::Loop loop;
    OriginServer server(loop, {{"<keep>"}});
    HttpClient client(loop, {.max_connections_per_origin = 1});
    Fetched first(client, {.url = server.url()});
    Fetched waits(client, {.url = server.url(), .total_timeout = 5ms});
    run_until(loop, [&] { return waits.done(); });
    CHECK(waits.code() == std::errc::timed_out);
    CHECK_FALSE(first.done());
    // Idle connections end, too.
    OriginServer idle(loop, {{answer("x") + "<keep>"}});
    HttpClient brief(loop, {.idle_timeout = 5ms});
    CHECK(fetched(loop, brief, idle.url()) == "200 x");
    run_until(loop, [&] { return idle.connections.front().ended; });
    CHECK(brief.connections() == 0);
  }

  TEST_CASE("connecting has its own timeout and errors, and a failure fails one request") {
    reactor::Loop loop;
    std::string url;
    {
      const OriginServer gone(loop);
      url = gone.url();
    }
    HttpClient client(loop);
    CHECK(fetched(loop, client, url).find("connect 127.0.0.1:") != std::string::npos);
    CHECK(fetched(loop, client, "http://host.invalid/").starts_with("error: "));
    CHECK(client.connections() == 0);
  }

  TEST_CASE("cancelling is legal at any time, and other requests go on") {
    const std::string large(3 << 20, 'x');
    for (const int iterations : {0, 1, 2, 3, 4, 5, 6, 8, 12}) {
      CAPTURE(iterations);
      reactor::Loop loop;
      OriginServer server(loop, {{answer(large)}, {answer("next")}, {answer("next")}});
      HttpClient client(loop, {.max_connections_per_origin = 1});
      Fetched first(client, {.url = server.url()});
      first.fetch->on_data([](auto) {});
      Fetched waits(client, {.url = server.url()});
      Fetched last(client, {.url = server.url()});
      for (int i = 0; i < iterations; ++i) loop.poll();
      if (first.done()) break;
      waits.fetch.reset();
      first.fetch.reset();
      run_until(loop, [&] { return last.done(); });
      CHECK(last.text().starts_with("200 "));
      CHECK_FALSE(first.done());
      CHECK_FALSE(waits.done());
    }
  }
}
