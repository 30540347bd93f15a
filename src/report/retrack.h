// The frames of one tap once more through decoder and tracker, fed as the analysis fed them:
// every IP layer of every frame. So connections have the serials that the database knows.
#pragma once

#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "natlens/capture/source.h"
#include "natlens/conntrack/tracker.h"
#include "natlens/decode/copies.h"
#include "natlens/decode/decoder.h"
#include "natlens/decode/keys.h"
#include "natlens/net/timestamp.h"

namespace natlens::report {

class Retracker {
 public:
  // `source`, whose frames these are, and `sink` outlive it. Without keys what is closed stays
  // closed, as far as the files have none in them.
  Retracker(const conntrack::Options& options,
            std::shared_ptr<const decode::KeyRing> keys,
            const capture::Source& source,
            conntrack::Sink& sink)
      : source_(source), decoder_({.keys = std::move(keys)}), tracker_(options, sink) {}

  // The frame's packets as tracking takes them; none of a copy of an earlier frame. They live
  // until the next call.
  std::span<const conntrack::Packet> decode(const capture::Frame& frame);
  bool copy() const { return copy_; }
  const decode::DecodedFrame& decoded() const { return decoded_; }
  conntrack::Tracker& tracker() { return tracker_; }

 private:
  const capture::Source& source_;
  decode::Decoder decoder_;
  decode::CopyFinder copies_;
  bool copy_ = false;
  decode::DecodedFrame decoded_;
  conntrack::Tracker tracker_;
  std::vector<conntrack::Packet> packets_;
  Timestamp time_ = Timestamp::from_ns(0);  // of the last frame that had one
};

}  // namespace natlens::report
