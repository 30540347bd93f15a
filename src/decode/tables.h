// The numbers that choose a parser, and the parsers they choose. To add an encapsulation: write
// its file, declare its parser here, add its row in tables.cc.
#pragma once

#include "context.h"

namespace natlens::decode {

// Link types (link_*.cc).
Step link_null(Context&);
Step link_loop(Context&);
Step link_sll(Context&);
Step link_sll2(Context&);
Step link_raw(Context&);
Step link_enc(Context&);
Step link_pflog(Context&);
Step link_firewire(Context&);
Step link_arcnet(Context&);
Step link_ppp_hdlc(Context&);
Step link_pppd(Context&);
Step link_ppp_with_dir(Context&);
Step link_cisco_hdlc(Context&);
Step link_cisco_hdlc_with_dir(Context&);
Step link_frame_relay(Context&);
Step link_frame_relay_with_dir(Context&);
Step link_nflog(Context&);
Step link_pktap(Context&);
Step link_user2(Context&);
Step link_80211(Context&);
Step link_radiotap(Context&);
Step link_prism(Context&);
Step link_ppi(Context&);

// Ethertypes.
Step vlan(Context&);
Step qinq(Context&);
Step arp(Context&);
Step llc(Context&);
Step ppp(Context&);
Step pppoe(Context&);
Step pbb(Context&);
Step macsec(Context&);
Step mpls(Context&);
Step nsh(Context&);
Step erspan(Context&);

// IP protocols (transport.cc, icmp.cc).
Step tcp(Context&);
Step udp(Context&);
Step udp_lite(Context&);
Step sctp(Context&);
Step dccp(Context&);
Step icmp(Context&);
Step icmpv6(Context&);
Step ipv4_in_ip(Context&);
Step ipv6_in_ip(Context&);
Step ethernet_in_ip(Context&);
Step etherip(Context&);
Step mpls_in_ip(Context&);
Step ah(Context&);
Step esp(Context&);
Step gre(Context&);
Step l2tpv3_in_ip(Context&);

// UDP payloads (udp_tunnels.cc chooses). `fits` is the structural check that a known port
// needs, `shape` one that needs no port.
Step udp_payload(Context&);
bool vxlan_fits(const Context&);
bool vxlan_shape(const Context&);
Step vxlan(Context&);
bool vxlan_gpe_fits(const Context&);
Step vxlan_gpe(Context&);
bool geneve_fits(const Context&);
bool geneve_shape(const Context&);
Step geneve(Context&);
bool gtpu_fits(const Context&);
bool gtpu_shape(const Context&);
Step gtpu(Context&);
bool teredo_fits(const Context&);
bool teredo_shape(const Context&);
Step teredo(Context&);
bool ipv6_in_udp_fits(const Context&);
bool fou_shape(const Context&);
Step fou(Context&);
bool gue_fits(const Context&);
Step gue(Context&);
bool lisp_fits(const Context&);
Step lisp(Context&);
bool lisp_control_fits(const Context&);
Step lisp_control(Context&);
bool ayiya_fits(const Context&);
Step ayiya(Context&);
bool l2tp_fits(const Context&);
Step l2tp(Context&);
bool mpls_in_udp_fits(const Context&);
bool gre_in_udp_fits(const Context&);
bool udp_encap_fits(const Context&);
Step udp_encap(Context&);
bool ike_fits(const Context&);
bool ike_shape(const Context&);
bool ike_marker_shape(const Context&);
Step ike(Context&);
bool wireguard_fits(const Context&);
bool wireguard_shape(const Context&);
Step wireguard(Context&);
bool wireguard_session_known(Context&);  // REQUIRES: wireguard_fits()
// Names a flow in FlowMemory: the same for both directions, in its zone.
std::uint64_t flow_key(const Context&, const Layer&);
bool openvpn_fits(const Context&);
bool openvpn_shape(const Context&);
Step openvpn(Context&);
// What a record of `wire` bytes with opcode `first >> 3` may be.
bool openvpn_record_fits(std::uint8_t first, std::size_t wire);
// Fills `via` from a packet at the cursor as far as it is there. False: it is data, encrypted.
bool describe_openvpn(const Cursor&, Via& via);

// TCP payloads (encap_openvpn_tcp.cc). REQUIRES: some of it was captured.
inline constexpr std::uint16_t kOpenvpnPort = 1194;
inline constexpr std::size_t kLongestOpenvpnReset = 1280;  // one with a wrapped key
Step tcp_payload(Context&);

}  // namespace natlens::decode
