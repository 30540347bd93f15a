// One source, one thread: read, decode, track and fingerprint all taps in it.
//
// Frames are taken up to 32 at a time; a run of frames of one tap is decoded, then tracked as
// one span so that the table's look-ups are prefetched, then sighted. What happens goes into
// batches in frame order. Nobody else touches the decoders and trackers while the thread runs.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include <absl/container/flat_hash_map.h>

#include "natlens/capture/source.h"
#include "natlens/conntrack/tracker.h"
#include "natlens/decode/copies.h"
#include "natlens/decode/decoder.h"
#include "natlens/stream/records.h"

#include "channel.h"

namespace natlens::pipeline {

struct TapCounters {
  std::uint64_t ip_packets = 0;
  std::uint64_t copies = 0;
  std::uint64_t connections = 0;
  std::uint64_t invalid_packets = 0;
  std::uint64_t evicted = 0;  // connections, for want of memory
  std::uint64_t statements_left_out = 0;
};

// A batch as it travels: the records, and what the source learned about itself on the way.
struct SourceBatch {
  struct FileStart {
    std::uint16_t file = 0;
    std::uint32_t first_ordinal = 0;
  };
  // Live: what a tap has seen so far.
  struct TapStatus {
    std::uint16_t tap = 0;
    capture::TapInfo info;
    decode::DecoderStats decoder;
    TapCounters counters;
    capture::FileInfo file;  // of its source, if that is one for each
  };
  stream::Batch records;
  std::vector<FileStart> file_starts;      // files begun since the last batch
  std::vector<capture::TapInfo> new_taps;  // taps found since the last batch, in index order
  // Live only.
  bool live = false;  // what follows is no earlier than the watermark, also if nothing follows
  std::vector<TapStatus> status;
  std::vector<std::string> messages;

  void clear() {
    records.clear();
    file_starts.clear();
    new_taps.clear();
    live = false;
    status.clear();
    messages.clear();
  }
};

struct WorkerOptions {
  decode::DecoderOptions decode;
  conntrack::Options conntrack;
  const std::atomic<bool>* stop = nullptr;
  bool live = false;  // timers run by the watermark, and open connections are told of
};

class SourceWorker {
 public:
  SourceWorker(std::uint16_t index,
               std::unique_ptr<capture::Source> source,
               const WorkerOptions& options,
               Channel<SourceBatch>& channel);
  ~SourceWorker();

  // As Source::set_jumps. REQUIRES: before run().
  void set_jumps(std::uint16_t tap, std::vector<capture::ClockJump> jumps) {
    source_->set_jumps(tap, std::move(jumps));
  }
  // A tap tracks at most so many connections at once. REQUIRES: before run().
  void set_most_connections(std::uint32_t most) { options_.conntrack.set_most_entries(most); }
  // The thread's main: reads to the end (or to `stop`), sends batches, closes the channel.
  void run();

  // Bytes read so far; may be asked while run() runs.
  std::uint64_t bytes_read() const { return bytes_read_.load(std::memory_order_relaxed); }
  bool stopped() const { return stopped_; }
  // How many of the source's files, in their order, were read as far as they could be.
  std::size_t files_ended() const { return files_ended_; }

  // After run(): what the source, the decoders and trackers say at the end.
  const capture::Source& source() const { return *source_; }
  SourceBatch::TapStatus status(std::size_t tap) const;
  const TapCounters& counters(std::size_t tap) const;
  std::size_t taps_seen() const { return taps_.size(); }
  // Of secrets that are no keys: where and why, the first only.
  const std::string& wrong_secrets() const { return wrong_secrets_; }

 private:
  struct Tap;
  static constexpr std::size_t kFramesAhead = 32;
  // A packet of the run that is being tracked: which frame slot and layer it came from.
  struct Origin {
    std::uint16_t slot = 0;
    std::uint8_t layer = 0;
    std::int16_t carrier = -1;  // index of the outer layer's packet in this run
  };

  void process(std::span<const capture::Frame> frames);
  std::size_t decode_run(std::span<const capture::Frame> frames, std::size_t begin, Tap& tap);
  void add_packets(std::uint16_t slot, const capture::Frame& frame, Tap& tap);
  void track_run(Tap& tap, std::span<const capture::Frame> frames, std::size_t begin);
  void record_opened(Tap& tap,
                     std::size_t packet,
                     const capture::Frame& frame,
                     std::uint32_t position);
  bool claim_stray(Tap& tap, std::size_t packet);
  void record_handshake(Tap& tap, std::size_t packet);
  void record_carrier(Tap& tap, std::size_t packet);
  void record_invalid(Tap& tap, std::size_t packet);
  void record_statements(Tap& tap, std::size_t packet);
  void record_tunnel(Tap& tap, std::size_t packet);
  void record_notes(Tap& tap, std::size_t packet, std::size_t first_sighting);
  Tap& tap_of(const capture::Frame& frame);
  void note_files(const capture::Frame& frame);
  void add_taps(std::size_t count);
  void settle_closed(Tap& tap, std::size_t first);
  // source_live.cc
  bool tick();  // false: the receiver has gone
  void run_timers(Timestamp now);
  void renew_bounds(Timestamp now);
  void tell_alive();
  void tell_status();
  bool send(bool last);  // false: the receiver has gone
  bool take_batch();
  void finish_taps();

  const std::uint16_t index_;
  std::unique_ptr<capture::Source> source_;
  WorkerOptions options_;
  Channel<SourceBatch>& channel_;
  std::unique_ptr<SourceBatch> batch_;
  stream::Batch untold_;
  std::vector<std::unique_ptr<Tap>> taps_;
  std::unique_ptr<std::array<decode::DecodedFrame, kFramesAhead>> slots_;
  std::vector<conntrack::Packet> packets_;
  std::vector<conntrack::Verdict> verdicts_;
  std::vector<Origin> origins_;
  std::size_t files_noted_ = 0;
  std::size_t files_ended_ = 0;
  std::atomic<std::uint64_t> bytes_read_{0};
  bool stopped_ = false;
  std::string wrong_secrets_;
  // Live: up to when timers ran. Rounds of telling of open connections: packets from when on
  // count, when the last round began, whether it goes on.
  Timestamp ticked_ = Timestamp::from_ns(0);
  Timestamp told_ = Timestamp::from_ns(0);
  Timestamp began_ = Timestamp::from_ns(0);
  bool telling_ = false;
  Timestamp renewed_ = Timestamp::from_ns(0);
};

}  // namespace natlens::pipeline
