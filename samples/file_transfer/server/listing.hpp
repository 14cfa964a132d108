// What is in a folder, as the answer to `ls` tells it.
#pragma once

#include <memory>

#include "reactor/callback.hpp"
#include "reactor/file.hpp"
#include "reactor/result.hpp"
#include "samples/file_transfer/server/peer.hpp"
#include "samples/support/fair_work.hpp"

namespace file_transfer {

/// A page after the other, each read from the folder when the client has read what was before it: a
/// line for each entry, a JSON object.
///
/// Cost      A page and what the C library reads ahead, some 100 KiB, however large the folder. What
///           of it waits for the client is the stream's.
class OutgoingListing {
 public:
  /// `on_over` is the end of it, and of the request.
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
  std::shared_ptr<Reading> reading_;  // With the function that reads.
  bool full_ = false;                 // The stream is.
  samples::FairWork::Job job_;
};

}  // namespace file_transfer
