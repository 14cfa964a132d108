#include "web/websocket_output.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "protocols/websocket/utf8.hpp"
#include "reactor/random_bytes.hpp"

namespace web::inline v0 {

using protocols::websocket::DeflateParameters;
using protocols::websocket::Encoder;
using protocols::websocket::MaskKey;
using protocols::websocket::Role;
using reactor::WriteStatus;

namespace {

// A longer message is written in pieces.
constexpr std::size_t piece_bytes = 64 * 1024;
// Frames that wait are joined up to this size.
constexpr std::size_t joined_bytes = 4 * 1024;
constexpr int largest_window_bits = 15;

MaskKey next_key() {
  MaskKey key;
  reactor::fill_randomly(key);
  return key;
}

// Frames are made in the same memory, one after the other.
std::vector<std::byte>& scratch() {
  thread_local std::vector<std::byte> memory;
  memory.clear();
  return memory;
}

std::vector<std::byte>& deflate_scratch() {
  thread_local std::vector<std::byte> memory;
  memory.clear();
  return memory;
}

}  // namespace

WebSocketOutput::WebSocketOutput(Role role, const WebSocketOptions& options)
    : encoder_(role == Role::client ? Encoder(next_key) : Encoder()),
      is_server_(role == Role::server),
      max_queued_bytes_(options.max_queued_bytes),
      compress_from_bytes_(options.compress_from_bytes) {}

void WebSocketOutput::open(WebSocketTransport& transport,
                           const std::optional<DeflateParameters>& deflate) {
  transport_ = &transport;
  if (deflate) {
    const int bits = is_server_ ? deflate->server_max_window_bits : deflate->client_max_window_bits;
    const bool alone =
        is_server_ ? deflate->server_no_context_takeover : deflate->client_no_context_takeover;
    if (alone && bits == largest_window_bits) {
      compressor_ = shared_compressor();
      takes_compressed_ = is_server_;
    } else if (bits >= protocols::websocket::min_window_bits) {
      own_compressor_ = make_compressor(bits, alone);
      compressor_ = own_compressor_.get();
    }
  }
  pump();
}

void WebSocketOutput::end() {
  ended_ = true;
  transport_ = nullptr;
  waiting_.reset();
  held_.reset();
  pong_.reset();
  waiting_bytes_ = 0;
}

WriteStatus WebSocketOutput::message(Kind kind, Bytes message) {
  if (ended_ || encoder_.closed()) return WriteStatus::closed;
  if (in_message_ || waiting_bytes_ >= max_queued_bytes_) return WriteStatus::refused;
  const bool is_text = kind == Kind::text;
  if (compressor_ && message.size() >= compress_from_bytes_) {
    if (is_text && !protocols::websocket::is_utf8(message)) return WriteStatus::refused;
    return compressed(kind, message);
  }
  return write(message.size(), [&](std::vector<std::byte>& out) {
    return is_text ? encoder_.text(out, protocols::as_text(message))
                   : encoder_.binary(out, message);
  });
}

WriteStatus WebSocketOutput::compressed(Kind kind, Bytes message) {
  std::vector<std::byte>& deflated = deflate_scratch();
  // Once it is in the window of its successors it must be sent as it is.
  const bool made = compressor_->message(deflated, message);
  const bool is_kept = made && (own_compressor_ || deflated.size() < message.size());
  const WriteStatus written =
      write(is_kept ? deflated.size() : message.size(), [&](std::vector<std::byte>& out) {
        return is_kept ? encoder_.compressed(out, kind, deflated)
                       : encoder_.piece(out, kind, message, true);
      });
  if (deflated.capacity() > piece_bytes) std::vector<std::byte>().swap(deflated);
  return written;
}

WriteStatus WebSocketOutput::piece(Kind kind, Bytes piece, bool last) {
  if (ended_ || encoder_.closed()) return WriteStatus::closed;
  if (waiting_bytes_ >= max_queued_bytes_) return WriteStatus::refused;
  const WriteStatus written = write(piece.size(), [&](std::vector<std::byte>& out) {
    return encoder_.piece(out, kind, piece, last);
  });
  if (written == WriteStatus::refused) return written;
  in_message_ = !last;
  if (last && held_) {
    const auto held = std::exchange(held_, nullptr);
    for (Entry& entry : *held) {
      waiting_bytes_ -= entry.frame->size() + frame_bytes;
      append(std::move(entry.frame), entry.is_droppable);
    }
  }
  return written;
}

WriteStatus WebSocketOutput::ping(Bytes payload) {
  if (ended_ || encoder_.closed()) return WriteStatus::closed;
  if (waiting_bytes_ >= max_queued_bytes_) return WriteStatus::refused;
  return write(payload.size(),
               [&](std::vector<std::byte>& out) { return encoder_.ping(out, payload); });
}

void WebSocketOutput::pong(Bytes payload) {
  if (ended_ || encoder_.closed()) return;
  if (!may_write()) {
    pong_.emplace(payload.begin(), payload.end());
    return;
  }
  (void)write(payload.size(),
              [&](std::vector<std::byte>& out) { return encoder_.pong(out, payload); });
}

bool WebSocketOutput::close(std::uint16_t code, std::string_view reason) {
  if (ended_ || encoder_.closed()) return false;
  const WriteStatus written = write(reason.size(), [&](std::vector<std::byte>& out) {
    return encoder_.close(out, code, reason);
  });
  if (encoder_.closed()) pong_.reset();
  return written != WriteStatus::refused;
}

WriteStatus WebSocketOutput::publish(const Frame& frame) {
  if (ended_ || encoder_.closed()) return WriteStatus::closed;
  if (in_message_) {
    if (!held_) held_ = std::make_unique<std::deque<Entry>>();
    held_->push_back({frame, true});
    waiting_bytes_ += frame->size() + frame_bytes;
    return WriteStatus::queued;
  }
  if (may_write() && frame->size() <= piece_bytes) return give(*frame);
  return append(frame, true);
}

bool WebSocketOutput::make_room(std::size_t room, std::size_t most, std::uint64_t& dropped) {
  const auto fits = [&] { return waiting_bytes_ + room <= most || is_empty(); };
  if (fits() || !waiting_) return fits();
  auto entry = waiting_->begin() + (begun_bytes_ > 0 ? 1 : 0);
  while (!fits() && entry != waiting_->end()) {
    if (!entry->is_droppable) {
      ++entry;
      continue;
    }
    waiting_bytes_ -= entry->frame->size() + frame_bytes;
    entry = waiting_->erase(entry);
    ++dropped;
  }
  return fits();
}

void WebSocketOutput::drop_waiting() {
  held_.reset();
  pong_.reset();
  if (!waiting_) return;
  waiting_->resize(begun_bytes_ > 0 ? 1 : 0);
  waiting_bytes_ = waiting_->empty() ? 0 : waiting_->front().frame->size() + frame_bytes;
  waiting_bytes_ -= begun_bytes_;
}

void WebSocketOutput::on_drained() {
  full_ = false;
  pump();
}

template <class Encode>
WriteStatus WebSocketOutput::write(std::size_t size, Encode encode) {
  if (may_write() && size <= piece_bytes) {
    std::vector<std::byte>& frame = scratch();
    return encode(frame) ? give(frame) : WriteStatus::refused;
  }
  auto frame = std::make_shared<std::vector<std::byte>>();
  if (!encode(*frame)) return WriteStatus::refused;
  return append(std::move(frame), false);
}

WriteStatus WebSocketOutput::give(Bytes bytes) {
  const WriteStatus written = transport_->write(bytes);
  if (written == WriteStatus::above_high_water) full_ = true;
  written_bytes_ += bytes.size();
  return written;
}

WriteStatus WebSocketOutput::append(Frame frame, bool is_droppable) {
  if (!waiting_) waiting_ = std::make_unique<std::deque<Entry>>();
  Entry* const last = waiting_->empty() ? nullptr : &waiting_->back();
  const bool joins = last && !is_droppable && !last->is_droppable &&
                     last->frame->size() + frame->size() <= joined_bytes;
  waiting_bytes_ += frame->size();
  if (joins) {
    // Frames that are not droppable have one owner.
    auto& bytes = const_cast<std::vector<std::byte>&>(*last->frame);
    bytes.insert(bytes.end(), frame->begin(), frame->end());
  } else {
    waiting_->push_back({std::move(frame), is_droppable});
    waiting_bytes_ += frame_bytes;
  }
  pump();
  return status();
}

WriteStatus WebSocketOutput::status() {
  if (!is_empty()) return transport_ ? WriteStatus::above_high_water : WriteStatus::queued;
  return full_ ? WriteStatus::above_high_water : WriteStatus::queued;
}

void WebSocketOutput::pump() {
  while (transport_ && !full_ && !is_empty()) {
    const auto& frame = *waiting_->front().frame;
    const Bytes rest = Bytes(frame).subspan(begun_bytes_);
    const Bytes piece = rest.first(std::min(rest.size(), piece_bytes));
    if (give(piece) == WriteStatus::closed) return end();
    begun_bytes_ += piece.size();
    waiting_bytes_ -= piece.size();
    if (begun_bytes_ < frame.size()) continue;
    waiting_bytes_ -= frame_bytes;
    begun_bytes_ = 0;
    waiting_->pop_front();
  }
  if (!is_empty()) return;
  waiting_.reset();
  if (pong_ && may_write()) {
    const auto payload = *std::exchange(pong_, std::nullopt);
    pong(payload);
  }
}

}  // namespace web
