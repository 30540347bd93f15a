#include "compare.h"

#include <algorithm>

#include "content.h"
#include "segments.h"

namespace natlens::replay {
namespace {

constexpr std::size_t kMostTold = 100'000;

// The IP packet without what the link may have padded it with.
ByteView packet_of(const decode::Layer& layer) {
  return layer.ip.first(std::min<std::size_t>(layer.ip.size(), layer.total_bytes));
}

// A hash of a packet as the wire gets it: what was left to a network card on one side may be
// filled in on the other.
std::uint64_t wire_hash(ByteView ip) {
  std::vector<std::uint8_t> bytes(ip.begin(), ip.end());
  complete_checksum(bytes);
  return content_hash(bytes);
}

// By what a segment of a stream is found again where it was cut otherwise.
std::uint64_t stream_place(ByteView ip, const TcpPlace& place) {
  const bool v6 = (ip[0] >> 4) == 6;
  const ByteView ends = v6 ? ip.subspan(8, 32) : ip.subspan(12, 8);
  return mix(content_hash(ends), content_hash(ip.subspan(place.ip_header, 8)));
}

}  // namespace

Result<void> Comparison::read(const std::string& path, const TapView& tap) {
  auto spec = capture::parse_source(path);
  if (!spec) return spec.error();
  auto source = capture::Source::open(*spec);
  if (!source) return source.error();
  decode::DecoderOptions as_sent;
  as_sent.reassemble = false;
  decode::Decoder decoder(as_sent);
  decode::DecodedFrame decoded;
  for (auto frames = (*source)->next(64); !frames.empty(); frames = (*source)->next(64)) {
    for (const capture::Frame& frame : frames) {
      decoder.decode(frame, decoded);
      if (decoded.layers().empty() || tap.enters(decoded)) continue;
      const decode::Layer& layer = decoded.layers().front();
      if (layer.dst.is_multicast()) continue;
      const ByteView ip = packet_of(layer);
      by_bytes_[wire_hash(ip)].push_back(real_.size());
      if (TcpPlace place; find_tcp(ip, place) && ip.size() > place.data) {
        data_bytes_[stream_place(ip, place)] =
            static_cast<std::uint32_t>(ip.size() - place.data);
      }
      real_.push_back({frame.number, loose_key(layer), false, decode::tuple_of(layer)});
    }
  }
  for (auto& [bytes, places] : by_bytes_) std::reverse(places.begin(), places.end());
  return {};
}

void Comparison::entered(const decode::Layer& layer) {
  entered_.insert(loose_key(layer));
}

bool Comparison::meet(ByteView ip) {
  const auto found = by_bytes_.find(wire_hash(ip));
  if (found == by_bytes_.end() || found->second.empty()) {
    return false;
  }
  real_[found->second.back()].met = true;
  found->second.pop_back();
  return true;
}

// A segment larger than the link takes may have been cut behind the capture: all its pieces
// have to be there.
bool Comparison::meet_in_pieces(ByteView ip) {
  TcpPlace place;
  if (!find_tcp(ip, place)) {
    return false;
  }
  const auto first = data_bytes_.find(stream_place(ip, place));
  if (first == data_bytes_.end() || first->second >= ip.size() - place.data) {
    return false;
  }
  const auto pieces = segments_of(ip, first->second);
  return std::all_of(pieces.begin(), pieces.end(),
                     [&](const auto& piece) { return meet(piece); });
}

void Comparison::left(const Left& left) {
  if (left.emitted == nullptr || left.emitted->interface != interface_ || left.emitted->own) {
    return;
  }
  if (meet(left.emitted->ip) || meet_in_pieces(left.emitted->ip)) {
    ++equal_;
    return;
  }
  ++extra_count_;
  if (extra_.size() < kMostTold) {
    extra_.push_back({left.cause, left.entered, left.passed->before, left.passed->after});
  }
}

void Comparison::finish(const ReplayOptions& options, ReplayResult& result) const {
  (interface_ == 1 ? result.equal : result.equal_inside) += equal_;
  result.difference_count += extra_count_;
  for (const Extra& extra : extra_) {
    result.differences.push_back({extra.entered == 0 ? options.inside : options.outside,
                                  extra.frame, false, extra.after, extra.before});
  }
  std::size_t told = 0;
  for (const Real& real : real_) {
    if (real.met) continue;
    if (!entered_.contains(real.loose)) {
      ++result.not_ours;
      continue;
    }
    ++result.difference_count;
    if (++told <= kMostTold) {
      result.differences.push_back({interface_ == 1 ? options.compare : options.inside,
                                    real.frame,
                                    true,
                                    real.tuple,
                                    {}});
    }
  }
}

}  // namespace natlens::replay
