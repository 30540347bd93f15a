// Which UDP payload is a tunnel? In this order (a NAT moves one of the ports, never both):
//  1. what earlier packets of the flow proved it to be,
//  2. a registered port on either side, destination first, with the protocol's structural
//  check,
//  3. the shape alone. The first match is a guess: from the packet that confirms it on the flow
//  is
//     that tunnel, earlier packets stay plain UDP. Three packets in a row that do not fit end
//     it. A WireGuard session that is known from another flow is believed at once.
#include <algorithm>
#include <array>
#include <bit>

#include "flow_memory.h"
#include "tables.h"

namespace natlens::decode {
namespace {

struct PortRow {
  std::uint16_t port;
  bool (*fits)(const Context&);
  Step step;
};

constexpr auto kPorts = std::to_array<PortRow>({
    {4789, vxlan_fits, {vxlan}},
    {8472, vxlan_fits, {vxlan}},
    {4790, vxlan_gpe_fits, {vxlan_gpe}},
    {6081, geneve_fits, {geneve}},
    {2152, gtpu_fits, {gtpu}},
    {4500, udp_encap_fits, {udp_encap}},
    {500, ike_fits, {ike}},
    {1701, l2tp_fits, {l2tp}},
    {3544, teredo_fits, {teredo}},
    {3653, ipv6_in_udp_fits, {fou}},
    {4341, lisp_fits, {lisp}},
    {4342, lisp_control_fits, {lisp_control}},
    {4754, gre_in_udp_fits, {gre}},
    {5072, ayiya_fits, {ayiya}},
    {6080, gue_fits, {gue}},
    {6635, mpls_in_udp_fits, {mpls_in_ip}},
    {1194, openvpn_fits, {openvpn}},
    {51820, wireguard_fits, {wireguard}},
});

struct ShapeRow {
  Encapsulation kind;
  bool (*may_start)(std::uint8_t);    // with this byte: asked before anything else
  bool (*fits)(const Context&);       // the packet that may start it
  bool (*continues)(const Context&);  // one of a flow that is known
  Step step;
  std::uint8_t packets;  // that must fit before it is believed
};

constexpr auto kShapes = std::to_array<ShapeRow>({
    {Encapsulation::kUdpEncap,
     [](std::uint8_t b) { return b == 0; },
     ike_marker_shape,
     udp_encap_fits,
     {udp_encap},
     2},
    {Encapsulation::kIke, [](std::uint8_t) { return true; }, ike_shape, ike_fits, {ike}, 2},
    {Encapsulation::kWireguard,
     [](std::uint8_t b) { return b >= 1 && b <= 4; },
     wireguard_shape,
     wireguard_fits,
     {wireguard},
     3},
    {Encapsulation::kOpenvpn,
     [](std::uint8_t b) { return b == 0x38 || b == 0x40; },
     openvpn_shape,
     openvpn_fits,
     {openvpn},
     2},
    {Encapsulation::kGtpu,
     [](std::uint8_t b) { return b >> 3 == 6; },
     gtpu_shape,
     gtpu_fits,
     {gtpu},
     2},
    {Encapsulation::kVxlan,
     [](std::uint8_t b) { return b == 8; },
     vxlan_shape,
     vxlan_fits,
     {vxlan},
     2},
    {Encapsulation::kGeneve,
     [](std::uint8_t b) { return b < 0x40; },
     geneve_shape,
     geneve_fits,
     {geneve},
     2},
    {Encapsulation::kTeredo,
     [](std::uint8_t b) { return b == 0 || b >> 4 == 6; },
     teredo_shape,
     teredo_shape,
     {teredo},
     2},
    {Encapsulation::kFou,
     [](std::uint8_t b) { return b >> 4 == 4; },
     fou_shape,
     fou_shape,
     {fou},
     2},
});
constexpr std::uint8_t kMaxMisfits = 3;

// Which rows a first byte leaves, as bits: most packets are done after this look.
constexpr auto kRowsByFirstByte = [] {
  std::array<std::uint16_t, 256> rows{};
  for (std::size_t byte = 0; byte < rows.size(); ++byte) {
    for (std::size_t i = 0; i < kShapes.size(); ++i) {
      if (kShapes[i].may_start(static_cast<std::uint8_t>(byte))) {
        rows[byte] = static_cast<std::uint16_t>(rows[byte] | 1U << i);
      }
    }
  }
  return rows;
}();

// Row + 1 by the low bits of the port, so that nearly every packet is done after one look.
constexpr std::size_t kIndexSize = 4096;
constexpr auto kPortIndex = [] {
  std::array<std::uint8_t, kIndexSize> index{};
  for (std::size_t i = 0; i < kPorts.size(); ++i) {
    std::uint8_t& slot = index[kPorts[i].port % kIndexSize];
    if (slot != 0) throw "two ports share a slot: change kIndexSize";
    slot = static_cast<std::uint8_t>(i + 1);
  }
  return index;
}();

const PortRow* row_of(std::uint16_t port) {
  const std::uint8_t slot = kPortIndex[port % kIndexSize];
  if (slot == 0) [[likely]]
    return nullptr;
  const PortRow& row = kPorts[slot - 1U];
  return row.port == port ? &row : nullptr;
}

const ShapeRow* shape_of(Encapsulation kind) {
  for (const ShapeRow& row : kShapes) {
    if (row.kind == kind) return &row;
  }
  return nullptr;
}

Step known_flow(Context& c, FlowMemory::Entry& entry) {
  const ShapeRow* row = shape_of(entry.reading.kind);
  if (row == nullptr || entry.count < row->packets) return kFinished;
  if (row->continues(c)) {
    entry.misfits = 0;
    return row->step;
  }
  if (++entry.misfits >= kMaxMisfits) entry = FlowMemory::Entry{};
  return kFinished;
}

Step by_shape(Context& c, const Layer& layer) {
  for (unsigned rows = kRowsByFirstByte[c.at.u8(0)]; rows != 0; rows &= rows - 1) {
    const ShapeRow& row = kShapes[static_cast<std::size_t>(std::countr_zero(rows))];
    if (!row.fits(c)) continue;
    const bool believed = row.kind == Encapsulation::kWireguard && wireguard_session_known(c);
    auto& entry = c.flows.seen_again(flow_key(c, layer), {row.kind, 0});
    if (believed) entry.count = std::max(entry.count, row.packets);
    return entry.count >= row.packets ? row.step : kFinished;
  }
  return kFinished;
}

}  // namespace

std::uint64_t flow_key(const Context& c, const Layer& layer) {
  const std::uint64_t src = content_hash(layer.src.bytes(), layer.src_port);
  const std::uint64_t dst = content_hash(layer.dst.bytes(), layer.dst_port);
  return mix(mix(std::min(src, dst), std::max(src, dst)),
             std::uint64_t{layer.protocol} << 32 | c.zone);
}

bool mpls_in_udp_fits(const Context& c) {
  return c.at.captured >= 8;
}

Step udp_payload(Context& c) {
  const Layer& layer = c.layer();
  bool known_port = false;
  for (const std::uint16_t port : {layer.dst_port, layer.src_port}) {
    const PortRow* row = row_of(port);
    if (row == nullptr) continue;
    if (row->fits(c)) return row->step;
    known_port = true;
  }
  if (known_port && c.at.cut()) return c.stop(DecodeStop::kSnap, Encapsulation::kUdp);
  if (c.quoted || c.partial || c.at.captured == 0) return kFinished;
  if (!c.flows.empty()) {
    FlowMemory::Entry* entry = c.flows.find(flow_key(c, layer));
    if (entry != nullptr) {
      if (const Step step = known_flow(c, *entry); step.run != nullptr) return step;
    }
  }
  return by_shape(c, layer);
}

}  // namespace natlens::decode
