#include "natlens/replay/replay.h"

#include <fmt/format.h>

#include "actual_ports.h"
#include "compare.h"
#include "merged.h"

namespace natlens::replay {
namespace {

// Rules open and close connections; nobody here wants to hear of it.
struct Silent : conntrack::Sink {
  void opened(const conntrack::Opened&) override {}
  void event(const conntrack::Event&) override {}
  void closed(const conntrack::Closed&) override {}
};

class Replay {
 public:
  Replay(const ruleset::Ruleset& rules, const ReplayOptions& options)
      : rules_(rules), options_(options), setup_(options.setup) {}

  Result<void> prepare();
  Result<void> run(const std::function<Result<void>(const Left&)>& on_left);
  ReplayResult result() {
    for (const Comparison& comparison : comparisons_) comparison.finish(result_);
    return std::move(result_);
  }

 private:
  Result<void> enter(const capture::Frame& frame,
                     unsigned side,
                     const std::function<Result<void>(const Left&)>& on_left);
  void forget_where_the_real_one_did(const conntrack::Packet& packet);

  const ruleset::Ruleset& rules_;
  const ReplayOptions& options_;
  ruleset::RouterSetup setup_;
  std::array<TapView, 2> taps_;
  ActualPorts actual_;
  std::array<Comparison, 2> comparisons_{Comparison(0), Comparison(1)};
  Silent sink_;
  std::unique_ptr<ruleset::Router> router_;
  std::array<decode::Decoder, 2> decoders_;
  decode::DecodedFrame decoded_;
  const decode::Layer* current_ = nullptr;
  Timestamp time_;
  ruleset::Passed passed_;
  ReplayResult result_;
};

Result<void> Replay::prepare() {
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
  if (!options_.actual.empty()) {
    if (auto done = actual_.read(options_.actual, taps_[1]); !done) return done;
    if (!options_.outside.empty()) {
      if (auto done = actual_.read(options_.inside, taps_[0]); !done) return done;
    }
    setup_.actual_port = [this](const Tuple& candidate, bool source) {
      const bool icmp =
          candidate.protocol == protocol::kIcmp || candidate.protocol == protocol::kIcmpv6;
      return source && current_ != nullptr
                 ? actual_.take(*current_,
                                {candidate.dst, icmp ? std::uint16_t{0} : candidate.dst_port},
                                time_)
                 : std::nullopt;
    };
  }
  if (!options_.compare.empty()) {
    if (auto done = comparisons_[1].read(options_.compare, taps_[1]); !done) return done;
    if (!options_.outside.empty()) {
      if (auto done = comparisons_[0].read(options_.inside, taps_[0]); !done) return done;
    }
  }
  router_ = std::make_unique<ruleset::Router>(rules_, setup_, options_.tracking, sink_);
  return {};
}

// The real router may have lost an entry by other hands (conntrack -D, a restart): where it
// gave a connection another port in the middle, this one forgets its entry too.
void Replay::forget_where_the_real_one_did(const conntrack::Packet& packet) {
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

Result<void> Replay::enter(const capture::Frame& frame,
                           unsigned side,
                           const std::function<Result<void>(const Left&)>& on_left) {
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
  conntrack::Packet packet;
  packet.layer = &decoded_.layers().front();
  const auto layers = decoded_.layers();
  packet.quoted = layers.size() > 1 && layers[1].quoted ? &layers[1] : nullptr;
  packet.frame = frame.ordinal;
  packet.time = time_ = frame.time;
  current_ = packet.layer;
  if (!options_.actual.empty() && side == 0) forget_where_the_real_one_did(packet);
  router_->pass(packet, side, passed_);
  ++result_.entered;
  ++result_.fates[static_cast<std::size_t>(passed_.fate)];
  result_.inconclusive += passed_.doubt != nullptr || passed_.doubtful ? 1 : 0;
  Left left{frame.time, frame.number, side, &passed_, nullptr};
  if (passed_.out.empty()) return on_left(left);
  for (const ruleset::Emitted& emitted : passed_.out) {
    left.emitted = &emitted;
    ++result_.left;
    if (!options_.compare.empty()) {
      comparisons_[1].left(left);
      if (!options_.outside.empty()) comparisons_[0].left(left);
    }
    if (auto done = on_left(left); !done) return done;
  }
  return {};
}

Result<void> Replay::run(const std::function<Result<void>(const Left&)>& on_left) {
  auto frames = MergedFrames::open(options_.inside, options_.outside);
  if (!frames) return frames.error();
  unsigned side = 0;
  while (const capture::Frame* frame = (*frames)->next(side)) {
    decoders_[side].decode(*frame, decoded_);
    if (decoded_.layers().empty() || decoded_.layers().front().quoted ||
        !taps_[side].enters(decoded_)) {
      continue;
    }
    if (auto done = enter(*frame, side, on_left); !done) return done;
  }
  return {};
}

}  // namespace

Result<std::unique_ptr<MergedFrames>> MergedFrames::open(const std::string& inside,
                                                         const std::string& outside) {
  auto out = std::make_unique<MergedFrames>();
  for (std::size_t i = 0; i < 2; ++i) {
    const std::string& path = i == 0 ? inside : outside;
    if (path.empty()) continue;
    auto spec = capture::parse_source(path);
    if (!spec) return spec.error();
    auto source = capture::Source::open(*spec);
    if (!source) return source.error();
    out->streams_[i].source = std::move(*source);
  }
  return out;
}

const capture::Frame* MergedFrames::next(unsigned& side) {
  const capture::Frame* inner = streams_[0].peek();
  const capture::Frame* outer = streams_[1].peek();
  if (inner == nullptr && outer == nullptr) return nullptr;
  side = inner == nullptr || (outer != nullptr && outer->time < inner->time) ? 1 : 0;
  ++streams_[side].at;
  return side == 0 ? inner : outer;
}

Result<ReplayResult> replay(const ruleset::Ruleset& rules,
                            const ReplayOptions& options,
                            const std::function<Result<void>(const Left&)>& on_left) {
  Replay replay(rules, options);
  if (auto done = replay.prepare(); !done) return done.error();
  if (auto done = replay.run(on_left); !done) return done.error();
  return replay.result();
}

}  // namespace natlens::replay
