// ESP security associations whose keys were given, as one tap sees their packets.
//
// A packet names its association by the SPI alone: a NAT may have changed the address that the
// other end of the SPI stands for, and whether the keys fit is told by the authentication. Of
// several associations with an SPI the one with the packet's destination is tried first.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "natlens/decode/keys.h"

#include "crypto.h"
#include "wireguard_sessions.h"

namespace natlens::decode {

class EspAssociations {
 public:
  // Takes those of the ring that it does not have yet.
  void update(const KeyRing& keys);

  struct Opened {
    std::size_t bytes = 0;   // of plain text, with its trailer
    bool authentic = false;  // false: nothing says so, and what is inside must be looked at
  };
  // A whole packet from the SPI on, at least 8 bytes, into `plain`, which has room for it.
  Opening open(ByteView packet, const Address& dst, std::uint8_t* plain, Opened& opened);
  bool knows(std::uint32_t spi) const;

 private:
  struct State {
    EspAssociation given;
    std::optional<crypto::Cipher> cipher;  // made with the first packet
    std::optional<crypto::Hmac> hmac;
    bool made = false;
    bool extended = false;
    bool seen = false;  // a packet was authentic: `high` and `last` are its sequence number
    std::uint32_t high = 0;
    std::uint32_t last = 0;
  };

  static void make(State& state);
  static bool open_as(State& state,
                      ByteView packet,
                      std::optional<std::uint32_t> high,
                      std::uint8_t* plain,
                      Opened& opened);
  static bool try_sequences(State& state, ByteView packet, std::uint8_t* plain, Opened& opened);

  std::vector<State> named_;  // by SPI
  std::vector<State> wild_;   // for any SPI
  std::size_t taken_ = 0;     // of the ring's
};

}  // namespace natlens::decode
