// What the router says itself: answers to packets for it, and to senders of packets that it
// does not forward.
#include <algorithm>

#include "packet_layer.h"
#include "rewrite.h"
#include "router_impl.h"

namespace natlens::ruleset {
namespace {

constexpr std::uint32_t kLeastMtuV4 = 68;
constexpr std::uint32_t kLeastMtuV6 = 1280;

std::size_t transport_at(const decode::Layer& layer) {
  return layer.ip.size() - layer.l4.size();
}

}  // namespace

// The router's own answer goes through tracking and NAT as any packet does.
void Router::Impl::answer(const conntrack::Packet& packet) {
  const decode::Layer& layer = *packet.layer;
  std::vector<std::uint8_t> seen(layer.ip.begin(), layer.ip.end());
  Rewriter(seen, transport_at(layer), layer.protocol)
      .translate(direction == 0 ? original : reply, translated(original, reply, direction));
  auto ip = local_answer(seen, transport_at(layer), layer.protocol);
  const std::size_t icmp = (seen[0] >> 4) == 6 ? 40 : 20;
  const bool error = !ip.empty() && is_icmp(ip[(seen[0] >> 4) == 6 ? 6 : 9]) && ip[icmp] != 0 &&
                     ip[icmp] != 129;
  const bool quiet = error && setup.errors &&
                     (!may_be_told(layer) || !error_limit.allow(layer.src, time, false));
  if (!ip.empty() && !quiet) {
    send_own(std::move(ip), packet, Fate::kLocal);
  }
}

void Router::Impl::send_own(std::vector<std::uint8_t> ip,
                            const conntrack::Packet& cause,
                            Fate fate) {
  const decode::Layer layer = layer_of(ip);
  conntrack::Packet packet = cause;
  packet.layer = &layer;
  packet.quoted = nullptr;
  Passed* const outer = now;
  Passed mine;
  own = true;
  run(packet, in, mine);
  own = false;
  now = outer;
  now->fate = fate;
  for (Emitted& out : mine.out) {
    now->out.push_back(std::move(out));
  }
}

// Of the packet that came from the wire, as it came: whoever sent it knows it like that.
void Router::Impl::tell_sender() {
  if (!setup.errors) {
    return;
  }
  switch (now->fate) {
    case Fate::kTtl:
      return refuse(IcmpError::kTtl);
    case Fate::kUnrouted:
      return refuse(IcmpError::kNoRoute);
    case Fate::kDropped:
      return rejected ? refuse(IcmpError::kRejected) : void();
    case Fate::kTooLarge: {
      const bool v6 = arrival->layer->version == 6;
      const std::int64_t mtu = std::int64_t{setup.interfaces[way.interface].mtu} - grown;
      return refuse(IcmpError::kTooLarge, static_cast<std::uint32_t>(std::max<std::int64_t>(
                                              mtu, v6 ? kLeastMtuV6 : kLeastMtuV4)));
    }
    default:
      return;
  }
}

void Router::Impl::refuse(IcmpError error, std::uint32_t mtu) {
  const decode::Layer& layer = *arrival->layer;
  const Family family = layer.src.family();
  Address src = own_address(setup.interfaces[entered_at], family);
  for (std::size_t i = 0; i < first_nat64 && src.family() == Family::kNone; ++i) {
    src = own_address(setup.interfaces[i], family);
  }
  const bool path_mtu = error == IcmpError::kTooLarge;
  if (src.family() == Family::kNone || !may_be_told(layer) ||
      !error_limit.allow(layer.src, time, path_mtu)) {
    return;
  }
  in = entered_at;
  send_own(error_about(layer.ip, error, src, mtu), *arrival, now->fate);
}

// Does a packet of that size leave as it is?
bool Router::Impl::fits(std::size_t bytes) const {
  const std::uint32_t mtu =
      way.interface < setup.interfaces.size() ? setup.interfaces[way.interface].mtu : 0;
  return !setup.errors || own || cut_later || mtu == 0 || bytes <= mtu;
}

// Where an IPv4 packet is cut for the link that it leaves by (RFC 791).
std::vector<std::uint32_t> Router::Impl::cuts_for(ByteView ip, std::size_t payload_at) const {
  const std::size_t header = (ip[0] & 15U) * 4U;
  const std::uint32_t mtu = setup.interfaces[way.interface].mtu;
  std::vector<std::uint32_t> cuts;
  if (header != payload_at || mtu < header + 8) {
    return cuts;
  }
  const auto most = static_cast<std::uint32_t>((mtu - header) / 8 * 8);
  for (std::uint32_t at = 0; at < ip.size() - payload_at; at += most) {
    cuts.push_back(at);
  }
  return cuts;
}

}  // namespace natlens::ruleset
