#include "samples/file_transfer/server/peer.hpp"

#include <cerrno>
#include <cstdio>
#include <utility>

#include "samples/support/printable.hpp"
#include "web/tcp_progress.hpp"

namespace file_transfer {

using reactor::Result;

Peer::Peer(reactor::Loop& loop, reactor::Stream& stream, Patience patience)
    : stream_(stream),
      patience_(patience),
      timeout_(patience.amid_request),
      idle_timeout_(loop, timeout_, [this] { on_expired(); }) {}

void Peer::answer(Header header, std::uint64_t payload_bytes) {
  stream_.write(message(std::move(header), payload_bytes));
}

void Peer::answer(const Result<void>& result) {
  if (!result) return refuse(result.error().message());
  answer({{"type", "done"}});
}

void Peer::refuse(const std::string& reason) {
  std::fprintf(stderr, "%s is refused: %s\n", name().c_str(), samples::escaped(reason).c_str());
  answer({{"type", "error"}, {"reason", reason}});
}

void Peer::refuse_and_end(const std::string& reason) {
  refuse(reason);
  ending_ = true;
  stream_.close();
}

void Peer::wait_for_request() {
  if (ending_) return stream_.close();
  enter(State::between_requests, patience_.between_requests);
  stream_.resume();
}

void Peer::wait_for_data() {
  enter(State::amid_upload, patience_.amid_request);
  stream_.resume();
}

void Peer::wait_until_it_has_read() {
  enter(State::amid_download, patience_.amid_request);
  acknowledged_ = web::acknowledged_bytes(stream_.socket().fd());
}

void Peer::work() {
  state_ = State::working;
  idle_timeout_.cancel();
  stream_.pause();
}

void Peer::end() {
  ending_ = true;
  if (state_ == State::between_requests) stream_.close();
}

void Peer::enter(State state, std::chrono::milliseconds timeout) {
  state_ = state;
  timeout_ = timeout;
  idle_timeout_.restart(timeout);
}

// A slow reader rarely drains the stream. The bytes that its system acknowledges show that it
// reads.
bool Peer::still_reads() {
  const auto now = web::acknowledged_bytes(stream_.socket().fd());
  return now && std::exchange(acknowledged_, now) != now;
}

void Peer::on_expired() {
  if (still_reads()) return idle_timeout_.restart(timeout_);
  auto error = reactor::system_error(ETIMEDOUT, "wait for", name());
  // During a download the client expects the file's bytes, and would not read a response.
  if (state_ == State::amid_download) {
    stream_.fail(std::move(error));
    return stream_.abort();
  }
  answer({{"type", "error"}, {"reason", "that took too long"}});
  stream_.fail(std::move(error));
}

std::string Peer::name() const {
  const auto address = stream_.socket().peer_address();
  return address ? address->to_string() : "a client";
}

}  // namespace file_transfer
