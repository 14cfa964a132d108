// In place of websocket_deflate.cpp where there is no zlib.
#include "web/websocket_deflate.hpp"

namespace web::inline v0 {

bool can_deflate() { return false; }

std::unique_ptr<protocols::websocket::Inflater> make_inflater(int, bool) { return nullptr; }

std::unique_ptr<Compressor> make_compressor(int, bool) { return nullptr; }

Compressor* shared_compressor() { return nullptr; }

}  // namespace web
