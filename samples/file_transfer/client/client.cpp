#include "samples/file_transfer/client/client.hpp"

#include <cstdio>
#include <utility>

#include "protocols/base64.hpp"
#include "reactor/socket_option.hpp"
#include "samples/support/endpoint.hpp"
#include "samples/support/failed.hpp"
#include "samples/support/printable.hpp"
#include "samples/support/random.hpp"
#include "samples/support/sha256.hpp"
#include "samples/support/shell_split.hpp"

namespace file_transfer {

using reactor::Error;
using samples::Failed;

namespace {

std::uint64_t count_of(const Header& answer, const char* name) {
  const auto count = number_of(answer, name);
  if (!count) throw Failed("the server sends a reply that makes no sense");
  return *count;
}

std::string needed_text(const Header& answer, const char* name) {
  const std::string* const text = find_text(answer, name);
  if (!text) throw Failed("the server sends a reply that makes no sense");
  return *text;
}

// The type of the response that ends a command. For a transfer it depends on its progress.
std::string_view answer_to(std::string_view command) {
  if (command == "ls") return "listing";
  if (command == "cd") return "stat";
  return command == "quota" ? "quota" : "done";
}

}  // namespace

Client::Client(reactor::Loop& loop, const Options& options)
    : loop_(loop),
      options_(options),
      work_(loop),
      stream_(samples::connect(loop, options.endpoint)) {
  stream_.set_limits({.high_water_bytes = 4 << 20, .discard_timeout = samples::time_for_the_rest});
  options.tls.secure(stream_, options.endpoint);
  stream_.on_connect([this] { begin(); });
  stream_.on_close([this](const Error& error) {
    if (!done_ && !refused_.empty()) throw Failed(refused_);
    if (error) throw Failed(error);
    if (!done_) throw Failed("the server closed the connection");
    input_.reset();  // After quit there may be more input.
  });
  stream_.on_drained([this] {
    if (upload_) upload_->on_drained();
  });
}

// --- login

void Client::begin() {
  (void)stream_.socket().set(reactor::option::keep_alive, true);  // Detects a server that is gone.
  answers_.emplace(stream_, decoder(std::uint64_t{1} << 60),
                   [this](const Decoder::Frame& frame) { take(frame); });
  endpoint_ = samples::dialled_endpoint(stream_, options_.endpoint);
  login_.emplace(
      options_.user, options_.password, protocols::to_base64(samples::random_bytes(24)),
      samples::scram_crypto(),
      samples::ScramBinding::of({.type = std::string(endpoint_binding), .data = endpoint_}));
  send({{"type", "login"}, {"message", login_->first()}});
}

void Client::prove(const std::string& challenge) {
  const auto proof = login_->final(challenge);
  if (!proof) throw Failed("the server's challenge makes no sense");
  send({{"type", "proof"}, {"message", *proof}});
}

void Client::enter(const std::string& signature) {
  if (!login_->verify(signature)) throw Failed("the server does not know the account itself");
  logged_in_ = true;
  if (!options_.command.empty()) {
    add_jobs(options_.command);
    at_end_ = true;
    return run_next();
  }
  input_.emplace(
      loop_, [this](std::string_view line) { read_line(line); },
      [this] {
        at_end_ = true;
        if (jobs_.empty()) finish();
      },
      "files> ");
}

void Client::send(Header header) { stream_.write(message(std::move(header))); }

// --- messages from the server

void Client::take(const Decoder::Frame& frame) {
  if (const auto* piece = std::get_if<protocols::PayloadPiece>(&frame)) {
    if (download_ && download_->has_begun()) return download_->write(piece->bytes);
    return take_listing(*piece);
  }
  const auto& head = std::get<protocols::JsonHead>(frame);
  const auto answer = parse_header(head.header);
  if (!answer) throw Failed("the server sends a reply that makes no sense");
  take(*answer, head.payload_bytes);
}

void Client::take(const Header& answer, std::uint64_t payload_bytes) {
  const std::string type = needed_text(answer, "type");
  if (type == "error") return take_error(needed_text(answer, "reason"));
  if (!logged_in_) {
    if (type == "challenge") return prove(needed_text(answer, "message"));
    if (type == "welcome") return enter(needed_text(answer, "message"));
  }
  if (!logged_in_ || jobs_.empty()) throw Failed("the server sends a reply that fits no request");
  const std::uint64_t most_payload = type == "listing" ? max_page_bytes
                                     : type == "file"  ? payload_bytes
                                                       : 0;
  if (payload_bytes > most_payload) throw Failed("the server's reply is too long");
  if (upload_ || download_) return take_for_transfer(type, answer, payload_bytes);
  if (type != answer_to(jobs_.front().command)) {
    throw Failed("the server sends a reply that fits no request");
  }
  if (type == "listing") {
    const auto more = truth_of(answer, "more");
    if (!more) throw Failed("the server sends a reply that makes no sense");
    listing_goes_on_ = *more;
    if (payload_bytes == 0) end_page();
  } else if (type == "stat") {
    enter_folder(answer);
  } else if (type == "quota") {
    show_quota(count_of(answer, "used_bytes"), count_of(answer, "quota_bytes"));
    finish_job();
  } else {
    finish_job();
  }
}

void Client::take_for_transfer(const std::string& type, const Header& answer,
                               std::uint64_t payload_bytes) {
  if (type == "ready" && upload_) {
    upload_->begin(count_of(answer, "offset"), needed_text(answer, "sha256"));
  } else if (type == "stored" && upload_) {
    upload_->done();
    finish_job();
  } else if (type == "file" && download_ && !download_->has_begun()) {
    const std::uint64_t size = count_of(answer, "size"), offset = count_of(answer, "offset");
    if (offset > size || payload_bytes != size - offset)
      throw Failed("the server sends a reply that makes no sense");
    download_->begin(size, offset);
  } else if (type == "sent" && download_ && download_->has_begun()) {
    download_->finish(needed_text(answer, "sha256"));
  } else {
    throw Failed("the server sends a reply that fits no request");
  }
}

void Client::take_error(const std::string& reason) {
  refused_ = samples::escaped(reason);
  if (reason == "login: channel-bindings-dont-match") {
    refused_ += " (the server does not know that it is reached as " + endpoint_ +
                "; its option --reached-as is for that)";
  }
  if (logged_in_ && jobs_.empty()) throw Failed(refused_);
  if (logged_in_) give_up_job(refused_);
}

void Client::take_listing(const protocols::PayloadPiece& piece) {
  listing_.add(protocols::as_text(piece.bytes));
  if (piece.remaining == 0) end_page();
}

void Client::end_page() {
  listing_.end_page(listing_goes_on_);
  if (!listing_goes_on_) finish_job();
}

// --- commands of the user

void Client::read_line(std::string_view line) {
  const auto words = samples::shell_split(line);
  if (words && words->empty()) return input_->prompt();
  input_->pause();
  words ? add_jobs(*words) : report("a quotation is not closed");
  run_next();
}

void Client::add_jobs(const std::vector<std::string>& words) {
  const auto jobs = parse_command(words);
  if (!jobs) return report(jobs.error());
  jobs_.insert(jobs_.end(), jobs->begin(), jobs->end());
}

void Client::run_next() {
  if (!jobs_.empty()) return run(jobs_.front());
  if (at_end_ || !input_) return finish();
  input_->prompt();
  input_->resume();
}

void Client::run(const Job& job) {
  if (job.command == "put") return put(job.argument);
  if (job.command == "get") return get(job.argument);
  if (job.command == "quit" || job.command == "exit") return finish();
  if (job.command == "help") {
    std::printf("%s\n", command_list());
    return finish_job();
  }
  if (job.command == "pwd") {
    std::printf("/%s\n", samples::escaped(folder_).c_str());
    return finish_job();
  }
  const std::string type = job.command == "cd" ? "stat" : job.command;
  send({{"type", type}, {"path", encode_name(resolve(folder_, job.argument))}});
}

void Client::put(const std::string& path) {
  auto file = reactor::File::open(path);
  if (!file) return give_up_job(file.error().message());
  const auto size = file->size();
  if (!size) return give_up_job(size.error().message());
  upload_ = std::make_unique<Upload>(worker(), stream_, std::move(*file), *size, path);
  send({{"type", "put"},
        {"path", encode_name(resolve(folder_, split_path(path).name))},
        {"size", *size}});
}

void Client::get(const std::string& path) {
  const std::string remote = resolve(folder_, path);
  if (remote.empty()) return give_up_job("it is a folder");
  try {
    download_ = std::make_unique<Download>(
        worker(), stream_, remote, path,
        [this](const std::string& why) { why.empty() ? finish_job() : give_up_job(why); });
  } catch (const Failed& failure) {
    give_up_job(failure.what());
  }
}

void Client::enter_folder(const Header& answer) {
  if (needed_text(answer, "kind") != "folder") return give_up_job("it is no folder");
  folder_ = resolve(folder_, jobs_.front().argument);
  finish_job();
}

// --- ends

void Client::finish_job() {
  std::fflush(stdout);
  upload_.reset();
  download_.reset();
  listing_ = {};
  jobs_.pop_front();
  run_next();
}

void Client::give_up_job(const std::string& why) {
  if (upload_) upload_->give_up();
  const bool failed_here = upload_ && !upload_->failure().empty();
  report(jobs_.front().command + " " + jobs_.front().argument + ": " +
         (failed_here ? upload_->failure() : why));
  finish_job();
}

void Client::report(const std::string& failure) {
  std::fprintf(stderr, "%s\n", samples::escaped(failure).c_str());
  ++failures_;
}

void Client::finish() {
  done_ = true;
  stream_.close();
}

}  // namespace file_transfer
