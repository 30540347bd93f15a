// Decoded frames for people: a line per layer.
#include "natlens/report/decode_text.h"

#include <array>

#include "natlens/decode/decoder.h"
#include "natlens/net/address.h"

#include "decode_json.h"

namespace natlens::report {
namespace {

using decode::DecodedFrame;
using decode::DecodeStop;
using decode::Encapsulation;
using decode::Layer;
using decode::TransportKind;
using decode::Via;

// The name of the key that matters of each kind, if it has one.
std::string_view key_name(Encapsulation kind) {
  switch (kind) {
    case Encapsulation::kVlan:
    case Encapsulation::kQinq:
      return "id";
    case Encapsulation::kPbb:
      return "isid";
    case Encapsulation::kMpls:
      return "label";
    case Encapsulation::kPppoe:
    case Encapsulation::kErspan:
    case Encapsulation::kL2tp:
      return "session";
    case Encapsulation::kGre:
      return "key";
    case Encapsulation::kVxlan:
    case Encapsulation::kGeneve:
      return "vni";
    case Encapsulation::kGtpu:
      return "teid";
    case Encapsulation::kLisp:
      return "iid";
    case Encapsulation::kNsh:
    case Encapsulation::kAh:
    case Encapsulation::kEsp:
      return "spi";
    case Encapsulation::kWireguard:
      return "receiver";
    default:
      return "";
  }
}

void append_vias(std::string& out, std::span<const Via> list) {
  for (const Via& via : list) {
    fmt::format_to(std::back_inserter(out), "{}", decode::to_string(via.kind));
    if (const auto name = key_name(via.kind); !name.empty()) {
      fmt::format_to(std::back_inserter(out), " {} {}", name, via.key);
    }
    out += " | ";
  }
}

std::string flags_text(std::uint16_t flags) {
  constexpr std::string_view kLetters = "FSRP.UEW";  // the dot is ACK, as tcpdump writes it
  std::string text;
  for (std::size_t i = 0; i < kLetters.size(); ++i) {
    if ((flags >> i & 1U) != 0) text += kLetters[i];
  }
  return text.empty() ? "none" : text;
}

void append_transport(std::string& out, const Layer& layer) {
  const auto to = std::back_inserter(out);
  switch (layer.transport) {
    case TransportKind::kTcp:
      fmt::format_to(to, " | tcp {} > {} {} seq {} ack {} win {} len {}", layer.src_port,
                     layer.dst_port, flags_text(layer.tcp.flags), layer.tcp.seq, layer.tcp.ack,
                     layer.tcp.window, layer.payload_wire_bytes);
      break;
    case TransportKind::kIcmp:
    case TransportKind::kIcmpv6:
      fmt::format_to(to, " | {} type {} code {}", protocol_name(layer.protocol),
                     layer.icmp.type, layer.icmp.code);
      if (!layer.icmp.error)
        fmt::format_to(to, " id {} seq {}", layer.icmp.id, layer.icmp.sequence);
      break;
    case TransportKind::kNone:
      fmt::format_to(to, " | protocol {}", protocol_name(layer.protocol));
      break;
    default:
      fmt::format_to(to, " | {} {} > {} len {}", protocol_name(layer.protocol), layer.src_port,
                     layer.dst_port, layer.payload_wire_bytes);
      break;
  }
}

void append_layer(std::string& out, const DecodedFrame& decoded, const Layer& layer) {
  const auto to = std::back_inserter(out);
  append_vias(out, decoded.via(layer));
  fmt::format_to(to, "{}ipv{} {} > {} ttl {} id {} len {}", layer.quoted ? "quoted " : "",
                 layer.version, to_string(layer.src), to_string(layer.dst), layer.ttl,
                 layer.ip_id, layer.total_bytes);
  if (layer.fragment) {
    fmt::format_to(to, " fragment {}{}", layer.fragment_offset,
                   layer.more_fragments ? "+" : "");
  }
  if (layer.reassembled) out += " reassembled";
  append_transport(out, layer);
}

}  // namespace

void append_decode_text(std::string& out,
                        const capture::Frame& frame,
                        const DecodedFrame& decoded) {
  const auto to = std::back_inserter(out);
  fmt::format_to(to, "{} {} ", frame.number, format_seconds(frame.time));
  for (std::size_t i = 0; i < decoded.layer_count; ++i) {
    if (i != 0) out += "\n    ";
    append_layer(out, decoded, decoded.layer_storage[i]);
  }
  if (decoded.layer_count == 0)
    fmt::format_to(to, "no IP, ethertype {:#06x} | ", decoded.ethertype);
  if (!decoded.tail().empty()) {
    if (decoded.layer_count != 0) out += " | ";
    append_vias(out, decoded.tail());
  }
  if (out.ends_with(" | ")) out.resize(out.size() - 3);
  if (decoded.stop != DecodeStop::kNone) {
    fmt::format_to(to, " [{} at {}]", decode::to_string(decoded.stop), decoded.stop_offset);
  }
  out += '\n';
}

}  // namespace natlens::report
