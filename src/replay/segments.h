// A TCP segment larger than a link takes, as offload shows it to a capture, cut as the link
// gets it.
#pragma once

#include <cstdint>
#include <vector>

#include "natlens/net/bytes.h"

namespace natlens::replay {

// The transport's bytes in an IP packet of TCP: headers and data; false: no whole one.
struct TcpPlace {
  std::size_t ip_header = 0;
  std::size_t data = 0;
};
bool find_tcp(ByteView ip, TcpPlace& place);

// Cuts the data every `most` bytes: numbers and identification go up, FIN and PSH stay with the
// last, checksums are complete. REQUIRES: most > 0.
std::vector<std::vector<std::uint8_t>> segments_of(ByteView ip, std::size_t most);

// Completes a transport checksum that was left to a network card: the field is the pseudo
// header's sum only. Packets of other kinds stay as they are.
void complete_checksum(std::vector<std::uint8_t>& ip);

}  // namespace natlens::replay
