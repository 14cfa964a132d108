// In place of content_decoder_zlib.cpp where the library is built without zlib.
#include "web/content_decoder.hpp"

namespace web::inline v0 {

std::string_view ContentDecoder::accepted() { return {}; }
std::unique_ptr<ContentDecoder> ContentDecoder::create(std::string_view) { return nullptr; }

}  // namespace web
