// What becomes of a request that is redirected. Internal.
#pragma once

#include "web/fetch.hpp"

namespace web::inline v0 {

/// 301, 302, 303, 307 or 308.
[[nodiscard]] bool is_redirect(int status);

/// Whether `status` demands the same method and body again; otherwise the request becomes GET.
[[nodiscard]] bool keeps_method(int status, const FetchRequest& request);

/// Changes method, body and fields as a redirect of this status demands. The URL is the caller's.
void redirect(FetchRequest& request, int status, bool to_another_origin);

}  // namespace web
