#include "run.h"

namespace natlens::replay {

ReplayResult Run::result() {
  for (const Comparison& comparison : comparisons_) comparison.finish(options_, result_);
  return std::move(result_);
}

conntrack::EntryView Run::entry() const {
  return router_->tracker().lookup(packet_);
}

Result<void> Run::prepare() {
  // Any capture of the outer side tells what is there.
  const std::string& outer = !options_.outside.empty()  ? options_.outside
                             : !options_.actual.empty() ? options_.actual
                                                        : options_.compare;
  auto taps = infer_taps(options_.inside, outer, options_.infer, rules_, setup_);
  if (!taps) return taps.error();
  taps_ = std::move(*taps);
  for (const ruleset::Interface& interface : setup_.interfaces) {
    result_.topology.own.insert(result_.topology.own.end(), interface.addresses.begin(),
                                interface.addresses.end());
  }
  result_.topology.inside_hosts = taps_[0].behind.size();
  if (auto done = prepare_ports(); !done) return done;
  if (!options_.compare.empty()) {
    if (auto done = comparisons_[1].read(options_.compare, taps_[1]); !done) return done;
    if (!options_.outside.empty()) {
      if (auto done = comparisons_[0].read(options_.inside, taps_[0]); !done) return done;
    }
  }
  router_ = std::make_unique<ruleset::Router>(rules_, setup_, options_.tracking, sink_);
  return {};
}

Result<void> Run::prepare_ports() {
  if (options_.actual.empty()) return {};
  if (auto done = actual_.read(options_.actual, taps_[1]); !done) return done;
  if (!options_.outside.empty()) {
    if (auto done = actual_.read(options_.inside, taps_[0]); !done) return done;
  }
  setup_.actual_port = [this](const Tuple& candidate, bool source) {
    const bool icmp =
        candidate.protocol == protocol::kIcmp || candidate.protocol == protocol::kIcmpv6;
    return source && packet_.layer != nullptr
               ? actual_.take(*packet_.layer,
                              {candidate.dst, icmp ? std::uint16_t{0} : candidate.dst_port},
                              packet_.time)
               : std::nullopt;
  };
  return {};
}

// The real router may have lost an entry by other hands (conntrack -D, a restart): where it
// gave a connection another port in the middle, this one forgets its entry too.
void Run::forget_where_the_real_one_did(const conntrack::Packet& packet) {
  const conntrack::EntryView entry = router_->tracker().lookup(packet);
  if (entry.connection == 0 || entry.original.src != packet.layer->src ||
      (entry.status & conntrack::status::kSrcNat) == 0 || packet.layer->icmp.error) {
    return;
  }
  const auto port = actual_.look(*packet.layer, packet.time);
  const std::uint16_t mapped =
      entry.protocol == protocol::kIcmp || entry.protocol == protocol::kIcmpv6
          ? entry.reply.src_port
          : entry.reply.dst_port;
  if (port && *port != mapped) {
    router_->tracker().forget(entry.original, packet.zone);
  }
}

Result<void> Run::frame(const capture::Frame& frame,
                        const decode::DecodedFrame& decoded,
                        unsigned side,
                        const OnLeft& on_left) {
  const auto layers = decoded.layers();
  if (layers.empty() || layers.front().quoted || !taps_[side].enters(decoded)) return {};
  if (!options_.compare.empty()) {
    decode::DecoderOptions as_sent;
    as_sent.reassemble = false;
    decode::Decoder decoder(as_sent);
    decode::DecodedFrame raw;
    decoder.decode(frame, raw);
    if (!raw.layers().empty()) {
      for (Comparison& comparison : comparisons_) comparison.entered(raw.layers().front());
    }
  }
  packet_ = {};
  packet_.layer = &layers.front();
  packet_.quoted = layers.size() > 1 && layers[1].quoted ? &layers[1] : nullptr;
  packet_.frame = frame.ordinal;
  packet_.time = frame.time;
  if (!options_.actual.empty() && side == 0) forget_where_the_real_one_did(packet_);
  router_->pass(packet_, side, passed_);
  ++result_.entered;
  ++result_.fates[static_cast<std::size_t>(passed_.fate)];
  result_.inconclusive += passed_.doubt != nullptr || passed_.doubtful ? 1 : 0;
  return hand_on({frame.time, frame.number, side, &passed_, nullptr}, on_left);
}

Result<void> Run::hand_on(const Left& left, const OnLeft& on_left) {
  if (passed_.out.empty()) return on_left(left);
  Left each = left;
  for (const ruleset::Emitted& emitted : passed_.out) {
    each.emitted = &emitted;
    ++result_.left;
    if (!options_.compare.empty()) {
      comparisons_[1].left(each);
      if (!options_.outside.empty()) comparisons_[0].left(each);
    }
    if (auto done = on_left(each); !done) return done;
  }
  return {};
}

}  // namespace natlens::replay
