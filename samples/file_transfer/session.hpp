// One connection of a user.
#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "protocols/scram.hpp"
#include "reactor/deadline.hpp"
#include "reactor/server.hpp"
#include "reactor/work.hpp"
#include "samples/file_transfer/hashing.hpp"
#include "samples/file_transfer/home.hpp"
#include "samples/file_transfer/wire.hpp"

namespace file_transfer {

/// What all sessions share.
struct Site {
  std::string accounts_file;
  std::string root = ".";
  std::chrono::milliseconds patience{0};
  std::chrono::milliseconds idle_timeout{0};
  std::map<std::string, std::weak_ptr<Home>> homes;
  reactor::File lock;

  /// Checks what it was given, and that no other server keeps the same root. Fails as programs do.
  void open();

  [[nodiscard]] reactor::Result<std::shared_ptr<Home>> home(const std::string& user,
                                                            std::uint64_t quota_bytes);
};

class Session {
 public:
  using Decoder = protocols::JsonHeaderStreamDecoder;

  Session(reactor::Loop& loop, reactor::Stream& stream, Site& site);

  void on_frame(const Decoder::Frame& frame);
  void on_drained();
  void on_close(const reactor::Error& error);

  /// A transfer that has begun may end.
  void finish();

 private:
  struct Download;
  struct Upload;

  void take(const Json& header);
  void log_in(const Json& header);
  void prove(const Json& header);
  void list(const std::string& path);
  void get(const std::string& path, const Json& header);
  void put(const std::string& path, const Json& header);
  void take_data(std::uint64_t size, std::uint64_t offset);
  void finish_upload(const Json& header);

  void begin_download();
  void send_more();
  void end_download();
  void fail_upload(const reactor::Error& error);

  void work_on();
  void wait_for_request();
  void answer(Json header);
  void answer_result(const reactor::Result<void>& result);
  void refuse(const std::string& reason);
  void refuse_and_end(const std::string& reason);
  [[nodiscard]] std::string peer() const;

  reactor::Loop& loop_;
  reactor::Stream& stream_;
  Site& site_;
  reactor::Deadline deadline_;
  std::optional<protocols::ScramServer> login_;
  bool ending_ = false;
  bool busy_ = false;  // Amid a request, and reads no other.
  std::shared_ptr<Home> home_;
  std::shared_ptr<Download> download_;
  std::shared_ptr<Upload> upload_;
  std::optional<reactor::Work> work_;
};

}  // namespace file_transfer
