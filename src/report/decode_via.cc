// The keys of each kind of Via, a function per kind in a table. Most are in the Via itself;
// what only people ask for is read from the header once more.
#include <algorithm>
#include <array>

#include "natlens/decode/decoder.h"
#include "natlens/net/address.h"

#include "decode_json.h"

namespace natlens::report {
namespace {

using decode::Encapsulation;
using decode::Via;

using Print = void (*)(JsonObject&, const Via&, ByteView);

std::string ipv4_text(std::uint64_t host_order) {
  return to_string(Address::v4(static_cast<std::uint32_t>(host_order)));
}

void sll(JsonObject& o, const Via& v, ByteView) {
  o.number("type", v.flags);
  o.number("etype", v.next);
  if (v.extra != 0) o.number("ifindex", v.key);
  o.number("hatype", v.aux);
}

void arp(JsonObject& o, const Via& v, ByteView) {
  o.number("op", v.next);
  if (v.flags == 0) return;
  o.text("sip", ipv4_text(v.key));
  o.text("tip", ipv4_text(v.aux));
}

void mpls(JsonObject& o, const Via& v, ByteView) {
  o.number("label", v.key);
  o.number("s", v.flags);
}

void pppoe(JsonObject& o, const Via& v, ByteView) {
  o.number("session", v.key);
  o.number("code", v.flags);
}

void llc(JsonObject& o, const Via& v, ByteView) {
  if (v.flags == 0) return;  // no SNAP
  o.number("oui", v.key);
  o.number("type", v.next);
}

void nflog(JsonObject& o, const Via& v, ByteView) {
  o.number("family", v.flags);
  o.number("hook", v.key);
  if ((v.aux >> 32) != 0) o.number("in", v.aux >> 32);
  if ((v.aux & 0xffffffffU) != 0) o.number("out", v.aux & 0xffffffffU);
}

// Names of interfaces are bytes from a file: only what is plain is printed.
void pktap(JsonObject& o, const Via& v, ByteView bytes) {
  o.number("dlt", v.key);
  std::string name;
  for (std::size_t i = 12; i < 36 && i < bytes.size() && bytes[i] != 0; ++i) {
    const bool plain = bytes[i] > ' ' && bytes[i] < 0x7f && bytes[i] != '"' && bytes[i] != '\\';
    name += plain ? static_cast<char>(bytes[i]) : '?';
  }
  o.text("ifname", name);
  o.number("flags", v.aux);
}

constexpr std::uint64_t kGreKeyBit = 0x2000;
constexpr std::uint64_t kGreSequenceBit = 0x1000;
constexpr std::uint64_t kGreAckBit = 0x0080;
constexpr std::uint16_t kEoip = 0x6400;

void gre(JsonObject& o, const Via& v, ByteView bytes) {
  const std::uint64_t bits = v.extra >> 32;
  o.number("proto", v.next);
  o.number("ver", bits & 7);
  if (v.next == kEoip) {  // the two fields in one number, as they lie in the header
    o.number("key", v.aux << 16 | __builtin_bswap16(static_cast<std::uint16_t>(v.key)));
    return;
  }
  const bool pptp = (bits & 7) == 1;
  if ((bits & kGreKeyBit) != 0) o.number(pptp ? "call" : "key", v.key);
  if (pptp && bytes.size() >= 6) o.number("plen", load_be16(bytes, 4));
  if ((bits & kGreSequenceBit) != 0) o.number("seq", v.aux);
  if (pptp && (bits & kGreAckBit) != 0) o.number("ack", v.extra & 0xffffffffU);
}

void erspan(JsonObject& o, const Via& v, ByteView) {
  if (v.flags == 0) return;  // type I has no header
  o.number("ver", v.flags);
  o.number("session", v.key);
  o.number("vlan", v.next);
}

void l2tp(JsonObject& o, const Via& v, ByteView) {
  o.number("ver", v.flags & 0xfU);
  o.number("ctl", v.flags >> 7);
  if ((v.flags & 0xfU) == 2) o.number("tunnel", v.aux);
  o.number("session", v.key);
}

void vxlan(JsonObject& o, const Via& v, ByteView) {
  o.number("flags", v.extra);
  o.number("vni", v.key);
}

void geneve(JsonObject& o, const Via& v, ByteView) {
  o.number("vni", v.key);
  o.number("proto", v.next);
  o.number("optlen", v.aux);
}

void gtpu(JsonObject& o, const Via& v, ByteView bytes) {
  o.number("flags", v.flags);
  o.number("msg", v.next);
  o.number("teid", v.key);
  o.number("len", v.aux);
  if ((v.flags & 7) == 0 || bytes.size() < 12) return;
  if ((v.flags & 2) != 0) o.number("seq", load_be16(bytes, 8));
  if ((v.flags & 1) != 0) o.number("npdu", bytes[10]);
  if ((v.flags & 4) != 0) o.number("ext", bytes[11]);
}

void teredo(JsonObject& o, const Via& v, ByteView) {
  if (v.flags == 0) return;
  o.text("orig", ipv4_text(v.key));
  o.number("origport", v.aux);
}

void lisp(JsonObject& o, const Via& v, ByteView) {
  if ((v.flags & 0x08) != 0) o.number("iid", v.key);
  if ((v.flags & 0x80) != 0) o.number("nonce", v.aux);
}

void nsh(JsonObject& o, const Via& v, ByteView) {
  o.number("spi", v.key);
  o.number("si", v.aux);
  o.number("next", v.next);
}

void spi_and_sequence(JsonObject& o, const Via& v, ByteView) {
  o.number("spi", v.key);
  o.number("seq", v.aux);
  if (v.kind == Encapsulation::kAh) o.number("next", v.next);
}

void udp_encap(JsonObject& o, const Via& v, ByteView) {
  if (v.flags == 1) o.number("keepalive", 1);
  if (v.flags == 2) o.number("ike", 1);
}

void ike(JsonObject& o, const Via& v, ByteView bytes) {
  o.text("ispi", fmt::format("{:016x}", v.key));
  o.text("rspi", fmt::format("{:016x}", v.aux));
  o.number("ver", v.next >> 8);
  o.number("xchg", v.next & 0xffU);
  o.number("mid", v.extra & 0xffffffffU);
  if (bytes.size() >= 28) o.number("len", load_be32(bytes, 24));
}

void wireguard(JsonObject& o, const Via& v, ByteView) {
  o.number("type", v.flags);
  if (v.flags <= 2) o.number("sender", v.extra);
  if (v.flags >= 2) o.number("receiver", v.key);
  if (v.flags == 4) o.number("counter", v.aux);
}

void openvpn(JsonObject& o, const Via& v, ByteView bytes) {
  const unsigned opcode = v.flags >> 3U;
  o.number("op", opcode);
  o.number("key", v.flags & 7U);
  if (v.extra != 0) o.number("plen", v.extra);
  if (opcode == 9) {
    o.number("peer", v.key);
    o.number("pid", v.aux);
    return;
  }
  if (opcode == 6) return;
  o.number("sid", v.key);
  if (v.aux != 0) o.number("rsid", v.aux);
  if (v.next != 0 && v.next + 4U <= bytes.size()) o.number("mpid", load_be32(bytes, v.next));
}

template <const char* Name, std::uint64_t Via::*Field>
void one(JsonObject& o, const Via& v, ByteView) {
  o.number(Name, v.*Field);
}
void next_only(JsonObject& o, const Via& v, ByteView) {
  o.number(v.kind == Encapsulation::kPpp ? "proto" : "next", v.next);
}
void nothing(JsonObject&, const Via&, ByteView) {}

constexpr char kId[] = "id";
constexpr char kFamily[] = "family";
constexpr char kIsid[] = "isid";
constexpr char kPn[] = "pn";
constexpr char kCtx[] = "ctx";

Print print_of(Encapsulation kind) {
  switch (kind) {
    case Encapsulation::kSll:
      return sll;
    case Encapsulation::kNull:
      return one<kFamily, &Via::key>;
    case Encapsulation::kVlan:
    case Encapsulation::kQinq:
      return one<kId, &Via::key>;
    case Encapsulation::kPbb:
      return one<kIsid, &Via::key>;
    case Encapsulation::kMpls:
      return mpls;
    case Encapsulation::kPppoe:
      return pppoe;
    case Encapsulation::kPpp:
    case Encapsulation::kAyiya:
      return next_only;
    case Encapsulation::kMacsec:
      return one<kPn, &Via::aux>;
    case Encapsulation::kLlc:
      return llc;
    case Encapsulation::kNflog:
      return nflog;
    case Encapsulation::kPktap:
      return pktap;
    case Encapsulation::kGre:
      return gre;
    case Encapsulation::kErspan:
      return erspan;
    case Encapsulation::kL2tp:
      return l2tp;
    case Encapsulation::kVxlan:
      return vxlan;
    case Encapsulation::kGeneve:
      return geneve;
    case Encapsulation::kGtpu:
      return gtpu;
    case Encapsulation::kTeredo:
      return teredo;
    case Encapsulation::kLisp:
      return lisp;
    case Encapsulation::kNsh:
      return nsh;
    case Encapsulation::kAh:
    case Encapsulation::kEsp:
      return spi_and_sequence;
    case Encapsulation::kUdpEncap:
      return udp_encap;
    case Encapsulation::kIke:
      return ike;
    case Encapsulation::kWireguard:
      return wireguard;
    case Encapsulation::kOpenvpn:
      return openvpn;
    case Encapsulation::kArp:
      return arp;
    case Encapsulation::kStt:
      return one<kCtx, &Via::key>;
    default:
      return nothing;
  }
}

}  // namespace

void append_via_json(std::string& out, const decode::Via& via, ByteView bytes) {
  JsonObject object(out);
  object.text("p", decode::to_string(via.kind));
  print_of(via.kind)(object, via, bytes);
  if (via.kind != Encapsulation::kEthernet) object.number("off", via.offset);
}

}  // namespace natlens::report
