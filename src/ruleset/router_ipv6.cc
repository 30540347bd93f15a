// NAT64 and prefix translation on a packet's way.
//
// A NAT64 is an interface of its own. What is routed there passes the chains as any packet that
// leaves, is translated, and enters again from that interface in the other family. Prefixes are
// translated at the router's edge: nothing inside it sees the outer names.
#include <utility>

#include <fmt/format.h>

#include "packet_layer.h"
#include "router_impl.h"

namespace natlens::ruleset {
namespace {

constexpr std::size_t kIpv6Bytes = 40;
constexpr std::size_t kIcmpBytes = 8;

std::size_t transport_at(const decode::Layer& layer) {
  return layer.ip.size() - layer.l4.size();
}
std::size_t header_bytes(ByteView ip) {
  return (ip[0] >> 4) == 6 ? kIpv6Bytes : (ip[0] & 15U) * 4U;
}

}  // namespace

void Router::Impl::add_translators() {
  first_nat64 = setup.interfaces.size();
  for (const Nat64& rule : rules->nat64) {
    nat64.emplace_back(rule);
    Interface interface;
    interface.name = nat64.size() == 1 ? "nat64" : fmt::format("nat64-{}", nat64.size());
    setup.interfaces.push_back(std::move(interface));
  }
}

// The translator that the packet at hand is for. An IPv4 address of the pool may be the
// router's own as well: then only what is bound goes there.
std::optional<unsigned> Router::Impl::nat64_interface() const {
  const Tuple& tuple = facts.tuple;
  for (std::size_t i = 0; i < nat64.size(); ++i) {
    const Nat64Table& table = nat64[i];
    const bool mine = tuple.dst.is_v6()
                          ? table.rule().prefix.contains(tuple.dst)
                          : in_pool(table.rule(), tuple.dst) &&
                                (type_of(setup.interfaces, tuple.dst) != address_type::kLocal ||
                                 table.bound(tuple, time));
    if (mine) return static_cast<unsigned>(first_nat64 + i);
  }
  return std::nullopt;
}

std::optional<CrossedPacket> Router::Impl::crossed(Nat64Table& table,
                                                   const decode::Layer& layer,
                                                   const decode::Layer* quoted,
                                                   std::vector<std::uint32_t> cuts) {
  const bool known = layer.protocol == protocol::kTcp || layer.protocol == protocol::kUdp ||
                     is_icmp(layer.protocol);
  if (!known || layer.l4.size() < kIcmpBytes) return std::nullopt;
  const bool outward = layer.version == 6;
  const Tuple tuple = tuple_of(layer);
  if (!is_icmp(layer.protocol) || !layer.icmp.error) {
    const auto to = outward ? table.outward(tuple, layer.tcp.flags, time)
                            : table.inward(tuple, layer.tcp.flags, time);
    return to ? cross(layer, *to, ++identification, std::move(cuts)) : std::nullopt;
  }
  if (quoted == nullptr) return std::nullopt;
  const auto quoted_to = outward ? table.quoted_outward(tuple_of(*quoted), time)
                                 : table.quoted_inward(tuple_of(*quoted), time);
  if (!quoted_to) return std::nullopt;
  // The error goes to whom the quoted packet came from; a router behind the translator, which
  // has no IPv4 address, speaks with that of the host (RFC 7915 5.2, RFC 6791).
  Tuple to;
  to.protocol = outward ? protocol::kIcmp : protocol::kIcmpv6;
  to.dst = quoted_to->src;
  to.src = outward ? quoted_to->dst
                   : embed(table.rule().prefix.address, layer.src,
                           *embedded_form(table.rule().prefix.bits));
  return cross_error(layer, *quoted, to, *quoted_to, ++identification);
}

// `ip`: the packet as it leaves towards the translator.
void Router::Impl::through_nat64(const std::vector<std::uint8_t>& ip,
                                 const conntrack::Packet& packet) {
  Nat64Table& table = nat64[way.interface - first_nat64];
  const decode::Layer& before = *packet.layer;
  const decode::Layer layer = changed_layer(before, ip, transport_at(before));
  decode::Layer quoted;
  const bool quotes = packet.quoted != nullptr && layer.icmp.error &&
                      layer.l4.size() >= kIcmpBytes + packet.quoted->ip.size();
  if (quotes) {
    const ByteView rest = layer.l4.subspan(kIcmpBytes);
    quoted = changed_layer(*packet.quoted, rest, transport_at(*packet.quoted));
  }
  auto cuts = before.reassembled ? shapes.take(before) : std::vector<std::uint32_t>();
  const auto other = crossed(table, layer, quotes ? &quoted : nullptr, std::move(cuts));
  if (!other) {
    now->fate = Fate::kUntranslatable;
    now->rule = &table.rule().rule;
    return;
  }
  const ByteView bytes(other->ip);
  decode::Layer entering = changed_layer(layer, bytes, header_bytes(bytes));
  conntrack::Packet again = packet;
  again.layer = &entering;
  decode::Layer quoted_again;
  if (quotes) {
    const ByteView rest = entering.l4.subspan(kIcmpBytes);
    quoted_again = changed_layer(quoted, rest, header_bytes(rest));
    again.quoted = &quoted_again;
  }
  Passed* const outer = now;
  const bool was_own = std::exchange(own, false);
  Passed mine;
  run(again, way.interface, mine);
  own = was_own;
  now = outer;
  now->fate = mine.fate;
  now->after = mine.after;
  now->second_connection = mine.verdict.connection;
  now->rule = mine.rule != nullptr ? mine.rule : &table.rule().rule;
  now->doubt = now->doubt != nullptr ? now->doubt : mine.doubt;
  now->doubtful = now->doubtful || mine.doubtful;
  now->by_chance = now->by_chance || mine.by_chance;
  for (Emitted& out : mine.out) {
    const bool pieces = other->cuts.size() > 1 && (out.ip[0] >> 4) == entering.version;
    auto cut_up = pieces ? cut(out.ip, header_bytes(out.ip), other->cuts, before.ip_id)
                         : std::vector<std::vector<std::uint8_t>>{std::move(out.ip)};
    for (auto& piece : cut_up) now->out.push_back({out.interface, out.own, std::move(piece)});
  }
}

bool Router::Impl::rename_entering(conntrack::Packet& packet, Renamed& storage) {
  const decode::Layer& layer = *packet.layer;
  for (const Npt& npt : rules->npt) {
    if (layer.version != 6 || layer.ip.size() < kIpv6Bytes ||
        !npt.outside.contains(layer.dst)) {
      continue;
    }
    now->rule = &npt.rule;
    storage.ip.assign(layer.ip.begin(), layer.ip.end());
    const std::size_t at = transport_at(layer);
    const std::size_t quote_at =
        packet.quoted != nullptr && packet.quoted->version == 6 ? at + kIcmpBytes : 0;
    // Who calls from inside by the outer name is answered by that way, too (4.3).
    const bool hairpin = npt.inside.contains(layer.src);
    if (!translate_prefix(storage.ip, quote_at, npt, NptSide::kEnters) ||
        (hairpin && !translate_prefix(storage.ip, quote_at, npt, NptSide::kLeaves))) {
      return false;
    }
    storage.layer = changed_layer(layer, storage.ip, at);
    packet.layer = &storage.layer;
    if (quote_at != 0 && quote_at + kIpv6Bytes <= storage.ip.size()) {
      storage.quoted = changed_layer(*packet.quoted, storage.layer.l4.subspan(kIcmpBytes),
                                     transport_at(*packet.quoted));
      packet.quoted = &storage.quoted;
    }
    return true;
  }
  return true;
}

bool Router::Impl::rename_leaving(std::vector<std::uint8_t>& ip, const decode::Layer& layer) {
  for (const Npt& npt : rules->npt) {
    const bool v6 = layer.version == 6 && ip.size() >= kIpv6Bytes;
    if (!v6 || !npt.inside.contains(now->after.src) || npt.inside.contains(now->after.dst) ||
        find_route(setup.interfaces, npt.inside.address).interface == way.interface) {
      continue;
    }
    now->rule = &npt.rule;
    const bool error = layer.protocol == protocol::kIcmpv6 && layer.icmp.error;
    if (!translate_prefix(ip, error ? transport_at(layer) + kIcmpBytes : 0, npt,
                          NptSide::kLeaves)) {
      return false;
    }
    now->after.src = Address::v6(ByteView(ip).subspan(8).first<16>());
    return true;
  }
  return true;
}

}  // namespace natlens::ruleset
