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

// As tcpdump says it: "arp who-has 192.0.2.1 tell 192.0.2.2", "arp 192.0.2.1 is-at 02:...".
void append_arp(std::string& out, const Via& via, ByteView bytes) {
  constexpr std::size_t kSenderMac = 8;
  constexpr std::uint16_t kRequest = 1;
  constexpr std::uint16_t kReply = 2;
  const auto to = std::back_inserter(out);
  const auto sender = to_string(Address::v4(static_cast<std::uint32_t>(via.key)));
  const auto target = to_string(Address::v4(static_cast<std::uint32_t>(via.aux)));
  if (via.flags == 0) {  // of something else than Ethernet and IPv4
    fmt::format_to(to, " operation {}", via.next);
  } else if (via.next == kRequest) {
    fmt::format_to(to, " who-has {} tell {}", target, sender);
  } else if (via.next == kReply && bytes.size() >= kSenderMac + 6) {
    fmt::format_to(to, " {} is-at {:02x} to {}", sender,
                   fmt::join(bytes.subspan(kSenderMac, 6), ":"), target);
  } else {
    fmt::format_to(to, " operation {} {} > {}", via.next, sender, target);
  }
}

void append_vias(std::string& out, std::span<const Via> list, const OffsetBase& base) {
  for (const Via& via : list) {
    fmt::format_to(std::back_inserter(out), "{}", decode::to_string(via.kind));
    if (via.kind == Encapsulation::kArp) append_arp(out, via, base.from(via.offset));
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
      if (has_icmp_id(layer)) {
        fmt::format_to(to, " id {} seq {}", layer.icmp.id, layer.icmp.sequence);
      }
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

void append_layer(std::string& out,
                  const DecodedFrame& decoded,
                  const Layer& layer,
                  const OffsetBase& base) {
  const auto to = std::back_inserter(out);
  append_vias(out, decoded.via(layer), base);
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
  OffsetBase base(frame.bytes);
  for (std::size_t i = 0; i < decoded.layer_count; ++i) {
    if (i != 0) out += "\n    ";
    append_layer(out, decoded, decoded.layer_storage[i], base);
    base.enter(decoded.layer_storage[i]);
  }
  const auto tail = decoded.tail();
  const bool arp = !tail.empty() && tail.back().kind == Encapsulation::kArp;
  if (decoded.layer_count == 0 && !arp) {
    fmt::format_to(to, "no IP, ethertype {:#06x} | ", decoded.ethertype);
  }
  if (!tail.empty()) {
    if (decoded.layer_count != 0) out += " | ";
    append_vias(out, tail, base);
  }
  if (out.ends_with(" | ")) out.resize(out.size() - 3);
  if (decoded.stop != DecodeStop::kNone) {
    fmt::format_to(to, " [{} at {}]", decode::to_string(decoded.stop), decoded.stop_offset);
  }
  out += '\n';
}

}  // namespace natlens::report
