#include "protocols/proxy_header.hpp"

#include <algorithm>
#include <bit>

#include "protocols/integer.hpp"
#include "protocols/ip_address.hpp"

namespace protocols::inline v0 {
namespace {

using Family = ProxyHeader::Family;
using HeaderResult = Parsed<ProxyHeaders::Frame>;

constexpr std::string_view version_1 = "PROXY ";
constexpr std::string_view version_2("\r\n\r\n\0\r\nQUIT\n", 12);
constexpr std::size_t longest_line = 107;  // With CR LF.
constexpr std::size_t fixed_bytes = 16;    // Of version 2, before the addresses.
constexpr std::size_t path_bytes = 108;
constexpr std::size_t tlv_header = 3;
constexpr std::size_t checksum_bytes = 4;
constexpr std::size_t longest_unique_id = 128;
constexpr unsigned family_bytes[] = {0x00, 0x11, 0x12, 0x21, 0x22, 0x31, 0x32};

// Fails at the first byte that differs.
[[nodiscard]] HeaderResult match(std::string_view text, std::string_view expected,
                                 std::size_t begin, DecodeError error) {
  for (std::size_t i = 0; i < expected.size(); ++i) {
    if (begin + i >= text.size()) return HeaderResult::need(text.size() + 1);
    if (text[begin + i] != expected[i]) return HeaderResult::fail(error, begin + i);
  }
  return HeaderResult::skip(begin + expected.size());
}

// The line of version 1. A field is judged when the byte behind it arrives.
class LineReader {
 public:
  explicit LineReader(std::string_view text) : text_(text) {}

  [[nodiscard]] HeaderResult read() {
    HeaderResult result = match(text_, version_1, 0, DecodeError::bad_signature);
    if (result.verdict != Verdict::skip) return result;
    at_ = result.size;
    const char first = at_ < text_.size() ? text_[at_] : 'T';
    result = match(text_, first == 'U' ? "UNKNOWN" : "TCP", at_, DecodeError::bad_header);
    if (result.verdict != Verdict::skip) return result;
    at_ = result.size;
    return first == 'U' ? read_unknown() : read_addresses();
  }

 private:
  [[nodiscard]] HeaderResult read_unknown() {
    if (at_ == text_.size()) return HeaderResult::need(at_ + 1);
    if (text_[at_] != ' ' && text_[at_] != '\r')
      return HeaderResult::fail(DecodeError::bad_header, at_);
    while (find_end()) {
      if (text_[end_] == '\r') return finish();
      at_ = end_ + 1;
    }
    return *stopped_;
  }

  [[nodiscard]] HeaderResult read_addresses() {
    if (at_ == text_.size()) return HeaderResult::need(at_ + 1);
    const bool is_ipv6 = text_[at_] == '6';
    if (!is_ipv6 && text_[at_] != '4') return HeaderResult::fail(DecodeError::bad_header, at_);
    header_.family = is_ipv6 ? Family::tcp6 : Family::tcp4;
    if (++at_ == text_.size()) return HeaderResult::need(at_ + 1);
    if (text_[at_] != ' ') return HeaderResult::fail(DecodeError::bad_header, at_);
    ++at_;
    const bool is_good = read_ip(header_.source) && read_ip(header_.destination) &&
                         read_port(header_.source, ' ') && read_port(header_.destination, '\r');
    return is_good ? finish() : *stopped_;
  }

  [[nodiscard]] bool read_ip(ProxyEndpoint& endpoint) {
    std::string_view field;
    if (!read_field(field, ' ')) return false;
    const bool is_good =
        header_.is_ipv6() ? read_ipv6(field, endpoint.ip) : read_ipv4(field, endpoint.ip);
    return is_good || stop(HeaderResult::fail(DecodeError::bad_address, end_));
  }

  [[nodiscard]] bool read_port(ProxyEndpoint& endpoint, char end) {
    std::string_view field;
    if (!read_field(field, end)) return false;
    std::size_t value = 0;
    bool is_good = field.size() <= 5 && (field.size() == 1 || field.front() != '0');
    for (char c : field) {
      is_good = is_good && c >= '0' && c <= '9';
      value = 10 * value + static_cast<std::size_t>(c - '0');
    }
    if (!is_good || value > 0xFFFF) return stop(HeaderResult::fail(DecodeError::bad_port, end_));
    endpoint.port = static_cast<std::uint16_t>(value);
    return true;
  }

  // The field up to `end`, which has at least one character.
  [[nodiscard]] bool read_field(std::string_view& field, char end) {
    if (!find_end()) return false;
    field = text_.substr(at_, end_ - at_);
    if (text_[end_] != end || field.empty())
      return stop(HeaderResult::fail(DecodeError::bad_header, end_));
    at_ = end_ + 1;
    return true;
  }

  // Finds the next blank or CR.
  [[nodiscard]] bool find_end() {
    for (end_ = at_; end_ < text_.size(); ++end_) {
      const char c = text_[end_];
      if (c == '\n') return stop(HeaderResult::fail(DecodeError::bad_line_end, end_));
      if (c == '\r') return true;
      if (end_ + 2 >= longest_line) return stop(HeaderResult::fail(DecodeError::too_large, end_));
      if (c == ' ') return true;
    }
    return stop(HeaderResult::need(text_.size() + 1));
  }

  [[nodiscard]] bool stop(const HeaderResult& result) {
    stopped_ = result;
    return false;
  }

  // The CR stands at `end_`.
  [[nodiscard]] HeaderResult finish() {
    const std::size_t lf = end_ + 1;
    if (lf == text_.size()) return HeaderResult::need(lf + 1);
    if (text_[lf] != '\n') return HeaderResult::fail(DecodeError::bad_line_end, lf);
    return HeaderResult::frame(header_, lf + 1);
  }

  const std::string_view text_;
  ProxyHeader header_;
  std::size_t at_ = 0;
  std::size_t end_ = 0;
  std::optional<HeaderResult> stopped_;
};

constexpr std::array<std::uint32_t, 256> crc32c_table = [] {
  std::array<std::uint32_t, 256> table{};
  for (std::uint32_t i = 0; i < table.size(); ++i) {
    std::uint32_t value = i;
    for (int bit = 0; bit < 8; ++bit) value = value >> 1 ^ (value & 1 ? 0x82F63B78U : 0);
    table[i] = value;
  }
  return table;
}();

[[nodiscard]] std::uint32_t crc32c(std::uint32_t state, Bytes bytes) {
  for (std::byte each : bytes) {
    state = state >> 8 ^ crc32c_table[(state ^ std::to_integer<std::uint32_t>(each)) & 0xFF];
  }
  return state;
}

// The checksum of a header whose own four bytes count as zeros.
[[nodiscard]] std::uint32_t checksum_of(Bytes header, std::size_t place) {
  constexpr std::array<std::byte, checksum_bytes> zeros{};
  std::uint32_t state = crc32c(0xFFFFFFFFU, header.first(place));
  state = crc32c(state, zeros);
  return ~crc32c(state, header.subspan(place + checksum_bytes));
}

[[nodiscard]] std::string_view path_of(Bytes bytes) {
  const std::string_view text = as_text(bytes);
  if (text.front() != '\0') return text.substr(0, text.find('\0'));
  return text.substr(0, text.find_last_not_of('\0') + 1);
}

[[nodiscard]] std::size_t address_bytes(Family family) {
  switch (family) {
    case Family::unspecified:
      return 0;
    case Family::tcp4:
    case Family::udp4:
      return 2 * (ipv4_bytes + 2);
    case Family::tcp6:
    case Family::udp6:
      return 2 * (ipv6_bytes + 2);
    default:
      return 2 * path_bytes;
  }
}

// A header of version 2.
class BlockReader {
 public:
  BlockReader(Bytes bytes, std::size_t& tlv) : bytes_(bytes), tlv_(tlv) {}

  [[nodiscard]] HeaderResult read() {
    const HeaderResult signature = match(as_text(bytes_), version_2, 0, DecodeError::bad_signature);
    if (signature.verdict != Verdict::skip) return signature;
    header_.version = 2;
    if (bytes_.size() < 13) return HeaderResult::need(13);
    if (byte(12) >> 4 != 2) return HeaderResult::fail(DecodeError::unknown_version, 12);
    const unsigned command = byte(12) & 0xF;
    if (command > 1) return HeaderResult::fail(DecodeError::bad_command, 12);
    header_.command = static_cast<ProxyHeader::Command>(command);
    if (bytes_.size() < 14) return HeaderResult::need(14);
    const bool is_local = header_.command == ProxyHeader::Command::local;
    if (!is_local && !read_family()) return HeaderResult::fail(DecodeError::bad_family, 13);
    if (bytes_.size() < fixed_bytes) return HeaderResult::need(fixed_bytes);
    end_ = fixed_bytes + read_integer(bytes_.subspan(14), 2, std::endian::big);
    addresses_end_ = fixed_bytes + address_bytes(header_.family);
    if (end_ < addresses_end_) return HeaderResult::fail(DecodeError::bad_length, fixed_bytes - 1);
    return header_.family == Family::unspecified ? finish() : read_tlvs();
  }

 private:
  [[nodiscard]] unsigned byte(std::size_t at) const {
    return std::to_integer<unsigned>(bytes_[at]);
  }

  [[nodiscard]] bool read_family() {
    const auto* const found = std::find(std::begin(family_bytes), std::end(family_bytes), byte(13));
    header_.family = static_cast<Family>(found - std::begin(family_bytes));
    return found != std::end(family_bytes);
  }

  // The end of a TLV that is too long is certain once its own header is there, and that of one
  // without room for its header once the length before it is.
  [[nodiscard]] HeaderResult read_tlvs() {
    std::size_t certain = fixed_bytes - 1;
    tlv_ = std::max(tlv_, addresses_end_);
    while (tlv_ < end_) {
      if (end_ - tlv_ < tlv_header) return HeaderResult::fail(DecodeError::bad_tlv, certain);
      if (bytes_.size() < tlv_ + tlv_header) return HeaderResult::need(tlv_ + tlv_header);
      certain = tlv_ + tlv_header - 1;
      const std::size_t size = read_integer(bytes_.subspan(tlv_ + 1), 2, std::endian::big);
      if (size > end_ - tlv_ - tlv_header || !is_possible(byte(tlv_), size)) {
        return HeaderResult::fail(DecodeError::bad_tlv, certain);
      }
      const std::size_t next = tlv_ + tlv_header + size;
      if (next < end_ && end_ - next < tlv_header) {
        return HeaderResult::fail(DecodeError::bad_tlv, certain);
      }
      tlv_ = next;
    }
    if (bytes_.size() < end_) return HeaderResult::need(end_);
    header_.tlvs = bytes_.subspan(addresses_end_, end_ - addresses_end_);
    if (!is_intact()) return HeaderResult::fail(DecodeError::bad_checksum, end_ - 1);
    return finish();
  }

  [[nodiscard]] static bool is_possible(unsigned type, std::size_t size) {
    if (type == ProxyTlv::crc32c) return size == checksum_bytes;
    return type != ProxyTlv::unique_id || size <= longest_unique_id;
  }

  [[nodiscard]] bool is_intact() const {
    const std::optional<Bytes> checksum = find_tlv(header_, ProxyTlv::crc32c);
    if (!checksum) return true;
    const auto place = static_cast<std::size_t>(checksum->data() - bytes_.data());
    return checksum_of(bytes_.first(end_), place) ==
           read_integer(*checksum, checksum_bytes, std::endian::big);
  }

  [[nodiscard]] HeaderResult finish() {
    if (bytes_.size() < end_) return HeaderResult::need(end_);
    const Bytes addresses = bytes_.subspan(fixed_bytes, addresses_end_ - fixed_bytes);
    if (header_.has_ip()) {
      read_ends(addresses, header_.is_ipv6() ? ipv6_bytes : ipv4_bytes);
    } else if (header_.family != Family::unspecified) {
      header_.source.path = path_of(addresses.first(path_bytes));
      header_.destination.path = path_of(addresses.subspan(path_bytes));
    }
    return HeaderResult::frame(header_, end_);
  }

  void read_ends(Bytes addresses, std::size_t size) {
    std::copy_n(addresses.begin(), size, header_.source.ip.begin());
    std::copy_n(addresses.subspan(size).begin(), size, header_.destination.ip.begin());
    const Bytes ports = addresses.subspan(2 * size);
    header_.source.port = static_cast<std::uint16_t>(read_integer(ports, 2, std::endian::big));
    header_.destination.port =
        static_cast<std::uint16_t>(read_integer(ports.subspan(2), 2, std::endian::big));
  }

  const Bytes bytes_;
  std::size_t& tlv_;
  ProxyHeader header_;
  std::size_t addresses_end_ = 0;
  std::size_t end_ = 0;
};

void append(std::vector<std::byte>& out, Bytes bytes) {
  out.insert(out.end(), bytes.begin(), bytes.end());
}

[[nodiscard]] bool append_line(std::vector<std::byte>& out, const ProxyHeader& header) {
  const bool is_tcp = header.family == Family::tcp4 || header.family == Family::tcp6;
  if (header.command != ProxyHeader::Command::proxy || !header.tlvs.empty()) return false;
  if (!is_tcp && header.family != Family::unspecified) return false;
  std::string line(version_1);
  if (is_tcp) {
    line += header.is_ipv6() ? "TCP6 " : "TCP4 ";
    line += ip_text(header.source, header.is_ipv6()) + ' ';
    line += ip_text(header.destination, header.is_ipv6()) + ' ';
    line += std::to_string(header.source.port) + ' ' + std::to_string(header.destination.port);
  } else {
    line += "UNKNOWN";
  }
  append(out, as_bytes(line + "\r\n"));
  return true;
}

void append_ends(std::vector<std::byte>& out, const ProxyHeader& header) {
  const ProxyEndpoint* const ends[] = {&header.source, &header.destination};
  if (header.has_ip()) {
    const std::size_t size = header.is_ipv6() ? ipv6_bytes : ipv4_bytes;
    for (const auto* end : ends) append(out, Bytes(end->ip).first(size));
    for (const auto* end : ends) append_integer(out, end->port, 2, std::endian::big);
  } else {
    for (const auto* end : ends) {
      append(out, as_bytes(end->path));
      out.resize(out.size() + path_bytes - end->path.size());
    }
  }
}

[[nodiscard]] bool is_path(std::string_view path) {
  if (path.size() > path_bytes) return false;
  return path.starts_with('\0') ? !path.ends_with('\0') : path.find('\0') == path.npos;
}

// Whether a decoder would return the same header.
[[nodiscard]] bool fits_block(const ProxyHeader& header) {
  if (header.version != 2 || header.family > Family::unix_datagram) return false;
  const bool has_addresses = header.family != Family::unspecified;
  if (header.command == ProxyHeader::Command::local && has_addresses) return false;
  if (!has_addresses) return header.tlvs.empty();
  return header.has_ip() || (is_path(header.source.path) && is_path(header.destination.path));
}

[[nodiscard]] bool append_block(std::vector<std::byte>& out, const ProxyHeader& header) {
  const std::size_t length = address_bytes(header.family) + header.tlvs.size();
  if (!fits_block(header) || length > 0xFFFF) return false;
  const std::size_t before = out.size();
  append(out, as_bytes(version_2));
  out.push_back(static_cast<std::byte>(0x20 | static_cast<unsigned>(header.command)));
  out.push_back(static_cast<std::byte>(family_bytes[static_cast<std::size_t>(header.family)]));
  append_integer(out, length, 2, std::endian::big);
  if (header.family != Family::unspecified) append_ends(out, header);
  append(out, header.tlvs);
  if (const auto checksum = find_tlv(header, ProxyTlv::crc32c)) {
    const auto place = out.size() - before - header.tlvs.size() +
                       static_cast<std::size_t>(checksum->data() - header.tlvs.data());
    const std::uint32_t value = checksum_of(Bytes(out).subspan(before), place);
    for (std::size_t i = 0; i < checksum_bytes; ++i) {
      out[before + place + i] = static_cast<std::byte>(value >> 8 * (checksum_bytes - 1 - i));
    }
  }
  return true;
}

}  // namespace

std::optional<Bytes> find_tlv(const ProxyHeader& header, unsigned char type) {
  std::optional<Bytes> found;
  for_each_tlv(header, [&](const ProxyTlv& tlv) {
    if (tlv.type == type && !found) found = tlv.value;
  });
  return found;
}

std::optional<ProxySsl> read_proxy_ssl(Bytes value) {
  constexpr std::size_t begin = 5;  // Flags of the client, and the result of the verification.
  if (value.size() < begin) return std::nullopt;
  ProxySsl ssl;
  const auto flags = std::to_integer<unsigned>(value[0]);
  ssl.is_encrypted = (flags & 1) != 0;
  ssl.has_certificate = (flags & 6) != 0;
  ssl.is_verified = ssl.has_certificate && read_integer(value.subspan(1), 4, std::endian::big) == 0;
  for (Bytes rest = value.subspan(begin); !rest.empty();) {
    if (rest.size() < tlv_header) return std::nullopt;
    const std::size_t size = read_integer(rest.subspan(1), 2, std::endian::big);
    if (rest.size() - tlv_header < size) return std::nullopt;
    const std::string_view text = as_text(rest.subspan(tlv_header, size));
    switch (std::to_integer<unsigned>(rest[0])) {
      case 0x21:
        ssl.version = text;
        break;
      case 0x22:
        ssl.common_name = text;
        break;
      case 0x23:
        ssl.cipher = text;
        break;
      default:
        break;
    }
    rest = rest.subspan(tlv_header + size);
  }
  return ssl;
}

std::string ip_text(const ProxyEndpoint& endpoint, bool is_ipv6) {
  std::string text;
  if (is_ipv6) {
    append_ipv6(text, endpoint.ip);
  } else {
    append_ipv4(text, endpoint.ip);
  }
  return text;
}

Parsed<ProxyHeaders::Frame> ProxyHeaders::parse(Bytes bytes, Progress& progress) {
  if (done) return HeaderResult::frame(bytes, bytes.size());
  const bool is_line = as_text(bytes).front() == version_1.front();
  const HeaderResult result =
      is_line ? LineReader(as_text(bytes)).read() : BlockReader(bytes, progress.tlv).read();
  done = result.verdict == Verdict::frame;
  return result;
}

bool append_proxy_header(std::vector<std::byte>& out, const ProxyHeader& header) {
  return header.version == 1 ? append_line(out, header) : append_block(out, header);
}

bool append_tlv(std::vector<std::byte>& tlvs, ProxyTlv tlv) {
  if (tlv.value.size() > 0xFFFF) return false;
  tlvs.push_back(std::byte{tlv.type});
  append_integer(tlvs, tlv.value.size(), 2, std::endian::big);
  append(tlvs, tlv.value);
  return true;
}

void append_checksum_tlv(std::vector<std::byte>& tlvs) {
  constexpr std::array<std::byte, checksum_bytes> zeros{};
  static_cast<void>(append_tlv(tlvs, {ProxyTlv::crc32c, zeros}));
}

}  // namespace protocols
