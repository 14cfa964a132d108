#include "fuzz/fuzz.hpp"
#include "protocols/content_length_block.hpp"
#include "support/content_length_block.hpp"

namespace content_length_block_fuzz {

using protocols::ContentBlock;
using protocols::ContentLengthBlockDecoder;
using protocols::ContentLengthBlocks;

void fuzz_one(fuzz::Input input) {
  ContentLengthBlocks options;
  if (input.number(1)) {
    options.max_header_bytes = input.number(100);
    options.max_content_bytes = input.number(100);
  }
  const ContentLengthBlockDecoder fresh(options);
  fuzz::check_any_split(fresh, input.rest());
  ContentLengthBlockDecoder decoder = fresh;
  decoder.feed(protocols::as_bytes(input.rest()));
  while (const auto block = decoder.next()) {
    std::vector<std::byte> written;
    protocols::append_content_block(written, block->content);
    ContentLengthBlockDecoder again;
    again.feed(written);
    const auto restored = again.next();
    fuzz::require(restored && describe(*restored) == describe(ContentBlock{{}, block->content}),
                  "another content");
  }
}

const fuzz::Target target("content_length_block", fuzz_one);

}  // namespace content_length_block_fuzz
