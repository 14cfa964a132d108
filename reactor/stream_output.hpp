// The sending half of a stream. Internal.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "reactor/descriptor.hpp"
#include "reactor/descriptor_messages.hpp"
#include "reactor/engine.hpp"
#include "reactor/file.hpp"
#include "reactor/send_queue.hpp"
#include "reactor/send_queued.hpp"
#include "reactor/stream_connection.hpp"
#include "reactor/stream_filter.hpp"
#include "reactor/stream_limits.hpp"
#include "reactor/stream_outbox.hpp"
#include "reactor/stream_quota.hpp"
#include "reactor/write_status.hpp"

namespace reactor::inline v0 {

/// Gathers what a callback writes, sends it, and queues what the kernel does not take.
class StreamOutput : public Source {
 public:
  using Bytes = std::span<const std::byte>;

  // ---- For the user of the stream

  WriteStatus write(Bytes bytes) {
    if (bytes.size() < large_write_bytes && !is(held | queueing | no_more) &&
        engine().gather_first(*this, bytes)) {
      return WriteStatus::sent;
    }
    return write_small(bytes);
  }
  WriteStatus write(std::span<const Bytes> parts);
  [[nodiscard]] std::span<std::byte> reserve(std::size_t size) {
    return engine().reserve_output(*this, size);
  }
  [[nodiscard]] WriteStatus write_status() const;
  WriteStatus write_file(File file, std::uint64_t offset, std::uint64_t size);
  WriteStatus write_descriptors(std::vector<Descriptor> descriptors, Bytes bytes);
  [[nodiscard]] Descriptor take_descriptor();

  /// For what other threads write.
  [[nodiscard]] std::shared_ptr<StreamOutbox> outbox();

  [[nodiscard]] std::size_t queued() const { return cold_ ? cold_->queue.bytes() : 0; }
  [[nodiscard]] const StreamLimits& limits() const { return quota_.limits(); }
  [[nodiscard]] StreamConnection& connection() { return connection_; }
  [[nodiscard]] const StreamConnection& connection() const { return connection_; }

  /// Null where the bytes are sent as they are written.
  [[nodiscard]] StreamFilter* filter() const { return cold_ ? cold_->filter.get() : nullptr; }

 protected:
  StreamOutput(Engine& engine, Socket socket, const Address& peer)
      : Source(engine, Kind::stream), connection_(std::move(socket), peer) {}

  /// What the stream passes beside bytes.
  [[nodiscard]] DescriptorMessages& descriptors();

  /// Queues all that is written, or stops doing so.
  void hold_output(bool hold) { hold ? set(held) : clear(held); }

  /// From now on all that is written passes through `filter`, and so does what is received. Sends
  /// what was written before as it is. Files among it are an error.
  [[nodiscard]] bool attach(std::unique_ptr<StreamFilter> filter);

  /// Sends what the filter has encoded, as far as the kernel takes it.
  void send_encoded();

  /// Drops what is queued, since no one can read it any more.
  void drop_output();

  /// Something is queued; the socket could take some of it, were it writable; more than the
  /// high-water mark is queued; the kernel would take more of a file.
  [[nodiscard]] bool waits_to_send() const { return is(queueing); }
  [[nodiscard]] bool has_output_of_user() const { return cold_ && !cold_->queue.empty(); }
  [[nodiscard]] bool waits_for_socket() const {
    return is(queueing) && (!is(held) || !filter() || !filter()->output().empty());
  }
  [[nodiscard]] bool is_above_high_water() const { return is(above_high_water); }
  [[nodiscard]] bool has_more_of_file() const { return is(more_of_file); }

  /// Sends what is queued, as far as the kernel takes it. True when no more than half of the
  /// high-water mark is left for the first time.
  [[nodiscard]] bool flush();

  /// Sends what the running callback has written.
  void send_gathered();

  /// Takes no more from now on. What was written, by other threads too, is still sent.
  void end_output();
  /// Takes no more, whatever is still to be sent.
  void stop_output() { set(no_more); }
  [[nodiscard]] bool takes_output() const { return !is(no_more); }

  /// Sends the end of the stream, once, after all that was written.
  void send_end_if_sent();
  [[nodiscard]] bool end_is_sent() const { return is(end_sent); }

  /// Ends the connection for this error, after the running function has returned: calls
  /// stop_output().
  virtual void fail(Error error) = 0;

  /// What is left will not be sent, and the peer must be notified.
  void lose_output() { set(lost); }

  /// Drops what is left.
  void close_connection();
  void close_outbox();

  void set_limits(const SharedLimits& limits);

 private:
  // A write as large as this costs more to copy than to send by itself.
  static constexpr std::size_t large_write_bytes = 4096;

  enum Flag : std::uint8_t {
    held = 1 << 0,
    queueing = 1 << 1,
    no_more = 1 << 2,
    end_sent = 1 << 3,
    more_of_file = 1 << 4,
    above_high_water = 1 << 5,
    lost = 1 << 6,       // Bytes that were accepted will not be sent.
    unlimited = 1 << 7,  // What is written now was accepted before.
  };

  // Not needed by a stream whose output is all sent.
  struct Cold {
    SendQueue queue;  // What the kernel has not yet taken.
    std::unique_ptr<StreamFilter> filter;
    std::shared_ptr<StreamOutbox> outbox;
    std::unique_ptr<DescriptorMessages> descriptors;
  };

  /// Something is queued from now on, or more than before.
  virtual void on_output_waits() = 0;

  void on_gathered(Bytes bytes) final;

  [[nodiscard]] bool is(unsigned any) const { return (flags_ & any) != 0; }
  void set(unsigned all) { flags_ = static_cast<std::uint8_t>(flags_ | all); }
  void clear(unsigned all) { flags_ = static_cast<std::uint8_t>(flags_ & ~all); }

  WriteStatus write_small(Bytes bytes);
  WriteStatus write_otherwise(Bytes bytes);
  WriteStatus send(Bytes first, Bytes second, int send_flags = 0);
  WriteStatus sent(std::ptrdiff_t size, Bytes first, Bytes second);
  WriteStatus send_through_filter(Bytes first, Bytes second);
  [[nodiscard]] SentOfQueue send_queue(std::uint64_t most_file_bytes);
  WriteStatus enqueue(Bytes bytes);
  WriteStatus wait_for_kernel();
  [[nodiscard]] bool send_waiting();
  [[nodiscard]] bool can_pass_descriptors() const;
  void refuse_descriptors(int number, const char* why);
  void drop_queue();
  void take_posted();
  Cold& cold();

  StreamConnection connection_;
  StreamQuota quota_;
  std::unique_ptr<Cold> cold_;
  std::uint8_t flags_ = 0;
};

}  // namespace reactor
