#include "samples/file_transfer/session.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <utility>

#include "protocols/base64.hpp"
#include "samples/file_transfer/accounts.hpp"
#include "samples/support/printable.hpp"
#include "samples/support/program.hpp"
#include "samples/support/sha256.hpp"

namespace file_transfer {
namespace {

using reactor::Error;
using reactor::Failure;
using reactor::File;
using reactor::Result;
using reactor::Stream;
using samples::Sha256;

constexpr std::uint64_t slice_bytes = 1 << 20;
constexpr std::size_t longest_listing_bytes = 32 << 20;

std::string text_of(const Json& header, const char* name) {
  const auto found = header.find(name);
  return found != header.end() && found->is_string() ? found->get<std::string>() : "";
}

std::optional<std::uint64_t> number_of(const Json& header, const char* name) {
  const auto found = header.find(name);
  if (found == header.end() || !found->is_number_unsigned()) return std::nullopt;
  return found->get<std::uint64_t>();
}

// A line for each entry, a JSON object.
Result<std::string> list_folder(const File& folder) {
  const auto close = [](DIR* entries) { closedir(entries); };
  const int fd = openat(folder.fd(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const std::unique_ptr<DIR, decltype(close)> entries(fd >= 0 ? fdopendir(fd) : nullptr, close);
  if (!entries) return Failure(reactor::system_error(errno, "list folder"));
  std::string lines;
  while (const dirent* entry = readdir(entries.get())) {
    const std::string name = entry->d_name;
    struct stat status {};
    if (name == "." || name == ".." ||
        fstatat(fd, name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) {
      continue;
    }
    Json line{{"name", encode_name(name)}};
    line["kind"] = S_ISREG(status.st_mode) ? "file" : S_ISDIR(status.st_mode) ? "folder" : "other";
    if (S_ISREG(status.st_mode)) line["size"] = status.st_size;
    lines += line.dump() + "\n";
    if (lines.size() > longest_listing_bytes) {
      return Failure(reactor::system_error(EFBIG, "list folder"));
    }
  }
  return lines;
}

}  // namespace

void Site::open() {
  (void)Accounts::read(accounts_file);  // Rather now than with the first client.
  (void)samples::scram_crypto();
  lock = File::own(::open(root.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!lock) throw samples::Failed(reactor::system_error(errno, "open folder", root));
  if (flock(lock.fd(), LOCK_EX | LOCK_NB) != 0) {
    throw samples::Failed("another server keeps the files of " + root);
  }
}

Result<std::shared_ptr<Home>> Site::home(const std::string& user, std::uint64_t quota_bytes) {
  if (auto shared = homes[user].lock()) {
    shared->set_quota(quota_bytes);
    return shared;
  }
  auto home = Home::open(root, user, quota_bytes);
  if (!home) return Failure(home.error());
  auto shared = std::make_shared<Home>(std::move(*home));
  homes[user] = shared;
  return shared;
}

struct Session::Download {
  File file;
  std::uint64_t size = 0;
  std::uint64_t sent = 0;
  std::optional<Sha256> hash;  // Of what the client has.
  std::optional<protocols::Digest> digest;
  std::unique_ptr<FileHash> hashing;
};

// What was reserved for an upload, given back when nothing writes to it any more.
struct Reservation {
  std::shared_ptr<Home> home;
  std::string path;
  std::uint64_t size = 0;
  bool remove = false;

  Reservation(std::shared_ptr<Home> of, std::string to, std::uint64_t bytes)
      : home(std::move(of)), path(std::move(to)), size(bytes) {}
  Reservation(const Reservation&) = delete;
  Reservation& operator=(const Reservation&) = delete;
  ~Reservation() { home->release(path, size, remove); }
};

struct Session::Upload {
  std::string path;
  File file;
  std::uint64_t size = 0;
  std::uint64_t at = 0;  // Of the file, what has come.
  bool begun = false;
  bool failed = false;
  std::optional<Sha256> hash;  // Of what was there.
  std::shared_ptr<Reservation> reservation;
  std::unique_ptr<FileHash> hashing;
  std::unique_ptr<FileSink> sink;
};

Session::Session(reactor::Loop& loop, Stream& stream, Site& site)
    : loop_(loop), stream_(stream), site_(site), deadline_(loop, site.patience, [this] {
        stream_.fail(reactor::system_error(ETIMEDOUT, "serve", peer()));
      }) {}

void Session::on_frame(const Decoder::Frame& frame) {
  if (ending_ && !upload_) return;
  if (const auto* piece = std::get_if<protocols::PayloadPiece>(&frame)) {
    deadline_.touch();
    if (!upload_ || upload_->failed || !upload_->sink) return;
    if (upload_->sink->error()) return fail_upload(*upload_->sink->error());
    if (!upload_->sink->write(piece->bytes)) stream_.pause();
    return;
  }
  const auto& head = std::get<protocols::JsonHead>(frame);
  const Json header = Json::parse(head.header, nullptr, false);
  if (!header.is_object()) return refuse_and_end("the request is no JSON object");
  const std::string type = text_of(header, "type");
  if (head.payload_bytes > 0 && type != "data") {
    return refuse_and_end("only data has a payload");
  }
  if (!home_) return type == "login" ? log_in(header) : prove(header);
  if (upload_ && type == "data") {
    return take_data(head.payload_bytes, number_of(header, "offset").value_or(upload_->at));
  }
  if (upload_ && type == "end") return finish_upload(header);
  if (upload_ || type == "data" || type == "end") {
    return refuse_and_end("an upload is data and then an end");
  }
  take(header);
}

void Session::log_in(const Json& header) {
  if (login_) return refuse_and_end("a login has begun already");
  login_.emplace(
      protocols::to_base64(random_bytes(24)), samples::scram_crypto(),
      [this](std::string_view user) { return Accounts::read(site_.accounts_file).verifier(user); });
  try {
    const std::string challenge = login_->first(text_of(header, "message"));
    if (challenge.starts_with("e=")) return refuse_and_end("login: " + challenge.substr(2));
    answer({{"type", "challenge"}, {"message", challenge}});
  } catch (const samples::Failed& failure) {
    std::fprintf(stderr, "%s\n", failure.what());
    refuse_and_end("the server cannot read its accounts");
  }
}

void Session::prove(const Json& header) {
  if (!login_ || text_of(header, "type") != "proof") return refuse_and_end("log in first");
  const std::string signature = login_->final(text_of(header, "message"));
  if (!login_->passed()) return refuse_and_end("login: " + signature.substr(2));
  try {
    const Accounts accounts = Accounts::read(site_.accounts_file);
    const Account* account = accounts.find(login_->user());
    if (!account) return refuse_and_end("the account is gone");
    auto home = site_.home(login_->user(), account->quota_bytes);
    if (!home) {
      std::fprintf(stderr, "%s\n", home.error().message().c_str());
      return refuse_and_end("the server cannot open the home");
    }
    home_ = std::move(*home);
  } catch (const samples::Failed& failure) {
    std::fprintf(stderr, "%s\n", failure.what());
    return refuse_and_end("the server cannot read its accounts");
  }
  std::fprintf(stderr, "%s is %s\n", peer().c_str(), login_->user().c_str());
  answer({{"type", "welcome"}, {"message", signature}});
}

void Session::take(const Json& header) {
  const std::string type = text_of(header, "type");
  if (type == "quota") {
    return answer({{"type", "quota"},
                   {"quota_bytes", home_->quota_bytes()},
                   {"used_bytes", home_->used_bytes()}});
  }
  const auto path_text = header.find("path");
  if (path_text == header.end() || !path_text->is_string()) return refuse("a path is missing");
  const auto path = decode_path(path_text->get<std::string>());
  if (!path) return refuse(path.error().message());
  if (type == "ls") return list(*path);
  if (type == "get") return get(*path, header);
  if (type == "put") return put(*path, header);
  if (type == "mkdir") return answer_result(home_->make_folder(*path));
  if (type == "rm") return answer_result(home_->remove_file(*path));
  if (type == "rmdir") return answer_result(home_->remove_folder(*path));
  if (type == "stat") {
    const auto found = home_->find(*path);
    if (!found) return refuse(found.error().message());
    return answer({{"type", "stat"},
                   {"kind", found->is_folder ? "folder" : "file"},
                   {"size", found->is_folder ? 0 : found->size}});
  }
  refuse("there is no request " + type);
}

void Session::list(const std::string& path) {
  auto found = home_->find(path);
  if (!found) return refuse(found.error().message());
  if (!found->is_folder) return refuse("it is no folder");
  work_on();
  auto folder = std::make_shared<File>(std::move(found->file));
  work_ = reactor::Work::run(
      loop_, [folder] { return list_folder(*folder); },
      [this](const Result<std::string>& lines) {
        wait_for_request();
        if (!lines) return refuse(lines.error().message());
        stream_.write(message({{"type", "listing"}}, lines->size()));
        stream_.write(*lines);
      });
}

// --- downloads

void Session::get(const std::string& path, const Json& header) {
  auto found = home_->find(path);
  if (!found) return refuse(found.error().message());
  if (found->is_folder) return refuse("it is a folder");
  work_on();
  download_ = std::make_shared<Download>();
  download_->file = std::move(found->file);
  download_->size = found->size;
  const std::uint64_t offset = number_of(header, "offset").value_or(0);
  if (offset == 0 || offset > found->size) return begin_download();
  download_->hashing = std::make_unique<FileHash>(
      loop_, duplicate(download_->file), Sha256(), 0, offset,
      [this, offset, claimed = text_of(header, "sha256")](Result<Sha256> hash) {
        if (hash && samples::to_hex(hash->digest()) == claimed) {
          download_->sent = offset;
          download_->hash = std::move(*hash);
        }
        begin_download();
      });
}

void Session::begin_download() {
  Download& download = *download_;
  stream_.write(message({{"type", "file"}, {"size", download.size}, {"offset", download.sent}},
                        download.size - download.sent));
  // Beside the sending: what is sent is in the page cache then, whoever comes first.
  download.hashing = std::make_unique<FileHash>(
      loop_, duplicate(download.file), download.hash ? *download.hash : Sha256(), download.sent,
      download.size, [this](Result<Sha256> hash) {
        if (!hash) {
          stream_.fail(hash.error());
          return;
        }
        download_->digest = hash->digest();
        end_download();
      });
  deadline_.restart(site_.patience);
  send_more();
}

void Session::send_more() {
  Download& download = *download_;
  while (download.sent < download.size) {
    const std::uint64_t size = std::min(slice_bytes, download.size - download.sent);
    const std::uint64_t offset = download.sent;
    download.sent += size;
    deadline_.touch();
    const auto written = stream_.write_file(duplicate(download.file), offset, size);
    if (written == reactor::Written::closed) return;
    if (written == reactor::Written::full && download.sent < download.size) return;
  }
  deadline_.cancel();  // The hash may take longer, and then a request is waited for.
  end_download();
}

void Session::end_download() {
  if (!download_->digest || download_->sent < download_->size) return;
  const std::string digest = samples::to_hex(*download_->digest);
  download_.reset();
  wait_for_request();
  answer({{"type", "sent"}, {"sha256", digest}});
}

void Session::on_drained() {
  deadline_.touch();
  if (download_ && download_->sent < download_->size) send_more();
}

// --- uploads

void Session::put(const std::string& path, const Json& header) {
  const auto size = number_of(header, "size");
  if (!size || *size > std::uint64_t{1} << 60) return refuse("the size is missing");
  auto partial = home_->reserve(path, *size);
  if (!partial) return refuse(partial.error().message());
  upload_ = std::make_shared<Upload>();
  upload_->path = path;
  upload_->size = *size;
  upload_->file = std::move(partial->file);
  upload_->at = partial->size;
  upload_->reservation = std::make_shared<Reservation>(home_, path, *size);
  work_on();
  upload_->hashing = std::make_unique<FileHash>(
      loop_, duplicate(upload_->file), Sha256(), 0, partial->size, [this](Result<Sha256> hash) {
        deadline_.restart(site_.patience);
        busy_ = false;
        stream_.resume();
        if (!hash) upload_->at = 0;
        upload_->hash = hash ? std::move(*hash) : Sha256();
        answer({{"type", "ready"},
                {"offset", upload_->at},
                {"sha256", samples::to_hex(upload_->hash->digest())}});
      });
}

// The first data says whether it goes on from what is there or begins anew.
void Session::take_data(std::uint64_t size, std::uint64_t offset) {
  Upload& upload = *upload_;
  deadline_.touch();
  if (upload.failed) return;
  if (!upload.begun) {
    upload.begun = true;
    if (offset == 0 && upload.at > 0) {
      upload.at = 0;
      upload.hash = Sha256();
      if (ftruncate(upload.file.fd(), 0) != 0) {
        return fail_upload(reactor::system_error(errno, "begin anew"));
      }
    }
    upload.sink = std::make_unique<FileSink>(
        loop_, duplicate(upload.file), *upload.hash, upload.at,
        [this] {
          deadline_.touch();
          stream_.resume();
        },
        upload.reservation);
  }
  if (offset != upload.at || size > upload.size - upload.at) {
    return fail_upload(reactor::system_error(EINVAL, "take data at " + std::to_string(offset)));
  }
  upload.at += size;
}

void Session::finish_upload(const Json& header) {
  const std::string claimed = text_of(header, "sha256");
  Upload& upload = *upload_;
  if (upload.failed || claimed.empty()) {
    const bool told = upload.failed;
    upload_.reset();
    wait_for_request();
    if (!told) refuse("the upload is given up");
    return;
  }
  if (upload.at != upload.size) {
    fail_upload(reactor::system_error(EINVAL, "end an upload of another size"));
    upload_.reset();
    return wait_for_request();
  }
  if (!upload.sink) {
    upload.sink = std::make_unique<FileSink>(
        loop_, duplicate(upload.file), *upload.hash, upload.at, [] {}, upload.reservation);
  }
  work_on();
  upload.sink->finish([this, claimed](Result<protocols::Digest> digest) {
    const auto done = [this](const Result<void>& result) {
      upload_->reservation->remove = !result;
      upload_.reset();
      wait_for_request();
      if (!result) return refuse(result.error().message());
      answer({{"type", "stored"}});
    };
    if (!digest) return done(Failure(digest.error()));
    if (samples::to_hex(*digest) != claimed) {
      auto error = reactor::system_error(EIO, "upload");
      error.hint = "the SHA-256 is another than the client's";
      return done(Failure(std::move(error)));
    }
    done(home_->store(upload_->path, upload_->file));
  });
}

void Session::fail_upload(const Error& error) {
  upload_->failed = true;
  upload_->reservation->remove = true;
  refuse(error.message());
}

// --- what all have in common

// The peer is not waited for, and heard again when the work is done.
void Session::work_on() {
  busy_ = true;
  deadline_.cancel();
  stream_.pause();
}

void Session::wait_for_request() {
  busy_ = false;
  deadline_.restart(site_.idle_timeout);
  if (ending_) return stream_.close();
  stream_.resume();
}

void Session::finish() {
  ending_ = true;
  if (!busy_ && !upload_) stream_.close();
}

void Session::on_close(const Error& error) {
  if (error) std::fprintf(stderr, "%s\n", error.message().c_str());
}

void Session::answer(Json header) {
  if (!busy_ && home_ && !upload_) deadline_.restart(site_.idle_timeout);
  stream_.write(message(std::move(header)));
}

void Session::answer_result(const Result<void>& result) {
  if (!result) return refuse(result.error().message());
  answer({{"type", "done"}});
}

void Session::refuse(const std::string& reason) {
  std::fprintf(stderr, "%s is refused: %s\n", peer().c_str(), samples::escaped(reason).c_str());
  answer({{"type", "error"}, {"reason", reason}});
}

void Session::refuse_and_end(const std::string& reason) {
  refuse(reason);
  ending_ = true;
  upload_.reset();
  stream_.close();
}

std::string Session::peer() const {
  const auto address = stream_.socket().peer_address();
  return address ? address->to_string() : "a client";
}

}  // namespace file_transfer
