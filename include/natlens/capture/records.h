// What capture hands on: frames, and what a file says about itself.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "natlens/net/address.h"
#include "natlens/net/bytes.h"
#include "natlens/net/timestamp.h"

namespace natlens::capture {

// LINKTYPE_ values (www.tcpdump.org/linktypes.html), FCS bits masked off.
using LinkType = std::uint16_t;

// As the capture tells it (SLL/SLL2 packet type, pcapng epb_flags, PKTAP), seen from the
// capturing host. Nothing is inferred here.
enum class FrameDirection : std::uint8_t { kUnknown, kIn, kOut };

// One captured record. `bytes` belong to the source and live until its next call.
struct Frame {
  ByteView bytes;                      // what was captured, never more than wire_bytes
  Timestamp time = Timestamp::none();  // none: simple packet block
  std::uint32_t wire_bytes = 0;        // length on the wire
  std::uint32_t number = 0;            // as Wireshark shows it: 1-based, per file
  std::uint32_t ordinal = 0;           // 1-based over all files of the source, in order
  std::uint16_t file = 0;              // index into the source's files
  std::uint16_t tap = 0;               // index into the source's taps
  LinkType link_type = 0;
  FrameDirection direction = FrameDirection::kUnknown;
  bool cut = false;             // the file ended inside this record
  std::uint32_t interface = 0;  // pcapng: interface index over all sections
};

// From frame `ordinal` on a tap's clock shows `total_ns` more than it did at the beginning.
struct ClockJump {
  std::uint32_t ordinal = 0;
  std::int64_t total_ns = 0;
};

// Secret bytes, wiped when they go.
class SecretBytes {
 public:
  SecretBytes() = default;
  explicit SecretBytes(ByteView bytes) : bytes_(bytes.begin(), bytes.end()) {}
  SecretBytes(const SecretBytes&) = default;
  SecretBytes& operator=(const SecretBytes&) = delete;
  SecretBytes(SecretBytes&&) noexcept = default;
  ~SecretBytes() {
    if (!bytes_.empty()) explicit_bzero(bytes_.data(), bytes_.size());
  }
  std::string_view view() const {
    return {reinterpret_cast<const char*>(bytes_.data()), bytes_.size()};
  }

 private:
  std::vector<std::uint8_t> bytes_;
};

// What a decryption secrets block of a pcapng file holds.
struct Secrets {
  std::uint32_t type = 0;  // as in the file: 0x57474b4c is a WireGuard key log...
  SecretBytes text;
};

// Why reading a file ended before its end, or what in it was odd. Stored in table `file`.
struct FileNote {
  std::uint64_t offset = 0;  // bytes from the start of the (decompressed) file
  std::string text;          // "cut off inside a record: 12 of 60 bytes are there"
  bool fatal = false;        // reading of this file stopped here
};

// An address and a name for it, from a name resolution block.
struct HostName {
  Address address;
  std::string name;
};

struct FileInfo {
  std::string path;
  std::string format;       // "pcap us", "pcap ns", "pcapng", with ", gzip" and the like
  std::uint64_t bytes = 0;  // decompressed bytes read
  std::uint64_t frames = 0;
  std::uint32_t first_ordinal = 0;  // ordinal of frame 1: number = ordinal - first_ordinal + 1
  Timestamp first = Timestamp::none();  // least time stamp
  Timestamp last = Timestamp::none();   // greatest time stamp
  bool complete = true;                 // read to a clean end
  std::vector<FileNote> notes;          // at most 16; further ones are counted in notes_dropped
  std::uint32_t notes_dropped = 0;
  // pcapng section and frame ("frame 12: ...") comments, at most 256 of 1024 bytes.
  std::vector<std::string> comments;
  std::string application;  // that wrote the file, as its first section says
  std::string os;
  std::string hardware;
  std::vector<HostName> names;  // at most 4096
  // Kinds of decryption secrets that are in the file ("TLS key log"), never their contents.
  std::vector<std::string> secrets;
};

// One vantage point. Index order is order of discovery, the same in every run on the same
// files.
struct TapInfo {
  std::string name;  // "lan", "dump/eth1": given by the user or derived, unique in its source
  std::string interface;      // the file's interface name, if it says one
  LinkType link_type = 0;     // of its first frame
  std::uint32_t snaplen = 0;  // 0 = unlimited or unknown
  std::string filter;         // BPF text that the capturing program recorded
  std::string comment;
  std::uint32_t ifindex = 0;  // SLL2, PKTAP
  std::uint64_t frames = 0;
  std::uint64_t dropped = 0;  // by interface statistics blocks or the live interface
  // Live: what the kernel counted, of all taps of the interface.
  std::uint64_t received = 0;
  std::uint64_t dropped_by_kernel = 0;     // the buffer was full
  std::uint64_t dropped_by_interface = 0;  // by card or driver
  // Frames whose time stamp was far from those around them: they came with the time before.
  std::uint64_t odd_times = 0;
  Timestamp first = Timestamp::none();
  Timestamp last = Timestamp::none();
  std::string description;         // if_description
  std::vector<Address> addresses;  // that the file gives for the interface
};

}  // namespace natlens::capture
