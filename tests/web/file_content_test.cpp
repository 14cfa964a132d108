#include "web/file_content.hpp"

#include <doctest/doctest.h>

#include <cerrno>

#include "support/result.hpp"

TEST_SUITE("FileContent") {
  TEST_CASE("what is no regular file is an error with a status") {
    CHECK_FALSE(web::FileContent::open("/nowhere"));
    CHECK_FALSE(web::FileContent::open("/"));
    CHECK(web::status_of_file_error(reactor::system_error(ENOENT, "open")) == 404);
    CHECK(web::status_of_file_error(reactor::system_error(ELOOP, "open")) == 404);
    CHECK(web::status_of_file_error(reactor::system_error(EACCES, "open")) == 403);
    CHECK(web::status_of_file_error(reactor::system_error(EMFILE, "open")) == 503);
    CHECK(web::status_of_file_error(reactor::system_error(ENFILE, "open")) == 503);
  }

  TEST_CASE("a file has its size, a tag in quotes and a type") {
    const auto content = ok(web::FileContent::open("/proc/self/exe"));
    CHECK(content.size > 0);
    CHECK(content.etag.starts_with('"'));
    CHECK(content.etag.ends_with('"'));
    CHECK(content.media_type == "application/octet-stream");
  }

  TEST_CASE("the type follows the extension, in any case") {
    CHECK(web::media_type("a/b.HTML") == "text/html; charset=utf-8");
    CHECK(web::media_type("a.b/c") == "application/octet-stream");
    CHECK(web::media_type("a.tar.gz") == "application/gzip");
    CHECK(web::media_type("") == "application/octet-stream");
  }
}
