// One connection to a file_server.
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "reactor/framed.hpp"
#include "samples/file_transfer/client/commands.hpp"
#include "samples/file_transfer/client/download.hpp"
#include "samples/file_transfer/client/listing.hpp"
#include "samples/file_transfer/client/upload.hpp"
#include "samples/file_transfer/wire.hpp"
#include "samples/support/client.hpp"
#include "samples/support/fair_work.hpp"
#include "samples/support/line_input.hpp"
#include "samples/support/scram.hpp"
#include "samples/support/tls.hpp"

namespace file_transfer {

struct Options {
  std::string endpoint;
  std::string user;
  std::string password;
  std::vector<std::string> command;  // Empty: lines of standard input.
  samples::ClientTls tls = {};
};

/// Logs in, and does one job after the other. Throws samples::Failed when the connection breaks.
class Client {
 public:
  Client(reactor::Loop& loop, const Options& options);
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  /// The number of jobs that were not done.
  [[nodiscard]] int failures() const { return failures_; }

 private:
  using Decoder = protocols::JsonHeaderStreamDecoder;

  void begin();
  void prove(const std::string& challenge);
  void enter(const std::string& signature);

  void take(const Decoder::Frame& frame);
  void take(const Header& answer, std::uint64_t payload_bytes);
  void take_for_transfer(const std::string& type, const Header& answer,
                         std::uint64_t payload_bytes);
  void take_error(const std::string& reason);
  void take_listing(const protocols::PayloadPiece& piece);
  void end_page();

  void read_line(std::string_view line);
  void add_jobs(const std::vector<std::string>& words);
  void run_next();
  void run(const Job& job);
  void put(const std::string& path);
  void get(const std::string& path);
  void enter_folder(const Header& answer);

  void finish_job();
  void give_up_job(const std::string& why);
  void report(const std::string& failure);
  void finish();

  [[nodiscard]] samples::FairWork::Client worker() { return {work_, ""}; }
  void send(Header header);

  reactor::Loop& loop_;
  const Options& options_;
  samples::FairWork work_;
  reactor::Stream stream_;
  std::string endpoint_;  // The one that it is connected to.
  std::optional<samples::ScramClient> login_;
  std::optional<reactor::Framed<Decoder>> answers_;
  std::optional<samples::LineInput> input_;
  std::deque<Job> jobs_;
  std::string folder_;
  std::unique_ptr<Upload> upload_;
  std::unique_ptr<Download> download_;
  Listing listing_;
  bool listing_goes_on_ = false;
  std::string refused_;  // The last refusal.
  bool logged_in_ = false;
  bool at_end_ = false;  // Of the input.
  bool done_ = false;
  int failures_ = 0;
};

}  // namespace file_transfer
