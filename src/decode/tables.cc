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
});

// IEEE 802 numbers (IANA).
constexpr auto kEthertypes = std::to_array<Row>({
    {0x0800, {ipv4}},
    {0x86dd, {ipv6}},
    {0x8100, {vlan}},
    {0x0806, {arp}},
    {0x88a8, {qinq}},
    {0x9100, {vlan}},
    {0x9200, {vlan}},
    {0x9300, {vlan}},
});

constexpr auto kIpProtocolRows = std::to_array<Row>({
    {protocol::kTcp, {tcp}},
    {protocol::kUdp, {udp}},
    {protocol::kIcmp, {icmp}},
    {protocol::kIcmpv6, {icmpv6}},
    {protocol::kSctp, {sctp}},
    {protocol::kUdpLite, {udp_lite}},
    {protocol::kDccp, {dccp}},
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
