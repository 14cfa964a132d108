#include "samples/kv_server/site.hpp"

#include "protocols/resp/encoder.hpp"
#include "samples/support/access.hpp"
#include "samples/support/failed.hpp"

namespace kv {

using protocols::resp::Request;
using protocols::resp::RequestDecoder;

void Session::on_frame(const Request& request) { site.serve(*this, request.words); }

void Session::on_decode_error(std::error_code error) const {
  std::vector<std::byte> reply;
  protocols::resp::Encoder(reply, client.version).error("ERR Protocol error: " + error.message());
  stream.write(reply);
}

void Session::on_close(const reactor::Error& error) const {
  --site.statistics_.clients;
  samples::log_end(error);
}

Site::Site(reactor::Loop& loop, const std::string& endpoint, std::size_t max_memory_bytes)
    : store_(loop, max_memory_bytes),
      server_(samples::value_of(
          Server::listen(loop, endpoint, options(), [this](reactor::Stream& stream) {
            ++statistics_.clients;
            return Session{stream, *this, {.id = ++statistics_.accepted}};
          }))) {
  statistics_.started = loop.now();
  server_.set_decoder([] { return RequestDecoder(requests()); });
  samples::log_errors(server_);
}

// Many requests of one read are answered in one system call: the stream gathers what is written
// while it is called back.
void Site::serve(Session& session, protocols::resp::Words words) {
  constexpr std::size_t usual_bytes = 1 << 16;
  // A page in a browser may post to any port; the body of its request would then be commands.
  if (is_http(words.front())) return session.stream.abort();
  ++statistics_.commands;
  reply_.clear();
  run_command(store_, statistics_, session.client, words, reply_);
  session.stream.write(reply_);
  if (session.client.leaves) session.stream.close();
  if (reply_.capacity() > usual_bytes) std::vector<std::byte>().swap(reply_);
}

}  // namespace kv
