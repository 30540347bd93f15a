#include "ip.h"

namespace natlens::decode {
namespace {

Encapsulation name(const Layer& layer) {
  return layer.version == 4 ? Encapsulation::kIpv4 : Encapsulation::kIpv6;
}

Step go_on(Context& c, std::uint8_t protocol) {
  c.layer().protocol = protocol;
  return c.layer().version == 4 ? ip_payload(c, protocol) : ipv6_extensions(c);
}

// A fragment by itself. The first one has a transport header, though the lengths in it speak of
// the whole datagram.
Step lone_fragment(Context& c, std::uint8_t protocol) {
  if (c.layer().fragment_offset == 0) {
    if (c.quoted) return go_on(c, protocol);
    c.note(DecodeStop::kFragment, name(c.layer()));
    c.partial = true;
    return go_on(c, protocol);
  }
  Layer& layer = c.layer();
  layer.l4 = c.at.bytes();
  layer.l4_wire_bytes = c.at.wire;
  layer.l4_offset = c.at.offset;
  layer.protocol = protocol;
  return c.stop(DecodeStop::kFragment, name(layer));
}

void become_whole(Context& c, const Reassembler::Whole& whole) {
  Layer& layer = c.layer();
  layer.fragment = false;
  layer.reassembled = true;
  c.out.own_bytes = true;
  layer.ip = whole.bytes;
  layer.total_bytes = static_cast<std::uint32_t>(whole.header_bytes) + whole.payload_wire_bytes;
  const ByteView payload = whole.bytes.subspan(whole.header_bytes);
  c.at = {.data = payload.data(),
          .captured = static_cast<std::uint32_t>(payload.size()),
          .wire = whole.payload_wire_bytes};
}

}  // namespace

Step ip_payload(Context& c, std::uint8_t protocol) {
  Layer& layer = c.layer();
  layer.protocol = protocol;
  layer.l4 = c.at.bytes();
  layer.l4_wire_bytes = c.at.wire;
  layer.l4_offset = c.at.offset;
  return by_ip_protocol(c, protocol);
}

Step ip_fragment(Context& c, ByteView header, std::uint8_t protocol) {
  Layer& layer = c.layer();
  if (c.reassembler == nullptr || c.quoted || c.partial || layer.reassembled) {
    return lone_fragment(c, protocol);
  }
  layer.protocol = protocol;
  layer.l4 = c.at.bytes();
  layer.l4_wire_bytes = c.at.wire;
  layer.l4_offset = c.at.offset;
  const Reassembler::Fragment fragment{.layer = layer,
                                       .header = header,
                                       .data = c.at.bytes(),
                                       .wire_bytes = c.at.wire,
                                       .protocol = protocol,
                                       .depth = c.out.layer_count,
                                       .time = c.time};
  Reassembler::Whole whole;
  switch (c.reassembler->add(fragment, whole)) {
    case Reassembler::Outcome::kHeld:
      c.out.waits_for_fragments = true;
      return c.stop(DecodeStop::kFragment, name(layer));
    case Reassembler::Outcome::kRefused:
      return c.stop(DecodeStop::kFragment, name(layer));
    case Reassembler::Outcome::kComplete:
      break;
  }
  become_whole(c, whole);
  return go_on(c, whole.protocol);
}

}  // namespace natlens::decode
