// Which number means which parser. Ethertypes and link types are few: searched in order, the
// frequent ones first. IP protocols are looked up in an array filled at compile time.
#include "tables.h"

#include <array>

namespace natlens::decode {
namespace {

struct Row {
  std::uint16_t number;
  Step step;
};

// www.tcpdump.org/linktypes.html
constexpr auto kLinkTypes = std::to_array<Row>({
    {1, {ethernet}},
    {113, {link_sll}},
    {276, {link_sll2}},
    {101, {link_raw}},
    {0, {link_null}},
    {108, {link_loop}},
    {12, {link_raw}},
    {14, {link_raw}},
    {228, {link_raw}},
    {229, {link_raw}},
    {9, {ppp}},
    {50, {link_ppp_hdlc}},
    {51, {pppoe}},
    {166, {link_pppd}},
    {204, {link_ppp_with_dir}},
    {104, {link_cisco_hdlc}},
    {205, {link_cisco_hdlc_with_dir}},
    {107, {link_frame_relay}},
    {206, {link_frame_relay_with_dir}},
    {239, {link_nflog}},
    {258, {link_pktap}},
    {149, {link_user2}},
    {105, {link_80211}},
    {127, {link_radiotap}},
    {119, {link_prism}},
    {163, {link_prism}},
    {192, {link_ppi}},
    {219, {mpls}},
    {109, {link_enc}},
    {117, {link_pflog}},
    {138, {link_firewire}},
    {129, {link_arcnet}},
});

// IEEE 802 numbers (IANA).
constexpr auto kEthertypes = std::to_array<Row>({
    {0x0800, {ipv4}},     {0x86dd, {ipv6}},   {0x8100, {vlan}}, {0x0806, {arp}},
    {0x88a8, {qinq}},     {0x9100, {vlan}},   {0x9200, {vlan}}, {0x9300, {vlan}},
    {0x8864, {pppoe}},    {0x8863, {pppoe}},  {0x8847, {mpls}}, {0x8848, {mpls}},
    {0x6558, {ethernet}}, {0x880b, {ppp}},    {0x88e7, {pbb}},  {0x88e5, {macsec}},
    {0x88be, {erspan}},   {0x22eb, {erspan}}, {0x894f, {nsh}},  {0x8870, {llc}},
});

constexpr auto kIpProtocolRows = std::to_array<Row>({
    {protocol::kTcp, {tcp}},
    {protocol::kUdp, {udp}},
    {protocol::kIcmp, {icmp}},
    {protocol::kIcmpv6, {icmpv6}},
    {protocol::kSctp, {sctp}},
    {protocol::kUdpLite, {udp_lite}},
    {protocol::kDccp, {dccp}},
    {protocol::kIpip, {ipv4_in_ip}},
    {protocol::kIpv6, {ipv6_in_ip}},
    {protocol::kGre, {gre}},
    {protocol::kEsp, {esp}},
    {protocol::kAh, {ah}},
    {94, {ipv4_in_ip}},
    {97, {etherip}},
    {115, {l2tpv3_in_ip}},
    {137, {mpls_in_ip}},
    {143, {ethernet_in_ip}},
});

constexpr auto kIpProtocols = [] {
  std::array<Step, 256> table{};
  for (const Row& row : kIpProtocolRows) table[row.number] = row.step;
  return table;
}();

template <std::size_t N>
const Row* find(const std::array<Row, N>& rows, std::uint16_t number) {
  for (const Row& row : rows) {
    if (row.number == number) return &row;
  }
  return nullptr;
}

Encapsulation last_via(const Context& c) {
  return c.out.via_count == 0 ? Encapsulation::kNone
                              : c.out.via_storage[c.out.via_count - 1U].kind;
}

}  // namespace

Step by_link_type(Context& c, capture::LinkType link_type) {
  const Row* row = find(kLinkTypes, link_type);
  return row != nullptr ? row->step : c.stop(DecodeStop::kUnsupported, Encapsulation::kNone);
}

Step by_ethertype(Context& c, std::uint16_t ethertype) {
  if (c.out.layer_count == 0) c.out.ethertype = ethertype;
  const Row* row = find(kEthertypes, ethertype);
  return row != nullptr ? row->step : c.stop(DecodeStop::kUnsupported, last_via(c));
}

Step by_ip_protocol(Context& c, std::uint8_t number) {
  const Step step = kIpProtocols[number];
  if (step.run != nullptr) return step;
  return c.stop(DecodeStop::kUnsupported,
                c.layer().version == 4 ? Encapsulation::kIpv4 : Encapsulation::kIpv6);
}

}  // namespace natlens::decode
