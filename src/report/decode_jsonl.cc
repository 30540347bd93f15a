// A decoded frame as one line of JSON. Fields of the IP header that conntrack has no use for
// are read from the header once more, so that layers stay small.
#include <algorithm>
#include <array>

#include "natlens/decode/decoder.h"
#include "natlens/net/address.h"
#include "natlens/report/decode_text.h"

#include "decode_json.h"

namespace natlens::report {
namespace {

using decode::DecodedFrame;
using decode::DecodeStop;
using decode::Encapsulation;
using decode::Layer;
using decode::TransportKind;
using decode::Via;

void fragment_json(JsonObject& layer_object, const Layer& layer) {
  JsonObject o(layer_object.key("frag"));
  o.number("off", layer.fragment_offset);
  o.number("mf", layer.more_fragments ? 1 : 0);
  if (layer.version == 6) o.number("id", layer.ip_id);
}

void ipv4_json(JsonObject& o, const Layer& layer, ByteView header) {
  o.number("proto", header[9]);
  o.number("ttl", layer.ttl);
  o.number("id", layer.ip_id);
  o.number("len", load_be16(header, 2) == 0 ? layer.total_bytes : load_be16(header, 2));
  o.number("hl", (header[0] & 0xfU) * 4U);
  o.number("tos", layer.tos);
  o.number("off", layer.offset);
  if (layer.dont_fragment) o.number("df", 1);
  if (layer.fragment || layer.reassembled) fragment_json(o, layer);
}

struct Extensions {
  std::array<std::uint8_t, 16> types{};
  std::size_t count = 0;
  std::uint8_t last_next = 0;
};

// The chain as far as it was captured and read: up to the transport header of a packet, up to
// the fragment header of a fragment.
Extensions extensions_of(const Layer& layer, ByteView header) {
  Extensions found;
  found.last_next = header[6];
  const bool bounded = !layer.reassembled && layer.l4_offset > layer.offset;
  const std::size_t end =
      bounded ? std::min<std::size_t>(header.size(), layer.l4_offset - layer.offset)
              : header.size();
  for (std::size_t i = 40; i + 8 <= end && found.count < found.types.size();) {
    const std::uint8_t type = found.last_next;
    const bool generic = type == 0 || type == 43 || type == 60 || type == 140;
    if (!generic && type != 44 && type != protocol::kAh) break;
    found.types[found.count++] = type;
    found.last_next = header[i];
    if (type == 44 && layer.reassembled) break;
    i += type == 44              ? 8U
         : type == protocol::kAh ? (header[i + 1] + 2U) * 4U
                                 : (header[i + 1] + 1U) * 8U;
  }
  return found;
}

void ipv6_json(JsonObject& o, const Layer& layer, ByteView header) {
  o.number("nxt", header[6]);
  o.number("ttl", layer.ttl);
  o.number("plen", load_be16(header, 4));
  o.number("tc", layer.tos);
  o.number("flow", layer.flow_label);
  o.number("off", layer.offset);
  const Extensions chain = extensions_of(layer, header);
  if (chain.count == 0) return;
  std::string& out = o.key("ext");
  for (std::size_t i = 0; i < chain.count; ++i) {
    fmt::format_to(std::back_inserter(out), "{}{}", i == 0 ? "[" : ",", chain.types[i]);
  }
  out += ']';
  if (std::find(chain.types.begin(),
                chain.types.begin() + static_cast<std::ptrdiff_t>(chain.count),
                44) != chain.types.begin() + static_cast<std::ptrdiff_t>(chain.count)) {
    fragment_json(o, layer);
  }
  o.number("last_nxt", chain.last_next);
}

void tcp_json(JsonObject& o, const Layer& layer) {
  const decode::TcpFields& tcp = layer.tcp;
  o.number("seq", tcp.seq);
  if (layer.l4.size() >= 12) o.number("ack", tcp.ack);
  if (tcp.header_bytes == 0) return;                    // a quote of eight bytes
  o.number("flags", load_be16(layer.l4, 12) & 0xfffU);  // the reserved bits too
  o.number("win", tcp.window);
  o.number("hl", tcp.header_bytes);
  if (!layer.fragment && !layer.quoted) o.number("plen", layer.payload_wire_bytes);
  if (tcp.mss == 0 && tcp.window_scale < 0 && !tcp.has_timestamps && !tcp.sack_permitted)
    return;
  JsonObject options(o.key("opt"));
  if (tcp.mss != 0) options.number("mss", tcp.mss);
  if (tcp.window_scale >= 0) options.number("ws", static_cast<std::uint64_t>(tcp.window_scale));
  if (tcp.has_timestamps) {
    options.number("tsval", tcp.ts_value);
    options.number("tsecr", tcp.ts_echo);
  }
  if (tcp.sack_permitted) options.number("sackok", 1);
}

void icmp_json(JsonObject& o, const Layer& layer) {
  const decode::IcmpFields& icmp = layer.icmp;
  const bool v6 = layer.protocol == protocol::kIcmpv6;
  o.number("type", icmp.type);
  o.number("code", icmp.code);
  if (layer.transport == TransportKind::kNone) return;
  if (has_icmp_id(layer)) {
    o.number("id", icmp.id);
    o.number("seq", icmp.sequence);
  }
  if (!v6 && icmp.type == 3 && icmp.code == 4) o.number("mtu", icmp.sequence);
  if (v6 && icmp.type == 2) o.number("mtu", std::uint64_t{icmp.id} << 16 | icmp.sequence);
}

void dccp_json(JsonObject& o, const Layer& layer) {
  if (layer.l4.size() < 12) return;
  const bool extended = (layer.l4[8] & 1U) != 0;
  o.number("type", layer.l4[8] >> 1 & 0xfU);
  if (!extended) o.number("seq", load_be32(layer.l4, 8) & 0xffffffU);
  if (extended && layer.l4.size() >= 16) {
    o.number("seq", std::uint64_t{load_be16(layer.l4, 10)} << 32 | load_be32(layer.l4, 12));
  }
}

struct TransportRow {
  std::uint8_t number;
  std::string_view name;
};
constexpr auto kTransports = std::to_array<TransportRow>({{protocol::kTcp, "tcp"},
                                                          {protocol::kUdp, "udp"},
                                                          {protocol::kUdpLite, "udplite"},
                                                          {protocol::kIcmp, "icmp"},
                                                          {protocol::kIcmpv6, "icmpv6"},
                                                          {protocol::kSctp, "sctp"},
                                                          {protocol::kDccp, "dccp"}});

std::uint8_t transport_number(const Layer& layer) {
  constexpr std::array<std::uint8_t, 8> kNumbers{0,
                                                 protocol::kTcp,
                                                 protocol::kUdp,
                                                 protocol::kUdpLite,
                                                 protocol::kIcmp,
                                                 protocol::kIcmpv6,
                                                 protocol::kSctp,
                                                 protocol::kDccp};
  const std::uint8_t known = kNumbers[static_cast<std::size_t>(layer.transport)];
  return known != 0 ? known : layer.protocol;
}

void l4_json(JsonObject& layer_object, const Layer& layer) {
  const std::uint8_t number = transport_number(layer);
  const auto* row = std::find_if(kTransports.begin(), kTransports.end(),
                                 [&](const TransportRow& r) { return r.number == number; });
  if (row == kTransports.end() || layer.l4.size() < 4) return;
  if (layer.fragment && (layer.fragment_offset != 0 || layer.transport == TransportKind::kNone))
    return;
  JsonObject o(layer_object.key("l4"));
  o.text("p", row->name);
  if (number == protocol::kIcmp || number == protocol::kIcmpv6) {
    icmp_json(o, layer);
  } else {
    o.number("sp", layer.src_port);
    o.number("dp", layer.dst_port);
  }
  if (layer.transport == TransportKind::kTcp) tcp_json(o, layer);
  if (number == protocol::kUdp && layer.l4.size() >= 6) o.number("len", load_be16(layer.l4, 4));
  if (number == protocol::kUdpLite && layer.l4.size() >= 6)
    o.number("cov", load_be16(layer.l4, 4));
  if (number == protocol::kSctp && layer.l4.size() >= 8) o.number("vtag", layer.sctp_vtag);
  if (number == protocol::kDccp) dccp_json(o, layer);
  o.number("off", layer.l4_offset);
}

void via_list(JsonObject& o,
              std::string_view key,
              std::span<const Via> list,
              const OffsetBase& base) {
  const auto is_quote = [](const Via& v) {
    return v.kind == Encapsulation::kIcmp || v.kind == Encapsulation::kIcmpv6;
  };
  if (std::all_of(list.begin(), list.end(), is_quote)) return;
  std::string& out = o.key(key);
  out += '[';
  bool first = true;
  for (const Via& via : list) {
    if (is_quote(via)) continue;
    if (!first) out += ',';
    first = false;
    append_via_json(out, via, base.from(via.offset));
  }
  out += ']';
}

// What quotes a packet, if anything does.
std::string_view quoted_by(const DecodedFrame& decoded, const Layer& layer) {
  for (std::size_t i = layer.via_end; i > 0; --i) {
    const Encapsulation kind = decoded.via_storage[i - 1].kind;
    if (kind == Encapsulation::kIcmp || kind == Encapsulation::kIcmpv6)
      return decode::to_string(kind);
  }
  return "icmp";
}

// AH belongs to the layer that it follows.
const Via* authentication_of(const DecodedFrame& decoded, const Layer& layer) {
  if (layer.via_end >= decoded.via_count) return nullptr;
  const Via& via = decoded.via_storage[layer.via_end];
  return via.kind == Encapsulation::kAh ? &via : nullptr;
}

void layer_json(std::string& out,
                const DecodedFrame& decoded,
                const Layer& layer,
                OffsetBase& base,
                bool tail) {
  JsonObject o(out);
  const ByteView header = base.from(layer.offset);
  o.number("v", layer.version);
  o.text("src", to_string(layer.src));
  o.text("dst", to_string(layer.dst));
  (layer.version == 4 ? ipv4_json : ipv6_json)(o, layer, header);
  via_list(o, "via", decoded.via(layer), base);
  if (layer.quoted) o.text("in", quoted_by(decoded, layer));
  base.enter(layer);
  if (const Via* ah = authentication_of(decoded, layer)) {
    JsonObject ah_object(o.key("ah"));
    ah_object.number("spi", ah->key);
    ah_object.number("seq", ah->aux);
  }
  l4_json(o, layer);
  if (tail) via_list(o, "tail", decoded.tail(), base);
}

void stop_json(JsonObject& frame_object, const DecodedFrame& decoded) {
  if (decoded.stop == DecodeStop::kNone) return;
  JsonObject o(frame_object.key("stop"));
  o.text("why", decode::to_string(decoded.stop));
  o.number("at", decoded.stop_offset);
  o.text("in",
         decoded.stop_in == Encapsulation::kNone ? "link" : decode::to_string(decoded.stop_in));
}

}  // namespace

void append_decode_jsonl(std::string& out,
                         const capture::Frame& frame,
                         const DecodedFrame& decoded,
                         const DecodePrintOptions& options) {
  {
    JsonObject o(out);
    OffsetBase base(frame.bytes);
    o.number("k", frame.number);
    if (frame.time.has_value()) {
      o.text("ts", format_seconds(frame.time));
    } else {
      o.key("ts") += "null";
    }
    o.number("cap", frame.bytes.size());
    o.number("len", frame.wire_bytes);
    if (options.interface) o.number("if", frame.interface);
    // What follows the last layer is printed at the last one that is a packet of its own.
    std::size_t tail_at = decoded.layer_count;
    while (tail_at > 1 && decoded.layer_storage[tail_at - 1].quoted) --tail_at;
    std::string& text = o.key("layers");
    text += '[';
    for (std::size_t i = 0; i < decoded.layer_count; ++i) {
      if (i != 0) text += ',';
      layer_json(text, decoded, decoded.layer_storage[i], base, i + 1 == tail_at);
    }
    text += ']';
    if (decoded.layer_count == 0) via_list(o, "tail", decoded.tail(), base);
    stop_json(o, decoded);
  }
  out += '\n';
}

}  // namespace natlens::report
