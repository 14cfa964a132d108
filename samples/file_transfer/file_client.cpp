// Puts files on a file_server and gets them: one command from its command line, or the lines of
// standard input.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "protocols/base64.hpp"
#include "reactor/framed.hpp"
#include "reactor/socket_option.hpp"
#include "samples/file_transfer/accounts.hpp"
#include "samples/file_transfer/hashing.hpp"
#include "samples/file_transfer/progress.hpp"
#include "samples/file_transfer/wire.hpp"
#include "samples/support/connector.hpp"
#include "samples/support/line_input.hpp"
#include "samples/support/printable.hpp"
#include "samples/support/program.hpp"
#include "samples/support/words.hpp"

namespace file_transfer {
namespace {

using reactor::Error;
using reactor::File;
using reactor::Result;
using reactor::Stream;
using samples::Failed;
using samples::Sha256;

constexpr const char* commands =
    "put FILE…, get FILE…, ls [FOLDER], cd [FOLDER], pwd, mkdir FOLDER, rm FILE, rmdir FOLDER, "
    "quota";

struct Options {
  std::string endpoint;
  std::string user;
  std::string password;
  std::vector<std::string> command;  // Lines of standard input if empty.
};

// `path` as the user says it, from the home on: `..` and a leading `/` are the client's business.
std::string resolve(const std::string& from, const std::string& path) {
  std::vector<std::string> names;
  const std::string whole = path.starts_with('/') ? path : from + "/" + path;
  for (std::size_t at = 0; at <= whole.size();) {
    const std::size_t end = std::min(whole.find('/', at), whole.size());
    const std::string name = whole.substr(at, end - at);
    if (name == ".." && !names.empty()) names.pop_back();
    if (!name.empty() && name != "." && name != "..") names.push_back(name);
    at = end + 1;
  }
  std::string resolved;
  for (const std::string& name : names) resolved += (resolved.empty() ? "" : "/") + name;
  return resolved;
}

struct Upload {
  File file;
  std::uint64_t size = 0;
  std::uint64_t at = 0;
  Sha256 hash;
  std::optional<Progress> progress;
  std::unique_ptr<FileHash> hashing;
  std::optional<reactor::Work> reading;
  bool waits_for_room = false;
  bool ended = false;   // The server waits for nothing more.
  std::string failure;  // Why it is given up on this side.
};

struct Download {
  std::string name;
  std::string part;  // Its name until it is whole.
  File file;
  std::uint64_t size = 0;
  std::uint64_t at = 0;
  std::optional<Sha256> hash;
  std::optional<Progress> progress;
  std::unique_ptr<FileHash> hashing;
  std::unique_ptr<FileSink> sink;
};

// What a step of an upload reads.
struct Piece {
  std::vector<std::byte> bytes;
  Sha256 hash;
  int error = 0;
};

class Client {
 public:
  Client(reactor::Loop& loop, const Options& options)
      : loop_(loop),
        options_(options),
        login_(options.user, options.password, protocols::to_base64(random_bytes(24)),
               samples::scram_crypto()),
        connector_(loop, options.endpoint, [this](Stream stream) { begin(std::move(stream)); }) {}

  [[nodiscard]] int failures() const { return failures_; }

 private:
  using Decoder = protocols::JsonHeaderStreamDecoder;
  struct Job {
    std::string command;
    std::string argument;
  };

  void begin(Stream stream) {
    stream_ = std::move(stream);
    stream_->set_limits({.high_water_bytes = 4 << 20});
    (void)stream_->socket().set(reactor::option::keep_alive,
                                true);  // A server that is gone is told.
    stream_->on_close([this](const Error& error) {
      if (!done_ && !refused_.empty()) throw Failed(refused_);
      if (error) throw Failed(error);
      if (!done_) throw Failed("the server closed the connection");
    });
    stream_->on_drained([this] {
      if (upload_ && std::exchange(upload_->waits_for_room, false)) send_piece();
    });
    answers_.emplace(*stream_, decoder(std::uint64_t{1} << 60),
                     [this](const Decoder::Frame& frame) { take(frame); });
    send({{"type", "login"}, {"message", login_.first()}});
  }

  void take(const Decoder::Frame& frame) {
    if (const auto* piece = std::get_if<protocols::PayloadPiece>(&frame)) return take(*piece);
    const auto& head = std::get<protocols::JsonHead>(frame);
    try {
      take(Json::parse(head.header), head.payload_bytes);
    } catch (const Json::exception&) {
      throw Failed("the server answers what makes no sense");
    }
  }

  void take(const Json& answer, std::uint64_t payload_bytes) {
    const std::string type = answer.at("type");
    if (type == "error") {
      refused_ = samples::escaped(answer.at("reason").get<std::string>());
      if (logged_in_ && jobs_.empty()) throw Failed(refused_);
      if (logged_in_) give_up_job(refused_);
      return;
    }
    if (type == "challenge") return prove(answer.at("message"));
    if (type == "welcome") return enter(answer.at("message"));
    if (type == "listing") {
      listing_.clear();
      listing_bytes_ = payload_bytes;
      if (payload_bytes == 0) finish_job();
    } else if (type == "stat") {
      if (answer.at("kind") != "folder") return give_up_job("it is no folder");
      folder_ = resolve(folder_, jobs_.front().argument);
      finish_job();
    } else if (type == "quota") {
      const std::uint64_t used = answer.at("used_bytes"), quota = answer.at("quota_bytes");
      std::printf("%s of %s used\n", readable_size(static_cast<double>(used)).c_str(),
                  readable_size(static_cast<double>(quota)).c_str());
      finish_job();
    } else if (type == "ready" && upload_) {
      begin_upload(answer.at("offset"), answer.at("sha256"));
    } else if (type == "stored" && upload_) {
      upload_->progress->done();
      finish_job();
    } else if (type == "file" && download_) {
      begin_download(answer.at("size"), answer.at("offset"));
    } else if (type == "sent" && download_ && download_->sink) {
      finish_download(answer.at("sha256"));
    } else if (type == "done") {
      finish_job();
    } else {
      throw Failed("the server answers what was not asked");
    }
  }

  void take(const protocols::PayloadPiece& piece) {
    if (download_ && download_->sink) {
      download_->at += piece.bytes.size();
      download_->progress->at(download_->at);
      if (!download_->sink->write(piece.bytes)) stream_->pause();
      if (download_->sink->error()) throw Failed(*download_->sink->error());
      return;
    }
    listing_ += protocols::as_text(piece.bytes);
    if (listing_.size() > listing_bytes_ || piece.remaining > 0) return;
    show_listing();
    finish_job();
  }

  // --- login

  void prove(const std::string& challenge) {
    const auto proof = login_.final(challenge);
    if (!proof) throw Failed("the server's challenge makes no sense");
    send({{"type", "proof"}, {"message", *proof}});
  }

  void enter(const std::string& signature) {
    if (!login_.verify(signature)) throw Failed("the server does not know the account itself");
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

  // --- commands

  void read_line(std::string_view line) {
    const auto words = samples::split_words(line);
    if (words && words->empty()) return input_->prompt();
    input_->pause();
    if (words) {
      add_jobs(*words);
    } else {
      report("a quotation is not closed");
    }
    run_next();
  }

  void add_jobs(const std::vector<std::string>& words) {
    const std::string& command = words.front();
    const bool takes_many = command == "put" || command == "get" || command == "rm" ||
                            command == "mkdir" || command == "rmdir";
    const bool takes_one = command == "ls" || command == "cd";
    const bool takes_none = command == "pwd" || command == "quota";
    const std::size_t arguments = words.size() - 1;
    if (!takes_many && !takes_one && !takes_none) {
      return report("there is no " + command + ", but " + commands);
    }
    if ((takes_many && arguments == 0) || (takes_one && arguments > 1) ||
        (takes_none && arguments > 0)) {
      return report(std::string("so they are said: ") + commands);
    }
    if (arguments == 0) jobs_.push_back({command, command == "cd" ? "/" : ""});
    for (std::size_t at = 1; at < words.size(); ++at) jobs_.push_back({command, words[at]});
  }

  void run_next() {
    if (!jobs_.empty()) return run(jobs_.front());
    if (at_end_ || !input_) return finish();
    input_->prompt();
    input_->resume();
  }

  void run(const Job& job) {
    if (job.command == "put") return put(job.argument);
    if (job.command == "get") return get(job.argument);
    if (job.command == "pwd") {
      std::printf("/%s\n", samples::escaped(folder_).c_str());
      return finish_job();
    }
    const std::string type = job.command == "cd" ? "stat" : job.command;
    send({{"type", type}, {"path", encode_name(resolve(folder_, job.argument))}});
  }

  void show_listing() const {
    for (std::size_t at = 0; at < listing_.size();) {
      const std::size_t end = listing_.find('\n', at);
      const Json entry = Json::parse(listing_.substr(at, end - at));
      const std::string name =
          samples::escaped(decode_name(entry.at("name").get<std::string>()).value_or("?"));
      const bool is_folder = entry.at("kind") == "folder";
      std::printf("%12s %s%s\n", entry.contains("size") ? entry.at("size").dump().c_str() : "-",
                  name.c_str(), is_folder ? "/" : "");
      if (end == listing_.npos) break;
      at = end + 1;
    }
  }

  // --- put

  void put(const std::string& path) {
    Upload upload;
    upload.file = File::own(open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
    struct stat status {};
    if (!upload.file || fstat(upload.file.fd(), &status) != 0) {
      return give_up_job(reactor::system_error(errno, "open", path).message());
    }
    if (!S_ISREG(status.st_mode)) return give_up_job("it is no file");
    upload.size = static_cast<std::uint64_t>(status.st_size);
    upload_ = std::make_unique<Upload>(std::move(upload));
    send({{"type", "put"},
          {"path", encode_name(resolve(folder_, split_path(path).name))},
          {"size", upload_->size}});
  }

  void begin_upload(std::uint64_t offset, const std::string& sha256) {
    if (offset > upload_->size) throw Failed("the server has more than there is");
    upload_->hashing = std::make_unique<FileHash>(
        loop_, duplicate(upload_->file), Sha256(), 0, offset,
        [this, offset, sha256](const Result<Sha256>& hash) {
          if (hash && samples::to_hex(hash->digest()) == sha256) {
            upload_->at = offset;
            upload_->hash = *hash;
          }
          upload_->progress.emplace(jobs_.front().argument, upload_->size, upload_->at);
          send_piece();
        });
  }

  // The next piece is read and hashed while those before are sent.
  void send_piece() {
    if (upload_->at == upload_->size) {
      if (upload_->size == 0) send({{"type", "data"}, {"offset", 0}});
      upload_->ended = true;
      return send({{"type", "end"}, {"sha256", samples::to_hex(upload_->hash.digest())}});
    }
    auto file = std::make_shared<File>(duplicate(upload_->file));
    const auto size = static_cast<std::size_t>(
        std::min<std::uint64_t>(max_piece_bytes, upload_->size - upload_->at));
    upload_->reading = reactor::Work::run(
        loop_,
        [file, size, at = upload_->at, hash = upload_->hash] {
          Piece piece{std::vector<std::byte>(size), hash};
          const ssize_t read = pread(file->fd(), piece.bytes.data(), size, static_cast<off_t>(at));
          if (read <= 0) piece.error = read < 0 ? errno : EIO;
          piece.bytes.resize(read > 0 ? static_cast<std::size_t>(read) : 0);
          piece.hash.update(piece.bytes);
          return piece;
        },
        [this](const Piece& piece) {
          if (piece.error != 0) {
            upload_->failure = reactor::system_error(piece.error, "read file").message();
            upload_->ended = true;
            return send({{"type", "end"}});
          }
          stream_->write(message({{"type", "data"}, {"offset", upload_->at}}, piece.bytes.size()));
          const auto written = stream_->write(piece.bytes);
          upload_->at += piece.bytes.size();
          upload_->hash = piece.hash;
          upload_->progress->at(upload_->at);
          upload_->waits_for_room = written == reactor::Written::full;
          if (!upload_->waits_for_room) send_piece();
        });
  }

  // --- get

  void get(const std::string& path) {
    const std::string remote = resolve(folder_, path);
    download_ = std::make_unique<Download>();
    download_->name = split_path(remote).name;
    if (download_->name.empty()) return give_up_job("it is a folder");
    download_->part = "." + download_->name + ".part";
    const File found =
        File::own(open(download_->part.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
    const auto size = found.size();
    if (!found || !size || *size == 0) {
      return send({{"type", "get"}, {"path", encode_name(remote)}, {"offset", 0}});
    }
    download_->hashing =
        std::make_unique<FileHash>(loop_, duplicate(found), Sha256(), 0, *size,
                                   [this, remote, offset = *size](const Result<Sha256>& hash) {
                                     if (!hash) return give_up_job(hash.error().message());
                                     download_->hash = *hash;
                                     send({{"type", "get"},
                                           {"path", encode_name(remote)},
                                           {"offset", offset},
                                           {"sha256", samples::to_hex(hash->digest())}});
                                   });
  }

  void begin_download(std::uint64_t size, std::uint64_t offset) {
    Download& download = *download_;
    const int flags = O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC;
    download.file = File::own(open(download.part.c_str(), flags, 0666));
    if (!download.file || (offset == 0 && ftruncate(download.file.fd(), 0) != 0)) {
      throw Failed(reactor::system_error(errno, "write", download.part));
    }
    download.size = size;
    download.at = offset;
    download.sink = std::make_unique<FileSink>(
        loop_, duplicate(download.file), offset > 0 && download.hash ? *download.hash : Sha256(),
        offset, [this] { stream_->resume(); });
    download.progress.emplace(jobs_.front().argument, size, offset);
  }

  void finish_download(const std::string& sha256) {
    download_->sink->finish([this, sha256](const Result<protocols::Digest>& digest) {
      if (!digest) throw Failed(digest.error());
      if (samples::to_hex(*digest) != sha256) {
        unlink(download_->part.c_str());
        return give_up_job("the SHA-256 is another than the server's: the file has changed");
      }
      if (rename(download_->part.c_str(), download_->name.c_str()) != 0) {
        return give_up_job(reactor::system_error(errno, "write", download_->name).message());
      }
      download_->progress->done();
      finish_job();
    });
  }

  // --- ends

  void finish_job() {
    std::fflush(stdout);
    upload_.reset();
    download_.reset();
    jobs_.pop_front();
    run_next();
  }

  void give_up_job(const std::string& why) {
    const bool failed_here = upload_ && !upload_->failure.empty();
    report(jobs_.front().command + " " + jobs_.front().argument + ": " +
           (failed_here ? upload_->failure : why));
    // The server waits for the end of what it has refused amid the upload.
    if (upload_ && upload_->progress && !upload_->ended) send({{"type", "end"}});
    finish_job();
  }

  void report(const std::string& failure) {
    std::fprintf(stderr, "%s\n", samples::escaped(failure).c_str());
    ++failures_;
  }

  void finish() {
    done_ = true;
    stream_->close();
  }

  void send(Json header) { stream_->write(message(std::move(header))); }

  reactor::Loop& loop_;
  const Options& options_;
  protocols::ScramClient login_;
  std::optional<Stream> stream_;
  std::optional<reactor::Framed<Decoder>> answers_;
  std::optional<samples::LineInput> input_;
  std::deque<Job> jobs_;
  std::string folder_;
  std::unique_ptr<Upload> upload_;
  std::unique_ptr<Download> download_;
  std::string listing_;
  std::uint64_t listing_bytes_ = 0;
  std::string refused_;
  bool logged_in_ = false;
  bool at_end_ = false;  // Of the input.
  bool done_ = false;
  int failures_ = 0;
  samples::Connector connector_;
};

}  // namespace
}  // namespace file_transfer

int main(int count, char** words) {
  file_transfer::Options options;
  std::string password_file;
  CLI::App command_line{
      "Puts files on a file_server and gets them. What was cut off goes on where it was.\n"
      "Exit code 0 when every command was done.\n"
      "Example: file_client 127.0.0.1:9000 --user ann put a.bin b.bin"};
  command_line.add_option("endpoint", options.endpoint, "HOST:PORT, [::1]:PORT or unix:PATH")
      ->required();
  command_line.add_option("--user", options.user, "Who logs in")->required();
  command_line.add_option("--password-file", password_file,
                          "The password; typed, or the first line of standard input, if not given");
  command_line.prefix_command();
  command_line.footer(std::string("Behind the options, or as lines of standard input:\n") +
                      file_transfer::commands);
  return samples::run_program(command_line, count, words, [&] {
    options.command = command_line.remaining();
    options.password = file_transfer::read_password(password_file, "password: ");
    reactor::Loop loop;
    const file_transfer::Client client(loop, options);
    loop.run();
    if (client.failures() > 0) {
      throw samples::Failed(std::to_string(client.failures()) + " not done");
    }
  });
}
