// A line for each response, to standard error.
#pragma once

#include <cstdio>
#include <set>
#include <string>
#include <string_view>

namespace responder {

/// Writes a line when a response is complete, and for a long one when it begins.
class Log {
 public:
  explicit Log(bool writes) : writes_(writes) {}

  [[nodiscard]] static std::string line(std::string_view peer, std::string_view method,
                                        std::string_view target, int minor_version, int status) {
    std::string request;
    if (!method.empty()) {
      request.append(method).append(" ").append(target).append(" HTTP/1.");
      request += std::to_string(minor_version);
    }
    for (char& c : request) {
      if (c == '"') c = '\'';
    }
    return std::string(peer) + " \"" + request + "\" " + std::to_string(status);
  }

  void begin(const std::string& line) {
    write(line);
    if (writes_) begun_.insert(line);
  }
  void complete(const std::string& line) {
    if (const auto begun = begun_.find(line); begun != begun_.end()) {
      begun_.erase(begun);
    } else {
      write(line);
    }
  }

 private:
  void write(const std::string& line) const {
    if (writes_) std::fprintf(stderr, "%s\n", line.c_str());
  }

  const bool writes_;
  std::multiset<std::string> begun_;
};

}  // namespace responder
