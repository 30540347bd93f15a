// Packets that diagnosis may want to see again: resets, ICMP errors, repeats, packets behind a
// long silence. Few of all packets, told of while their bytes are there.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "natlens/decode/records.h"
#include "natlens/stream/records.h"

namespace natlens::stream {

class NoteTaker {
 public:
  NoteTaker();
  ~NoteTaker();

  // One packet with its verdict and its sightings (the first of which stands for it). Notes get
  // neither tap nor position. O(1), allocates for packets that are noted only.
  void read(const decode::Layer& layer,
            const decode::Layer* quoted,
            const conntrack::Verdict& verdict,
            std::span<const Sighting> sightings,
            Timestamp time,
            std::uint32_t frame,
            std::vector<PacketNote>& out);
  // A packet of an encrypted tunnel that carries no traffic, by the header behind its layer.
  void handshake(const decode::Layer& layer,
                 const conntrack::Verdict& verdict,
                 const decode::Via& via,
                 Timestamp time,
                 std::uint32_t frame,
                 std::vector<PacketNote>& out);
  // A fragment that waits for the others of its datagram.
  void fragment(const decode::Layer& layer,
                Timestamp time,
                std::uint32_t frame,
                std::vector<PacketNote>& out);
  void forget(std::uint32_t connection);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace natlens::stream
