#include "icmp.h"

#include <algorithm>

#include "protocols.h"

namespace natlens::conntrack {
namespace {

constexpr std::size_t kHeaderBytes = 8;
constexpr std::uint8_t kLastIcmpType = 18;  // NR_ICMP_TYPES
constexpr std::uint8_t kRedirectV6 = 137;

IcmpCheck invalid(InvalidReason reason) {
  return {IcmpKind::kInvalid, reason, {}, 0};
}

IcmpCheck quote_at(const PacketView& view, std::size_t offset) {
  IcmpCheck check;
  check.kind = IcmpKind::kError;
  check.quote =
      view.transport.captured.subspan(std::min(offset, view.transport.captured.size()));
  check.quote_bytes = view.transport.wire_bytes > offset
                          ? view.transport.wire_bytes - static_cast<std::uint32_t>(offset)
                          : 0;
  return check;
}

IcmpCheck classify_v4(const PacketView& view) {
  switch (view.transport.captured[0]) {
    case 3:   // destination unreachable
    case 4:   // source quench
    case 5:   // redirect
    case 11:  // time exceeded
    case 12:  // parameter problem
      return quote_at(view, kHeaderBytes);
    default:
      return view.transport.captured[0] > kLastIcmpType ? invalid(InvalidReason::kNoInverse)
                                                        : IcmpCheck();
  }
}

bool is_link_local(const Address& address) {
  const auto bytes = address.bytes();
  return address.is_v6() && bytes[0] == 0xfe && (bytes[1] & 0xc0U) == 0x80;
}

// nf_conntrack_icmpv6_redirect: only with the redirected header as its first option.
IcmpCheck classify_redirect(const PacketView& view, const decode::Layer& layer) {
  constexpr std::size_t kMessageBytes = 40;
  constexpr std::uint8_t kRedirectedHeader = 4;
  const ByteView bytes = view.transport.captured;
  const bool proper = bytes.size() >= kMessageBytes + 2 && bytes[1] == 0 && layer.ttl == 255 &&
                      is_link_local(view.tuple.src) && bytes[kMessageBytes + 1] != 0;
  if (!proper || bytes[kMessageBytes] != kRedirectedHeader) {
    return invalid(InvalidReason::kErrorUnreadable);
  }
  return quote_at(view, kMessageBytes + 8);
}

IcmpCheck classify_v6(const PacketView& view, const decode::Layer& layer) {
  const std::uint8_t type = view.transport.captured[0];
  if ((type >= 130 && type <= 136) || type == 143) {
    return {IcmpKind::kUntracked, InvalidReason::kNone, {}, 0};  // RFC 2710, 3810, 4861
  }
  if (type == kRedirectV6) {
    return classify_redirect(view, layer);
  }
  return type < 128 ? quote_at(view, kHeaderBytes) : IcmpCheck();
}

Outcome track_query(Track& track, std::uint32_t timeout, bool starts) {
  if (track.is_first() && !starts) {
    return track.refuse(InvalidReason::kNotFirst);
  }
  track.refresh(timeout);
  return Outcome::kAccept;
}

}  // namespace

bool is_icmp_of_family(const PacketView& view) {
  return view.tuple.src.is_v4() ? view.transport.protocol == protocol::kIcmp
                                : view.transport.protocol == protocol::kIcmpv6;
}

IcmpCheck find_quote(const PacketView& view, const decode::Layer& layer) {
  if (!is_icmp_of_family(view) || view.transport.captured.size() < kHeaderBytes) {
    return {};
  }
  return view.tuple.src.is_v4() ? classify_v4(view) : classify_v6(view, layer);
}

IcmpCheck check_icmp(const PacketView& view,
                     const decode::Layer& layer,
                     ChecksumJudge& checksums) {
  const Transport& transport = view.transport;
  if (transport.captured.size() < kHeaderBytes) {
    return invalid(InvalidReason::kShortHeader);
  }
  const std::uint8_t pseudo = view.tuple.src.is_v4() ? 0 : protocol::kIcmpv6;
  if (checksums.enabled() &&
      !checksums.acceptable(view, pseudo, load_be16(transport.captured, 2),
                            transport.wire_bytes)) {
    return invalid(InvalidReason::kBadChecksum);
  }
  return find_quote(view, layer);
}

Outcome track_icmp(Track& track) {
  if (!track.packet.tuple.src.is_v4()) {
    return track.refuse(InvalidReason::kOther);
  }
  const auto type = static_cast<std::uint8_t>(track.entry.original.dst_port >> 8);
  return track_query(track, track.options.icmp_timeout,
                     type == 8 || type == 13 || type == 15 || type == 17);
}

Outcome track_icmpv6(Track& track) {
  if (!track.packet.tuple.src.is_v6()) {
    return track.refuse(InvalidReason::kOther);
  }
  const auto type = static_cast<std::uint8_t>(track.entry.original.dst_port >> 8);
  return track_query(track, track.options.icmpv6_timeout, type == 128 || type == 139);
}

}  // namespace natlens::conntrack
