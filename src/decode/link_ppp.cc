// PPP (RFC 1661, 1662) wherever it is met, and serial links that are like it: PPP in HDLC
// framing, Cisco HDLC, frame relay (RFC 2427).
#include "tables.h"

namespace natlens::decode {
namespace {

constexpr std::uint16_t kMultilink = 0x003d;

struct ProtocolRow {
  std::uint16_t number;
  Step step;
};
constexpr auto kProtocols = std::to_array<ProtocolRow>(
    {{0x0021, {ipv4}}, {0x0057, {ipv6}}, {0x0281, {mpls}}, {0x0283, {mpls}}});

// Compressed or encrypted data: CCP, ECP and their single-link forms.
bool is_opaque(std::uint16_t number) {
  return number == 0x00fd || number == 0x00fb || number == 0x0053 || number == 0x0055;
}
// LCP, authentication, network control: read so far, nothing to follow.
bool is_control(std::uint16_t number) {
  return number >= 0x8000;
}

// One byte if its low bit is set, else two (RFC 1661 6.5).
bool read_protocol(Context& c, std::uint16_t& number) {
  if (!c.need(1, Encapsulation::kPpp)) return false;
  if ((c.at.u8(0) & 1U) != 0) {
    number = c.at.u8(0);
    c.at.skip(1);
    return true;
  }
  if (!c.need(2, Encapsulation::kPpp)) return false;
  number = c.at.be16(0);
  c.at.skip(2);
  return true;
}

Step by_ppp_protocol(Context& c, std::uint16_t number) {
  for (const auto& row : kProtocols) {
    if (row.number == number) return row.step;
  }
  if (is_opaque(number)) return c.stop(DecodeStop::kEncrypted, Encapsulation::kPpp);
  return is_control(number) ? kFinished : c.stop(DecodeStop::kUnsupported, Encapsulation::kPpp);
}

// RFC 1990: only a packet that is whole in one frame is followed.
Step multilink(Context& c) {
  if (!c.need(4, Encapsulation::kPpp)) return kFinished;
  if ((c.at.u8(0) & 0xc0U) != 0xc0U) return c.stop(DecodeStop::kFragment, Encapsulation::kPpp);
  c.at.skip(4);
  std::uint16_t number = 0;
  if (!read_protocol(c, number)) return kFinished;
  return by_ppp_protocol(c, number);
}

Step skip_then(Context& c, std::size_t bytes, Step step) {
  if (!c.need(bytes, Encapsulation::kPpp)) return kFinished;
  c.at.skip(bytes);
  return step;
}

}  // namespace

Step ppp(Context& c) {
  if (c.at.captured >= 2 && c.at.be16(0) == 0xff03) c.at.skip(2);
  Via* via = c.add_via(Encapsulation::kPpp);
  if (via == nullptr || !read_protocol(c, via->next)) return kFinished;
  if (via->next == kMultilink) return multilink(c);
  return by_ppp_protocol(c, via->next);
}

// LINKTYPE_PPP_HDLC: PPP, or Cisco HDLC told by its address byte.
Step link_ppp_hdlc(Context& c) {
  if (!c.need(2, Encapsulation::kPpp)) return kFinished;
  const std::uint8_t address = c.at.u8(0);
  if (address == 0x0f || address == 0x8f) return {link_cisco_hdlc};
  return {ppp};
}
// LINKTYPE_PPP_PPPD: the address byte tells the direction.
Step link_pppd(Context& c) {
  return skip_then(c, 2, {ppp});
}
Step link_ppp_with_dir(Context& c) {
  return skip_then(c, 1, {ppp});
}

Step link_cisco_hdlc(Context& c) {
  if (!c.need(4, Encapsulation::kPpp)) return kFinished;
  const std::uint16_t type = c.at.be16(2);
  c.at.skip(4);
  return by_ethertype(c, type);
}
Step link_cisco_hdlc_with_dir(Context& c) {
  return skip_then(c, 1, {link_cisco_hdlc});
}

// RFC 2427: address of 2 to 4 bytes (the last has its low bit set), control, NLPID.
Step link_frame_relay(Context& c) {
  if (!c.need(4, Encapsulation::kPpp)) return kFinished;
  std::size_t at = 0;
  while (at < 4 && (c.at.u8(at) & 1U) == 0) ++at;
  ++at;
  if (!c.need(at + 3, Encapsulation::kPpp)) return kFinished;
  if (c.at.u8(at) != 3) {  // Cisco framing: an ethertype follows the address
    const std::uint16_t type = c.at.be16(at);
    c.at.skip(at + 2);
    return by_ethertype(c, type);
  }
  ++at;
  if (c.at.u8(at) == 0) ++at;  // padding
  if (!c.need(at + 1, Encapsulation::kPpp)) return kFinished;
  const std::uint8_t nlpid = c.at.u8(at);
  c.at.skip(at + 1);
  if (nlpid == 0xcc) return {ipv4};
  if (nlpid == 0x8e) return {ipv6};
  if (nlpid != 0x80 || !c.need(5, Encapsulation::kLlc))
    return c.stop(DecodeStop::kUnsupported, Encapsulation::kPpp);
  const std::uint16_t type = c.at.be16(3);
  c.at.skip(5);
  return by_ethertype(c, type);
}
Step link_frame_relay_with_dir(Context& c) {
  return skip_then(c, 1, {link_frame_relay});
}

}  // namespace natlens::decode
