#include "web/redirect.hpp"

#include <algorithm>
#include <initializer_list>
#include <string_view>

#include "protocols/http/message.hpp"

namespace web::inline v0 {
namespace {

void remove_fields(FetchRequest& request, std::initializer_list<std::string_view> names) {
  std::erase_if(request.fields, [&](const auto& field) {
    return std::any_of(names.begin(), names.end(), [&](std::string_view name) {
      return protocols::http::equal_ignoring_case(field.first, name);
    });
  });
}

}  // namespace

bool is_redirect(int status) {
  return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

bool keeps_method(int status, const FetchRequest& request) {
  if (status == 303) return request.method == "HEAD";
  return status == 307 || status == 308 || request.method != "POST";
}

void redirect(FetchRequest& request, int status, bool to_another_origin) {
  if (!keeps_method(status, request)) {
    request.method = "GET";
    request.body.clear();
    request.streams_body = false;
    request.body_size.reset();
    remove_fields(request, {"Content-Type", "Content-Encoding", "Content-Language",
                            "Content-Location", "Content-Disposition", "Digest", "Expect"});
  }
  if (to_another_origin) remove_fields(request, {"Authorization", "Cookie", "Proxy-Authorization"});
}

}  // namespace web
