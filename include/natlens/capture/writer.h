// Writes capture files: classic pcap with nanoseconds, and pcapng with several interfaces. Both
// buffer 256 KiB and never seek, so that "-" (standard output) and pipes work.
//
// Errors name the path and the system's reason ("out.pcap: cannot write: No space left on
// device"). After an error every further call gives the same error again. Call close(): only
// then is it known that all bytes have reached the file. The destructor closes without telling.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "natlens/capture/records.h"
#include "natlens/net/bytes.h"
#include "natlens/net/result.h"
#include "natlens/net/timestamp.h"

namespace natlens::capture {

class FileOutput;

class PcapWriter {
 public:
  // Creates the file or empties it.
  static Result<std::unique_ptr<PcapWriter>> create(const std::string& path,
                                                    LinkType link_type,
                                                    std::uint32_t snaplen = 262144);
  ~PcapWriter();
  PcapWriter(const PcapWriter&) = delete;
  PcapWriter& operator=(const PcapWriter&) = delete;

  // REQUIRES: bytes.size() <= 262144. `wire_bytes` below bytes.size() (0: not known) counts as
  // that. Time: the format holds 1970 to 2106; other times, and none(), are written as the
  // nearest. Never allocates.
  Result<void> write(Timestamp time, ByteView bytes, std::uint32_t wire_bytes = 0);
  Result<void> flush();
  Result<void> close();

 private:
  explicit PcapWriter(std::unique_ptr<FileOutput> out);
  std::unique_ptr<FileOutput> out_;
};

// What a pcapng says of one interface; empty fields are left out.
struct InterfaceDescription {
  LinkType link_type = 1;
  std::uint32_t snaplen = 0;  // 0 = no limit
  std::string name = {};
  std::string description = {};
  std::string filter = {};
  std::string comment = {};
};

// One packet; it belongs to the caller and is read during the call only.
struct PacketToWrite {
  std::uint32_t interface = 0;         // from add_interface()
  Timestamp time = Timestamp::none();  // before 1970 or none(): written as 1970
  ByteView bytes = {};                 // REQUIRES: at most 262144
  std::uint32_t wire_bytes = 0;        // below bytes.size(): counts as that
  FrameDirection direction = FrameDirection::kUnknown;
  std::string_view comment = {};  // "" = none; at most 65535 bytes are kept
};

class PcapngWriter {
 public:
  static Result<std::unique_ptr<PcapngWriter>> create(const std::string& path,
                                                      std::string_view application);
  ~PcapngWriter();
  PcapngWriter(const PcapngWriter&) = delete;
  PcapngWriter& operator=(const PcapngWriter&) = delete;

  // May come at any time before the interface's first packet. Numbers count from 0. Times are
  // written in nanoseconds.
  Result<std::uint32_t> add_interface(const InterfaceDescription& description);
  // REQUIRES: packet.interface was given by add_interface(). Never allocates.
  Result<void> write(const PacketToWrite& packet);
  // An interface statistics block: packets lost by the capture.
  Result<void> write_drops(std::uint32_t interface, Timestamp time, std::uint64_t drops);
  Result<void> flush();
  Result<void> close();

 private:
  explicit PcapngWriter(std::unique_ptr<FileOutput> out);
  std::unique_ptr<FileOutput> out_;
  std::uint32_t interfaces_ = 0;
};

}  // namespace natlens::capture
