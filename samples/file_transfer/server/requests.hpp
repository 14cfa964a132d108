// What a client sends, cut into requests and pieces of files.
#pragma once

#include "protocols/json_header.hpp"
#include "samples/file_transfer/wire.hpp"
#include "samples/support/error_as_frame.hpp"

namespace file_transfer {

struct RequestDecoder : samples::ErrorAsFrame<protocols::JsonHeaderStreamDecoder> {
  RequestDecoder() : ErrorAsFrame(decoder(max_piece_bytes)) {}
};

}  // namespace file_transfer
