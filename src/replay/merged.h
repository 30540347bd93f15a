// The frames of one or two captures in order of time.
#pragma once

#include "tap_frames.h"

namespace natlens::replay {

class MergedFrames {
 public:
  // `outside` may be "".
  static Result<std::unique_ptr<MergedFrames>> open(const std::string& inside,
                                                    const std::string& outside);
  // The next frame and its side; nullptr at the end. Lives until the next call.
  const capture::Frame* next(unsigned& side);

 private:
  struct Stream {
    std::unique_ptr<capture::Source> source;
    std::span<const capture::Frame> frames;
    std::size_t at = 0;
    const capture::Frame* peek() {
      if (source && at == frames.size()) {
        frames = source->next(64);
        at = 0;
      }
      return at < frames.size() ? &frames[at] : nullptr;
    }
  };
  std::array<Stream, 2> streams_;
};

// Each frame of both, decoded, until one cannot be used: use(frame, decoded, side).
template <typename Use>
Result<void> each_merged(const ReplayOptions& options, Use use) {
  auto frames = MergedFrames::open(options.inside, options.outside);
  if (!frames) return frames.error();
  std::array<decode::Decoder, 2> decoders;
  decode::DecodedFrame decoded;
  unsigned side = 0;
  while (const capture::Frame* frame = (*frames)->next(side)) {
    decoders[side].decode(*frame, decoded);
    if (auto done = use(*frame, decoded, side); !done) return done;
  }
  return {};
}

}  // namespace natlens::replay
