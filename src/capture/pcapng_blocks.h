// The blocks of pcapng that describe: what they say, parsed from one block in memory. `body` is
// a block without its 8 leading and 4 trailing bytes. Short or contradictory bodies give
// nothing or what could be read; never an error.
#pragma once

#include <cstdint>
#include <optional>

#include "format_reader.h"
#include "pcapng_format.h"
#include "pcapng_time.h"

namespace natlens::capture::pcapng {

struct InterfaceBlock {
  InterfaceInfo info;
  TimeUnits time;
};
std::optional<InterfaceBlock> parse_interface(Order order, ByteView body);

struct StatisticsBlock {
  std::uint32_t interface = 0;
  std::uint64_t drops = 0;
  std::uint64_t start = 0;
  bool has_start = false;
  bool has_drops = false;
};
std::optional<StatisticsBlock> parse_statistics(Order order, ByteView body);

struct PacketOptions {
  FrameDirection direction = FrameDirection::kUnknown;
  std::uint64_t drops = 0;
};
// Comments go to `info`, under the number of the frame.
PacketOptions read_packet_options(Order order,
                                  ByteView list,
                                  std::uint32_t frame,
                                  FileInfo& info);

// The options of a section header; the first section says who wrote the file.
void read_section_options(Order order, ByteView list, FileInfo& info);
void read_names(Order order, ByteView body, FileInfo& info);
// Tells in `info` of what kind they are, and adds them to `secrets` within its bounds.
void read_secrets(Order order, ByteView body, FileInfo& info, std::vector<Secrets>& secrets);

}  // namespace natlens::capture::pcapng
