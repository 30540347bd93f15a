// What leaves the router: the packet, rewritten, or an answer of its own.
#include "packet_layer.h"
#include "rewrite.h"
#include "router_impl.h"

namespace natlens::ruleset {
namespace {

namespace status = conntrack::status;

std::size_t transport_at(const decode::Layer& layer) {
  return layer.ip.size() - layer.l4.size();
}

// The tuple of the packet that an ICMP error quotes, in the names of either side of the router.
struct QuoteNames {
  Tuple from;
  Tuple to;
};
QuoteNames quote_names(const Tuple& original, const Tuple& reply, std::uint32_t direction) {
  QuoteNames names;
  conntrack::invert(direction == 0 ? original : reply, names.from);
  names.to = direction == 0 ? reply : original;
  return names;
}

}  // namespace

void Router::Impl::emit(const conntrack::Packet& packet) {
  const decode::Layer& layer = *packet.layer;
  if (now->fate == Fate::kLocal) {
    if (setup.answers && has_tuples && !own && !now->verdict.dropped) {
      answer(packet);
    }
    return;
  }
  if (now->fate != Fate::kForwarded) {
    return;
  }
  std::vector<std::uint8_t> ip = buffer();
  ip.assign(layer.ip.begin(), layer.ip.end());
  rewrite(ip, packet);
  if (way.interface >= first_nat64) {
    through_nat64(ip, packet);
    return;
  }
  if (!rename_leaving(ip, layer)) {
    now->fate = Fate::kUntranslatable;
    return;
  }
  add_out(std::move(ip), layer, transport_at(layer));
}

// NAT and what belongs to forwarding.
void Router::Impl::rewrite(std::vector<std::uint8_t>& ip, const conntrack::Packet& packet) {
  const decode::Layer& layer = *packet.layer;
  Rewriter rewriter(ip, transport_at(layer), layer.protocol);
  now->after = tuple_of(layer);
  const bool error = now->verdict.packet_class == conntrack::PacketClass::kRelated &&
                     layer.icmp.error &&
                     (layer.protocol == protocol::kIcmp || layer.protocol == protocol::kIcmpv6);
  if (has_tuples && error) {
    const QuoteNames quote = quote_names(original, reply, direction);
    const Tuple target = translated(original, reply, direction);
    if (!(quote.from == quote.to)) {
      rewriter.translate_quote(quote.from, quote.to);
      // Outside, whoever sent it, it comes from the only address that is known there.
      const std::uint32_t bit = direction == 0 ? status::kSrcNat : status::kDstNat;
      now->after.src = (bits & bit) != 0 ? target.src : layer.src;
      now->after.dst = target.dst;
      rewriter.addresses(now->after.src, now->after.dst);
    }
  } else if (has_tuples) {
    const Tuple from = direction == 0 ? original : reply;
    now->after = translated(original, reply, direction);
    rewriter.translate(from, now->after);
    rewriter.edit(tracker.payload_edits());
    if ((bits & status::kSeqAdjust) != 0 || !tracker.payload_edits().empty()) {
      const conntrack::EntryView view = tracker.lookup(from, packet.zone);
      rewriter.shift_sequence(view.offsets[direction], view.offsets[1 - direction]);
    }
  }
  // A translator lowers it once (RFC 7915 4.1, 5.1): behind it, where the packet leaves.
  if (!own && way.interface < first_nat64) {
    rewriter.decrement_ttl();
  }
}

// As it came, in one piece or in several; or in more, where it is too large for the link.
void Router::Impl::add_out(std::vector<std::uint8_t> ip,
                           const decode::Layer& cause,
                           std::size_t payload_at) {
  auto offsets = cause.reassembled ? shapes.take(cause) : std::vector<std::uint32_t>();
  if (offsets.size() < 2 && !fits(ip.size())) {
    if ((ip[0] >> 4) == 6 || cause.dont_fragment) {
      now->fate = Fate::kTooLarge;
      grown = static_cast<std::int64_t>(ip.size()) -
              static_cast<std::int64_t>(arrival->layer->ip.size());
      keep(std::move(ip));
      return;
    }
    offsets = cuts_for(ip, payload_at);
  }
  if (offsets.size() < 2) {
    now->out.push_back({way.interface, own, std::move(ip)});
    return;
  }
  for (auto& piece : cut(ip, payload_at, offsets, cause.ip_id)) {
    now->out.push_back({way.interface, own, std::move(piece)});
  }
}

void Router::Impl::keep(std::vector<std::uint8_t> bytes) {
  constexpr std::size_t kMostSpare = 64;
  if (spare.size() < kMostSpare) spare.push_back(std::move(bytes));
}

std::vector<std::uint8_t> Router::Impl::buffer() {
  if (spare.empty()) return {};
  std::vector<std::uint8_t> bytes = std::move(spare.back());
  spare.pop_back();
  return bytes;
}

}  // namespace natlens::ruleset
