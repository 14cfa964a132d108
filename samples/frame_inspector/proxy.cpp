// The PROXY protocol: its header, and the bytes of the protocol that follows it.
#include "protocols/proxy_header.hpp"
#include "samples/frame_inspector/inspector.hpp"

namespace inspector {
namespace {

using protocols::Bytes;
using protocols::ProxyHeader;

std::string_view family_of(const ProxyHeader& header) {
  constexpr std::string_view names[] = {"UNSPEC", "TCP4",        "UDP4",      "TCP6",
                                        "UDP6",   "UNIX_STREAM", "UNIX_DGRAM"};
  if (header.version == 1 && header.family == ProxyHeader::Family::unspecified) return "UNKNOWN";
  return names[static_cast<std::size_t>(header.family)];
}

Json base64_of(Bytes bytes) { return protocols::to_base64(protocols::as_text(bytes)); }

Json base64_of(std::string_view text) { return protocols::to_base64(text); }

Json as_json(const ProxyHeader& header) {
  const bool is_local = header.command == ProxyHeader::Command::local;
  Json json{{"version", header.version}, {"command", is_local ? "LOCAL" : "PROXY"}};
  if (is_local) return json;
  json["family"] = family_of(header);
  if (header.family == ProxyHeader::Family::unspecified) return json;
  if (header.has_ip()) {
    json["src"] = ip_text(header.source, header.is_ipv6());
    json["dst"] = ip_text(header.destination, header.is_ipv6());
    json["src_port"] = header.source.port;
    json["dst_port"] = header.destination.port;
  } else {
    json["src_path_b64"] = base64_of(header.source.path);
    json["dst_path_b64"] = base64_of(header.destination.path);
  }
  if (header.version == 1) return json;
  json["tlvs"] = Json::array();
  for_each_tlv(header, [&](const protocols::ProxyTlv& tlv) {
    json["tlvs"].push_back({{"type", tlv.type}, {"value_b64", base64_of(tlv.value)}});
  });
  return json;
}

// The last line repeats the header, before the bytes behind it.
class ProxyInspector final : public Inspector {
 public:
  void feed(Bytes bytes, std::string& out) override {
    decoder_.feed(bytes);
    while (auto frame = decoder_.next()) {
      if (const auto* header = std::get_if<ProxyHeader>(&*frame)) {
        header_ = as_json(*header).dump();
        end_ = decoder_.position();
        Line(decoder_.extent()).json("header", header_).append_to(out);
      } else {
        rest_ += protocols::as_text(std::get<Bytes>(*frame));
      }
    }
  }

  Ending end(std::string& out) override {
    if (const std::error_code error = decoder_.error()) {
      Line("error", decoder_.extent().offset).json("error", error_json(error)).append_to(out);
      return Ending::error;
    }
    if (header_.empty()) {
      Line("incomplete", 0).base64("rest_b64", decoder_.rest()).append_to(out);
      return Ending::incomplete;
    }
    Line("ok", end_)
        .json("header", header_)
        .base64("rest_b64", protocols::as_bytes(rest_))
        .append_to(out);
    return Ending::ok;
  }

 private:
  protocols::ProxyHeaderDecoder decoder_;
  std::string header_;
  std::uint64_t end_ = 0;
  std::string rest_;
};

}  // namespace

Protocol proxy() {
  return {"proxy", Json::object(), [](const Config&) -> std::unique_ptr<Inspector> {
            return std::make_unique<ProxyInspector>();
          }};
}

}  // namespace inspector
