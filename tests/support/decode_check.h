// Decodes one frame, and puts what came out into words.
#pragma once

#include <span>
#include <string>

#include "natlens/decode/decoder.h"

#include "support/packet.h"

namespace natlens::test {

inline std::string names(std::span<const decode::Via> list) {
  std::string text;
  for (const decode::Via& via : list) {
    if (!text.empty()) text += ' ';
    text += decode::to_string(via.kind);
  }
  return text;
}

// A frame and its layers. Views in `out` point into `bytes`, so this cannot be copied.
struct Decoded {
  explicit Decoded(Bytes frame,
                   capture::LinkType link_type = 1,
                   std::size_t captured = SIZE_MAX)
      : bytes(std::move(frame)) {
    decoder.decode(frame_of(bytes, link_type, captured), out);
  }
  Decoded(const Decoded&) = delete;
  Decoded& operator=(const Decoded&) = delete;

  const decode::Layer& layer(std::size_t i) const { return out.layer_storage.at(i); }
  const decode::Layer& last() const { return layer(out.layer_count - 1U); }

  Bytes bytes;
  decode::Decoder decoder;
  decode::DecodedFrame out;
};

}  // namespace natlens::test
