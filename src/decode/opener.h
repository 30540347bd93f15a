// What a tap's decoder has to open encrypted tunnels with: keys, the sessions that they opened,
// and room for what comes out.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "natlens/decode/keys.h"
#include "natlens/decode/records.h"

#include "esp_associations.h"
#include "wireguard_sessions.h"

namespace natlens::decode {

class Opener {
 public:
  // A longer packet is not opened: none on a wire is.
  static constexpr std::size_t kMostBytes = 65536;
  // Kept free in front of the plain text, for an IP header.
  static constexpr std::size_t kHeadroom = 64;

  void add(const KeyRing& keys);
  // For the parsers of key files; call update() behind it.
  KeyRing& ring() { return ring_; }
  const KeyRing& ring() const { return ring_; }
  void update() { esp.update(ring_); }

  void begin_frame() { level_ = 0; }
  // Where the next plain text goes, kMostBytes behind kHeadroom. Keeps its place until
  // begin_frame() if keep_room() is called. Null: tunnels are nested too deep. Allocates for a
  // depth that is met for the first time.
  std::uint8_t* room();
  void keep_room() { ++level_; }

  WireguardSessions wireguard;
  EspAssociations esp;

 private:
  KeyRing ring_;
  std::array<std::unique_ptr<std::uint8_t[]>, kMaxLayers> buffers_;
  std::size_t level_ = 0;
};

}  // namespace natlens::decode
