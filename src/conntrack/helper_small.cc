// Helpers with little to read: TFTP (nf_conntrack_tftp.c, RFC 1350), Amanda
// (nf_conntrack_amanda.c), SANE (nf_conntrack_sane.c), and answers to broadcast queries of
// NetBIOS names and SNMP (nf_conntrack_broadcast.c).
#include <algorithm>
#include <array>
#include <string>

#include "helper.h"
#include "text_scan.h"

namespace natlens::conntrack {
namespace {

// The answer of a broadcast comes from anybody in the subnet. A capture does not tell the
// interface's prefix: an address that ends in 255 is taken for the broadcast address of a /24.
bool help_broadcast(HelperPacket& packet, std::uint16_t port, std::uint32_t seconds) {
  constexpr unsigned kPrefixBits = 24;
  const Tuple own = packet.own();
  const auto bytes = own.dst.bytes();
  if (packet.direction != Direction::kOriginal || !own.dst.is_v4() || bytes[3] != 255 ||
      own.dst.v4_host_order() == 0xffffffffU) {
    return true;
  }
  Announcement a;
  a.src = own.dst;
  a.src_prefix_bits = kPrefixBits;
  a.src_port = port;
  a.any_src_port = false;
  a.dst = own.src;
  a.dst_port = own.src_port;
  a.protocol = protocol::kUdp;
  a.permanent = true;
  packet.announce(a);
  packet.refresh_seconds = seconds;
  return true;
}

// "CONNECT DATA 1024 MESG 1025 INDEX 1026\n", which begins at `start` of the payload; one
// announcement for each that is there. Through NAT the server tells the port that leads there.
bool announce_amanda(HelperPacket& packet, std::string_view line, std::size_t start) {
  for (const std::string_view word : {"DATA ", "MESG ", "INDEX ", "STATE "}) {
    const auto at = line.find(word);
    if (at == std::string_view::npos) {
      continue;
    }
    const auto digits = line.substr(at + word.size());
    auto rest = digits;
    const std::uint32_t port = take_number(rest);
    if (port == 0 || port > 65535) {
      break;
    }
    const Tuple other = packet.other();
    Announcement a;
    a.src = other.src;
    a.dst = other.dst;
    a.dst_port = static_cast<std::uint16_t>(port);
    a.protocol = protocol::kTcp;
    if (!packet.nat) {
      if (!packet.announce(a)) return false;
      continue;
    }
    const std::uint16_t given = packet.announce_translated(a, Direction::kOriginal);
    if (given == 0) {
      return false;
    }
    packet.nat.replace(start + at + word.size(), digits.size() - rest.size(),
                       std::to_string(given));
  }
  if (packet.nat) {
    std::sort(packet.nat.edits->begin(), packet.nat.edits->end(),
              [](const PayloadEdit& x, const PayloadEdit& y) { return x.offset < y.offset; });
  }
  return true;
}

}  // namespace

bool help_tftp(HelperPacket& packet) {
  constexpr std::uint16_t kRead = 1;
  constexpr std::uint16_t kWrite = 2;
  if (packet.payload.size() < 2) {
    return true;
  }
  const std::uint16_t opcode = load_be16(packet.payload, 0);
  if (opcode != kRead && opcode != kWrite) {
    return true;
  }
  const Tuple reply = packet.table.reply_of(packet.table[packet.record]);
  Announcement a;
  a.src = reply.src;
  a.dst = reply.dst;
  a.dst_port = reply.dst_port;
  a.protocol = protocol::kUdp;
  if (packet.nat) {  // the answer goes where the request came from
    a.follows = true;
    a.follow_direction = Direction::kReply;
    a.saved_port = packet.table[packet.record].original.src_port;
  }
  return packet.announce(a);
}

bool help_amanda(HelperPacket& packet) {
  constexpr std::uint32_t kMasterSeconds = 300;
  if (packet.direction == Direction::kOriginal) {
    return true;
  }
  packet.refresh_seconds = kMasterSeconds;
  std::string_view text = as_text(packet.payload);
  const auto start = text.find("CONNECT ");
  if (start == std::string_view::npos) {
    return true;
  }
  text.remove_prefix(start);
  const auto end = text.find('\n');
  return end == std::string_view::npos || announce_amanda(packet, text.substr(0, end), start);
}

// Memory: 1 in [0] while the answer to a network start is awaited.
bool help_sane(HelperPacket& packet) {
  constexpr std::uint32_t kNetStart = 7;
  constexpr std::size_t kRequestBytes = 8;
  constexpr std::size_t kReplyBytes = 8;
  if (!packet.established || packet.payload.empty()) {
    return true;
  }
  std::uint32_t& awaited = packet.memory()[0];
  if (packet.direction == Direction::kOriginal) {
    awaited =
        packet.payload.size() == kRequestBytes && load_be32(packet.payload, 0) == kNetStart;
    return true;
  }
  if (awaited == 0) {
    return true;
  }
  awaited = 0;
  if (packet.payload.size() < kReplyBytes || load_be32(packet.payload, 0) != 0 ||
      load_be16(packet.payload, 4) != 0) {
    return true;
  }
  const Entry& entry = packet.table[packet.record];
  Announcement a;
  a.src = entry.original.src;
  a.dst = entry.original.dst;
  a.dst_port = load_be16(packet.payload, 6);
  a.protocol = protocol::kTcp;
  return packet.announce(a);
}

bool help_netbios_ns(HelperPacket& packet) {
  return help_broadcast(packet, 137, 3);
}
bool help_snmp(HelperPacket& packet) {
  return help_broadcast(packet, 161, 30);
}

}  // namespace natlens::conntrack
