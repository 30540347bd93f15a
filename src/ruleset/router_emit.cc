// What leaves the router: the packet, rewritten, or an answer of its own.
#include "local_answer.h"
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
  Emitted out;
  out.interface = way.interface;
  out.ip.assign(layer.ip.begin(), layer.ip.end());
  Rewriter rewriter(out.ip, transport_at(layer), layer.protocol);
  now->after = now->before;
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
      now->after.src = (bits & bit) != 0 ? target.src : now->before.src;
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
  out.own = own;
  if (!own) {
    rewriter.decrement_ttl();
  }
  const auto offsets = layer.reassembled ? shapes.take(layer) : std::vector<std::uint32_t>();
  if (offsets.size() < 2) {
    now->out.push_back(std::move(out));
    return;
  }
  for (auto& piece : cut(out.ip, transport_at(layer), offsets, layer.ip_id)) {
    now->out.push_back({out.interface, out.own, std::move(piece)});
  }
}

// The router's own answer goes through tracking and NAT as any packet does.
void Router::Impl::answer(const conntrack::Packet& packet) {
  const decode::Layer& layer = *packet.layer;
  std::vector<std::uint8_t> seen(layer.ip.begin(), layer.ip.end());
  Rewriter(seen, transport_at(layer), layer.protocol)
      .translate(direction == 0 ? original : reply, translated(original, reply, direction));
  auto ip = local_answer(seen, transport_at(layer), layer.protocol);
  if (!ip.empty()) {
    send_own(std::move(ip), packet);
  }
}

void Router::Impl::send_own(std::vector<std::uint8_t> ip, const conntrack::Packet& cause) {
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
  now->fate = Fate::kLocal;
  for (Emitted& out : mine.out) {
    now->out.push_back(std::move(out));
  }
}

}  // namespace natlens::ruleset
