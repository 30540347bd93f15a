// Frames of the captures at a router's interfaces, with the MAC addresses that tell which of
// them entered it.
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <vector>

#include <absl/container/flat_hash_map.h>
#include <absl/container/flat_hash_set.h>

#include "natlens/capture/source.h"
#include "natlens/decode/decoder.h"
#include "natlens/replay/replay.h"

namespace natlens::replay {

using Mac = std::array<std::uint8_t, 6>;

struct AddressHash {
  std::size_t operator()(const Address& address) const { return content_hash(address.bytes()); }
};
using AddressSet = absl::flat_hash_set<Address, AddressHash>;

// What is known of one interface. Without MAC addresses (TUN) the addresses decide.
struct TapView {
  std::optional<Mac> router;
  AddressSet own;     // the router's addresses here
  AddressSet behind;  // ends that are on this side
  // Did this frame come in to the router here?
  bool enters(const decode::DecodedFrame& decoded) const;
};

// Every frame of a capture, decoded; `use` gets (frame, decoded).
template <typename Use>
Result<void> each_decoded(const std::string& path, Use use) {
  auto spec = capture::parse_source(path);
  if (!spec) return spec.error();
  auto source = capture::Source::open(*spec);
  if (!source) return source.error();
  decode::Decoder decoder;
  decode::DecodedFrame decoded;
  for (auto frames = (*source)->next(64); !frames.empty(); frames = (*source)->next(64)) {
    for (const capture::Frame& frame : frames) {
      decoder.decode(frame, decoded);
      use(frame, decoded);
    }
  }
  return {};
}

// Infers both interfaces from the captures (`outside` may be ""), and fills what the setup does
// not say. `rules`: ends that translators of natlens's own have. Memory: one entry per address.
Result<std::array<TapView, 2>> infer_taps(const std::string& inside,
                                          const std::string& outside,
                                          bool infer_prefixes,
                                          const ruleset::Ruleset& rules,
                                          ruleset::RouterSetup& setup);

}  // namespace natlens::replay
