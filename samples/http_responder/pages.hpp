// The files and folders below a root.
#pragma once

#include <cstddef>

#include "reactor/loop.hpp"
#include "samples/http_responder/log.hpp"
#include "samples/support/fair_work.hpp"
#include "web/folder.hpp"
#include "web/http_server.hpp"

namespace responder {

/// Serves the files of a folder, and if `list` is set, pages that list its folders.
class Pages {
 public:
  /// For one of `threads` loops. `root` must outlive it, and it outlives its servers.
  Pages(reactor::Loop& loop, const web::Folder& root, bool list, std::size_t threads, Log& log);

  void handle(const web::Request& request, web::Response response);

 private:
  void send_folder(const web::Request& request, web::Response response, const std::string& path,
                   web::Folder::Found folder);

  const web::Folder& root_;
  const bool list_;
  Log& log_;
  samples::FairWork work_;  // For each network in turn.
};

}  // namespace responder
