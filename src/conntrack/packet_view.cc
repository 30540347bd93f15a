#include "packet_view.h"

#include <algorithm>

namespace natlens::conntrack {
namespace {

constexpr std::size_t kIpv4HeaderBytes = 20;
constexpr std::size_t kIpv6HeaderBytes = 40;

// Next-header values that ipv6_skip_exthdr walks over (net/ipv6/exthdrs_core.c): mobility and
// ESP are not among them.
constexpr std::uint8_t kHopByHop = 0;
constexpr std::uint8_t kRouting = 43;
constexpr std::uint8_t kFragment = 44;
constexpr std::uint8_t kNoNext = 59;
constexpr std::uint8_t kDestination = 60;

PacketView fail(Readable readable, InvalidReason reason = InvalidReason::kNone) {
  PacketView out;
  out.readable = readable;
  out.reason = reason;
  return out;
}

// Not enough bytes at `needed`: the packet's fault, or the capture's?
PacketView too_short(std::size_t needed, std::uint32_t wire_bytes, InvalidReason reason) {
  return wire_bytes >= needed ? fail(Readable::kCut) : fail(Readable::kInvalid, reason);
}

bool is_extension(std::uint8_t next) {
  return next == kHopByHop || next == kRouting || next == kFragment || next == protocol::kAh ||
         next == kDestination || next == kNoNext;
}

struct Walk {
  Readable readable = Readable::kYes;
  InvalidReason reason = InvalidReason::kNone;
  std::size_t offset = 0;
  std::uint8_t protocol = 0;
};

// Walks the extension headers from the one of type `protocol` at `offset` on.
Walk walk_ipv6(ByteView ip,
               std::uint32_t wire_bytes,
               std::size_t offset,
               std::uint8_t protocol) {
  Walk walk;
  walk.offset = offset;
  walk.protocol = protocol;
  const auto stop = [&walk](Readable readable, InvalidReason reason) {
    walk.readable = readable;
    walk.reason = reason;
    return walk;
  };
  while (is_extension(walk.protocol)) {
    if (walk.protocol == kNoNext) {
      return stop(Readable::kInvalid, InvalidReason::kShortHeader);
    }
    const std::size_t needed = walk.offset + (walk.protocol == kFragment ? 4 : 2);
    if (ip.size() < needed) {
      return wire_bytes >= needed ? stop(Readable::kCut, InvalidReason::kNone)
                                  : stop(Readable::kInvalid, InvalidReason::kShortHeader);
    }
    std::size_t length = 8;
    if (walk.protocol == kFragment) {
      if ((load_be16(ip, walk.offset + 2) & 0xfff8U) != 0) {
        return stop(Readable::kInvalid, InvalidReason::kFragment);
      }
    } else if (walk.protocol == protocol::kAh) {
      length = (std::size_t{load_u8(ip, walk.offset + 1)} + 2) * 4;
    } else {
      length = (std::size_t{load_u8(ip, walk.offset + 1)} + 1) * 8;
    }
    walk.protocol = load_u8(ip, walk.offset);
    walk.offset += length;
  }
  return walk;
}

void set_ports(Tuple& tuple, ByteView l4) {
  tuple.src_port = load_be16(l4, 0);
  tuple.dst_port = load_be16(l4, 2);
}

// GRE: only version 1 carrying PPP has keys (gre_pkt_to_tuple). The source key is the PPTP
// helper's business and filled in later.
bool set_gre_keys(Tuple& tuple, ByteView l4) {
  constexpr std::uint16_t kVersionMask = 0x0007;
  constexpr std::uint16_t kPpp = 0x880b;
  if (l4.size() < 4 || (load_be16(l4, 0) & kVersionMask) != 1 || l4.size() < 8) {
    return true;
  }
  if (load_be16(l4, 2) != kPpp) {
    return false;
  }
  tuple.dst_port = load_be16(l4, 6);
  return true;
}

// nf_ct_get_tuple: how much of the transport header a tuple needs, and what it takes from it.
void set_tuple(PacketView& view, Dccp dccp) {
  const Transport& transport = view.transport;
  view.tuple.protocol = transport.protocol;
  std::size_t needed = 0;
  switch (transport.protocol) {
    case protocol::kTcp:
    case protocol::kUdp:
    case protocol::kUdpLite:
    case protocol::kSctp:
      needed = 4;
      break;
    case protocol::kDccp:
      needed = dccp == Dccp::kPorts ? 4 : 0;
      break;
    case protocol::kIcmp:
    case protocol::kIcmpv6:
      needed = 8;
      break;
    default:
      break;
  }
  view.readable = Readable::kYes;
  if (transport.captured.size() < needed) {
    const bool cut = transport.cut(needed);
    view.readable = cut ? Readable::kCut : Readable::kInvalid;
    view.reason = cut ? InvalidReason::kNone : InvalidReason::kShortHeader;
  } else if (needed == 4) {
    set_ports(view.tuple, transport.captured);
  } else if (needed == 8) {
    view.tuple.src_port = load_be16(transport.captured, 4);
    view.tuple.dst_port = load_be16(transport.captured, 0);  // type and code
  } else if (transport.protocol == protocol::kGre &&
             !set_gre_keys(view.tuple, transport.captured)) {
    view.readable = Readable::kInvalid;
    view.reason = InvalidReason::kBadHeader;
  }
}

void set_transport(PacketView& view,
                   ByteView ip,
                   std::uint32_t wire_bytes,
                   std::size_t offset,
                   std::uint8_t protocol) {
  view.ip_bytes = wire_bytes;
  view.transport.protocol = protocol;
  view.transport.captured = ip.subspan(std::min(offset, ip.size()));
  view.transport.wire_bytes =
      wire_bytes > offset ? wire_bytes - static_cast<std::uint32_t>(offset) : 0;
}

PacketView finish_ipv4(ByteView ip, std::uint32_t wire_bytes, std::size_t offset, Dccp dccp) {
  PacketView view;
  set_transport(view, ip, wire_bytes, offset, load_u8(ip, 9));
  view.tuple.src = Address::v4(ip.subspan(12).first<4>());
  view.tuple.dst = Address::v4(ip.subspan(16).first<4>());
  set_tuple(view, dccp);
  return view;
}

PacketView view_ipv4(ByteView ip, std::uint32_t wire_bytes, Dccp dccp) {
  if (ip.size() < kIpv4HeaderBytes) {
    return too_short(kIpv4HeaderBytes, wire_bytes, InvalidReason::kShortHeader);
  }
  if ((load_be16(ip, 6) & 0x1fffU) != 0) {
    return fail(Readable::kInvalid, InvalidReason::kFragment);
  }
  const std::size_t offset = (load_u8(ip, 0) & 15U) * 4U;
  if (offset > wire_bytes) {
    return fail(Readable::kInvalid, InvalidReason::kBadHeader);
  }
  return finish_ipv4(ip, wire_bytes, offset, dccp);
}

PacketView finish_ipv6(ByteView ip, std::uint32_t wire_bytes, const Walk& walk, Dccp dccp) {
  if (walk.readable != Readable::kYes) {
    return fail(walk.readable, walk.reason);
  }
  PacketView view;
  set_transport(view, ip, wire_bytes, walk.offset, walk.protocol);
  view.tuple.src = Address::v6(ip.subspan(8).first<16>());
  view.tuple.dst = Address::v6(ip.subspan(24).first<16>());
  set_tuple(view, dccp);
  return view;
}

PacketView view_ipv6(ByteView ip, std::uint32_t wire_bytes, Dccp dccp) {
  if (ip.size() < kIpv6HeaderBytes) {
    return too_short(kIpv6HeaderBytes, wire_bytes, InvalidReason::kShortHeader);
  }
  return finish_ipv6(ip, wire_bytes,
                     walk_ipv6(ip, wire_bytes, kIpv6HeaderBytes, load_u8(ip, 6)), dccp);
}

// The header of a reassembled datagram is that of its first fragment as it was: the decoder
// knows where the payload begins and what it is.
PacketView view_reassembled(const decode::Layer& layer, std::uint32_t wire_bytes, Dccp dccp) {
  const std::size_t offset = layer.ip.size() - layer.l4.size();
  if (layer.version == 6 && offset >= kIpv6HeaderBytes) {
    return finish_ipv6(layer.ip, wire_bytes,
                       walk_ipv6(layer.ip, wire_bytes, offset, layer.protocol), dccp);
  }
  if (layer.version == 4 && offset >= kIpv4HeaderBytes) {
    return finish_ipv4(layer.ip, wire_bytes, offset, dccp);
  }
  return fail(Readable::kCut);
}

}  // namespace

PacketView view_packet(const decode::Layer& layer, Dccp dccp) {
  const auto captured = static_cast<std::uint32_t>(layer.ip.size());
  const std::uint32_t wire_bytes = std::max(layer.total_bytes, captured);
  if (layer.reassembled) {
    return view_reassembled(layer, wire_bytes, dccp);
  }
  return layer.version == 6 ? view_ipv6(layer.ip, wire_bytes, dccp)
                            : view_ipv4(layer.ip, wire_bytes, dccp);
}

PacketView view_quote(ByteView quote,
                      std::uint32_t wire_bytes,
                      std::uint8_t version,
                      Dccp dccp) {
  return version == 6 ? view_ipv6(quote, wire_bytes, dccp) : view_ipv4(quote, wire_bytes, dccp);
}

}  // namespace natlens::conntrack
