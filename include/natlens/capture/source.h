// A source: the files of one command-line argument, read in turn as one stream of frames.
//
//   [NAME=]FILE[,FILE...]     the files of a tap, put in the order of their first frame
//   NAME=FILE%INTERFACE       one interface (name, or index from 0) of a pcapng, or one ifindex
//                             (or, none recorded in SLL2, its number) of an SLL2 capture
//   -                         standard input
//
// A file with several interfaces, an SLL2 file (LINKTYPE 276) or a PKTAP file becomes several
// taps, found as they appear. Their names: NAME, or the first file's name without its endings;
// with
// "/INTERFACE" behind it ("/eth1", "/if3" of an ifindex, "/0" of a nameless interface) if the
// headers of the files show more than one interface, and always for SLL2 and PKTAP, so that a
// name never depends on what comes later. The same interface in several files or sections is
// the same tap.
//
// Reading uses read(2) in large blocks; gzip, zstd and lz4 are recognised by content. Only this
// folder knows libpcap (BPF, live, writing).
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "natlens/capture/records.h"
#include "natlens/net/result.h"

namespace natlens::capture {

struct SourceSpec {
  std::string name;                // "" = derived from the file name
  std::vector<std::string> files;  // at least one; "-" is standard input
  std::string interface;           // after '%'; "" = all
};

// Splits one command-line argument. A path that exists is a path even if it holds '=', ',' or
// '%'. Errors: empty name, empty file, missing file (named).
Result<SourceSpec> parse_source(std::string_view argument);

// The name of the source's tap, or what the names of its taps begin with.
std::string tap_name(const SourceSpec& spec);

class Source {
 public:
  // Opens all files, reads their headers and orders them by their first frame. Errors: no file
  // can be read at all (the message names each and why, with what would be right). A file of
  // several that cannot be read is a fatal note in files(), and the others are read.
  static Result<std::unique_ptr<Source>> open(const SourceSpec& spec);
  virtual ~Source() = default;
  Source(const Source&) = delete;
  Source& operator=(const Source&) = delete;

  // Up to `max` next frames (1 <= max <= 64), at least one, or none at the end. Frames come in
  // file order; time stamps may step back. Never allocates once warm. Frames and their bytes
  // live until the next call, so that a caller can look ahead and prefetch. Damage ends a file
  // (or is skipped where the format allows), with a note; it is never an error here. A time
  // stamp that cannot be (far from the frames before and behind it) becomes the one before;
  // where `max` leaves no room to look at frames behind, it stays.
  virtual std::span<const Frame> next(std::size_t max) = 0;

  // After next() gave nothing: nothing will follow. A live source may only be silent.
  virtual bool ended() const { return true; }
  // Live: nothing earlier than this will follow. none(): only the frames tell.
  virtual Timestamp watermark() const { return Timestamp::none(); }
  // Live: taps() has the kernel's counters as they are now.
  virtual void count() {}
  // Live: what happened to the interface since the last call, for people.
  virtual std::vector<std::string> take_messages() { return {}; }

  // The clock of tap `tap` was set while it captured: frames come with the time that it would
  // show otherwise (the times in files() stay as they are). REQUIRES: before next(); `jumps` by
  // ordinal.
  virtual void set_jumps(std::uint16_t tap, std::vector<ClockJump> jumps) = 0;

  // Grow while reading: an index once given never changes its meaning.
  virtual const std::vector<FileInfo>& files() const = 0;
  virtual const std::vector<TapInfo>& taps() const = 0;
  // Decryption secrets of the files so far, in their order; those that a file holds in front of
  // a frame are there when next() gives it, and no later ones.
  virtual std::span<const Secrets> secrets() const = 0;
  // Bytes of the files as they lie on disk: all together (0 = unknown), and read so far.
  virtual std::uint64_t total_bytes() const = 0;
  virtual std::uint64_t bytes_read() const = 0;

 protected:
  Source() = default;
};

}  // namespace natlens::capture
