// The tap is tracked again up to the frame asked for.
#include "explain_replay.h"

#include <filesystem>
#include <memory>
#include <unordered_map>
#include <utility>

#include <fmt/format.h>

#include "natlens/capture/source.h"
#include "natlens/report/decode_text.h"

#include "retrack.h"

namespace natlens::report {
namespace {

constexpr std::size_t kFramesAtOnce = 64;

// Remembers which frame opened each live connection.
class Openers final : public conntrack::Sink {
 public:
  void opened(const conntrack::Opened& entry) override {
    frames_[entry.connection] = entry.frame;
  }
  void event(const conntrack::Event&) override {}
  void closed(const conntrack::Closed& entry) override {
    if (keep_ != entry.connection) frames_.erase(entry.connection);
  }
  // An entry that the frame asked for ends is still to be told about.
  void keep(std::uint32_t connection) { keep_ = connection; }
  std::uint32_t frame_of(std::uint32_t connection) const {
    const auto found = frames_.find(connection);
    return found == frames_.end() ? 0 : found->second;
  }

 private:
  std::unordered_map<std::uint32_t, std::uint32_t> frames_;
  std::uint32_t keep_ = 0;
};

class Replay {
 public:
  Replay(const conntrack::Options& options,
         std::shared_ptr<const decode::KeyRing> keys,
         const capture::Source& source)
      : source_(source), tap_(options, std::move(keys), source, openers_) {}

  void feed(const capture::Frame& frame) {
    for (const conntrack::Packet& packet : tap_.decode(frame)) {
      conntrack::Verdict verdict;
      tap_.tracker().track({&packet, 1}, {&verdict, 1});
    }
  }

  ReplayedFrame explain(const capture::Frame& frame) {
    ReplayedFrame out;
    const auto packets = tap_.decode(frame);
    conntrack::Tracker& tracker = tap_.tracker();
    out.time = frame.time;
    append_decode_text(out.decoded, frame, tap_.decoded());
    out.copy = tap_.copy();
    out.waits_for_fragments = tap_.decoded().waits_for_fragments;
    for (const conntrack::Packet& packet : packets) {
      ReplayedPacket told;
      tracker.advance(packet.time);
      told.before = tracker.lookup(packet);
      openers_.keep(told.before.connection);
      tracker.track({&packet, 1}, {&told.verdict, 1});
      told.after = tracker.lookup(packet);
      const std::uint32_t connection =
          told.after.connection != 0 ? told.after.connection : told.before.connection;
      told.opened_by = name_of(openers_.frame_of(connection));
      told.bound_frame = name_of(told.verdict.invalid.bound_frame);
      out.packets.push_back(std::move(told));
    }
    return out;
  }

 private:
  // "lan.pcap:12" of a frame's ordinal; "" of none.
  std::string name_of(std::uint32_t ordinal) const {
    if (ordinal == 0) return "";
    const capture::FileInfo* found = nullptr;
    for (const capture::FileInfo& file : source_.files()) {
      if (file.first_ordinal != 0 && file.first_ordinal <= ordinal) found = &file;
    }
    if (found == nullptr) return "";
    return fmt::format("{}:{}", std::filesystem::path(found->path).filename().string(),
                       ordinal - found->first_ordinal + 1);
  }

  const capture::Source& source_;
  Openers openers_;
  Retracker tap_;
};

Result<std::unique_ptr<capture::Source>> open_files(const ReplayRequest& request) {
  capture::SourceSpec spec;
  spec.files = request.files;
  return capture::Source::open(spec);
}

// Calls `use(frame, is the one meant)` until it returns false.
template <typename Use>
void each_frame(capture::Source& source, const ReplayRequest& request, const Use& use) {
  for (auto frames = source.next(kFramesAtOnce); !frames.empty();
       frames = source.next(kFramesAtOnce)) {
    for (const capture::Frame& frame : frames) {
      const bool meant =
          frame.number == request.number && source.files()[frame.file].path == request.file;
      if (!use(frame, meant)) return;
    }
  }
}

}  // namespace

Result<std::optional<ReplayTap>> tap_of_frame(const ReplayRequest& request) {
  const auto source = open_files(request);
  if (!source) return source.error();
  std::optional<ReplayTap> found;
  each_frame(**source, request, [&](const capture::Frame& frame, bool meant) {
    if (!meant) return true;
    const capture::TapInfo& tap = (*source)->taps()[frame.tap];
    found = ReplayTap{frame.tap, tap.interface, tap.ifindex};
    return false;
  });
  return found;
}

Result<std::optional<ReplayedFrame>> replay_frame(const ReplayRequest& request,
                                                  std::size_t tap,
                                                  const conntrack::Options& options) {
  const auto source = open_files(request);
  if (!source) return source.error();
  Replay replay(options, request.keys, **source);
  std::optional<ReplayedFrame> found;
  each_frame(**source, request, [&](const capture::Frame& frame, bool meant) {
    if (frame.tap != tap) return !meant;
    if (meant) {
      found = replay.explain(frame);
    } else {
      replay.feed(frame);
    }
    return !meant;
  });
  return found;
}

}  // namespace natlens::report
