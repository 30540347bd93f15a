// The tap's decoder and tracker are fed as the analysis fed them: every IP layer of every frame
// of the tap, up to the one asked for. So connections have the serials that the database knows.
#include "explain_replay.h"

#include <algorithm>
#include <filesystem>
#include <memory>
#include <unordered_map>
#include <utility>

#include <fmt/format.h>

#include "natlens/capture/source.h"
#include "natlens/decode/copies.h"
#include "natlens/decode/decoder.h"
#include "natlens/report/decode_text.h"

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
      : source_(source), decoder_({.keys = std::move(keys)}), tracker_(options, openers_) {}

  void feed(const capture::Frame& frame) {
    decode(frame);
    for (std::size_t i = 0; i < packets_.size(); ++i) {
      conntrack::Verdict verdict;
      tracker_.track({&packets_[i], 1}, {&verdict, 1});
    }
  }

  ReplayedFrame explain(const capture::Frame& frame) {
    ReplayedFrame out;
    decode(frame);
    out.time = frame.time;
    append_decode_text(out.decoded, frame, decoded_);
    out.copy = copy_;
    out.waits_for_fragments = decoded_.waits_for_fragments;
    for (const conntrack::Packet& packet : packets_) {
      ReplayedPacket told;
      tracker_.advance(packet.time);
      told.before = tracker_.lookup(packet);
      openers_.keep(told.before.connection);
      tracker_.track({&packet, 1}, {&told.verdict, 1});
      told.after = tracker_.lookup(packet);
      const std::uint32_t connection =
          told.after.connection != 0 ? told.after.connection : told.before.connection;
      told.opened_by = name_of(openers_.frame_of(connection));
      told.bound_frame = name_of(told.verdict.invalid.bound_frame);
      out.packets.push_back(std::move(told));
    }
    return out;
  }

 private:
  void decode(const capture::Frame& frame) {
    // What is no key was told when the capture was analysed.
    (void)decoder_.learn(source_.secrets(), "");
    decoder_.decode(frame, decoded_);
    if (frame.time.has_value()) time_ = std::max(time_, frame.time);
    packets_.clear();
    copy_ = copies_.is_copy(decoded_, frame, frame.time.has_value() ? frame.time : time_);
    if (copy_) return;
    const auto layers = decoded_.layers();
    for (std::size_t i = 0; i < layers.size(); ++i) {
      // A fragment that waits for the others has no connection yet.
      if (layers[i].quoted || layers[i].fragment) break;
      conntrack::Packet packet;
      packet.layer = &layers[i];
      if (i + 1 < layers.size() && layers[i + 1].quoted) packet.quoted = &layers[i + 1];
      packet.zone = layers[i].zone;
      packet.frame = frame.ordinal;
      packet.time = frame.time.has_value() ? frame.time : time_;
      packets_.push_back(packet);
    }
  }

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
  decode::Decoder decoder_;
  decode::CopyFinder copies_;
  bool copy_ = false;  // the frame is a copy of an earlier one
  decode::DecodedFrame decoded_;
  conntrack::Tracker tracker_;
  std::vector<conntrack::Packet> packets_;
  Timestamp time_ = Timestamp::from_ns(0);  // of the last frame that had one
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
