// The content of a folder, as the response to `ls` lists it.
#pragma once

#include <memory>

#include "reactor/callback.hpp"
#include "reactor/file.hpp"
#include "reactor/result.hpp"
#include "samples/file_transfer/server/peer.hpp"
#include "samples/support/fair_work.hpp"

namespace file_transfer {

/// Sends one page after the other. Each is read from the folder when the client has read the pages
/// before it. A page has a line for each entry, a JSON object.
///
/// Cost      A page and what the C library reads ahead, some 100 KiB, however large the folder.
///           What waits for the client is in the stream's queue.
class OutgoingListing {
 public:
  /// `on_over` is called when it and its request have ended.
  OutgoingListing(samples::FairWork::Client worker, Peer& peer, reactor::File folder,
                  reactor::Callback<void()> on_over);
  OutgoingListing(const OutgoingListing&) = delete;
  OutgoingListing& operator=(const OutgoingListing&) = delete;

  void on_drained();

 private:
  struct Reading;

  void read();
  void send(const reactor::Result<void>& read);

  const samples::FairWork::Client worker_;
  Peer& peer_;
  reactor::Callback<void()> on_over_;
  std::shared_ptr<Reading> reading_;  // Shared with the function that reads.
  bool full_ = false;                 // Until the stream has drained.
  samples::FairWork::Job job_;
};

}  // namespace file_transfer
