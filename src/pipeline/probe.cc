#include "probe.h"

#include <algorithm>
#include <limits>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>

#include "natlens/correlate/clock_probe.h"
#include "natlens/decode/copies.h"
#include "natlens/decode/decoder.h"
#include "natlens/stream/fingerprint.h"

#include "tap_names.h"

namespace natlens::pipeline {
namespace {

constexpr std::uint64_t kFirstBytes = std::uint64_t{64} << 20;

// Collects the packets of one source. Taps are numbered per source until all are known, so what
// a thread learns goes into a probe under (source, local) numbers spaced apart by
// kTapsPerSource.
constexpr std::uint16_t kTapsPerSource = 256;

struct ProbeTap {
  std::string name;
  Timestamp first = Timestamp::none();
  std::unique_ptr<decode::Decoder> decoder;
  decode::CopyFinder copies;  // a packet that is there twice would be no unique one
  correlate::ClockTrail trail;
};

class SourceProbe {
 public:
  // `content`: what a proxy leaves alone counts too.
  SourceProbe(std::uint16_t source,
              bool content,
              correlate::ClockProbe& shared,
              std::mutex& mutex)
      : source_(source), content_(content), shared_(shared), mutex_(mutex) {}

  Result<void> run(const capture::SourceSpec& spec,
                   const decode::DecoderOptions& options,
                   std::uint64_t most_bytes,
                   const std::atomic<bool>* stop) {
    auto source = capture::Source::open(spec);
    if (!source) return source.error();
    auto decoded = std::make_unique<decode::DecodedFrame>();
    while ((*source)->bytes_read() < most_bytes && !(stop != nullptr && stop->load())) {
      const auto frames = (*source)->next(32);
      if (frames.empty()) break;
      for (const auto& frame : frames) {
        ProbeTap* tap = tap_of(**source, frame, options);
        // What is no key is told when the frames are read for good.
        if (tap != nullptr) (void)tap->decoder->learn((*source)->secrets(), "");
        if (tap != nullptr && frame.time.has_value()) use(frame, *tap, *decoded);
      }
    }
    stopped_short_ = (*source)->bytes_read() >= most_bytes;
    hand_over();
    const std::lock_guard lock(mutex_);
    for (std::size_t t = 0; t < taps_.size(); ++t) {
      shared_.set_trail(number_of(t), taps_[t].trail);
    }
    return {};
  }

  std::vector<ProbeTap>& taps() { return taps_; }
  bool stopped_short() const { return stopped_short_; }

 private:
  struct Entry {
    std::uint16_t tap;
    std::uint32_t frame;
    std::uint64_t fingerprint;
    Timestamp time;
  };

  ProbeTap* tap_of(const capture::Source& source,
                   const capture::Frame& frame,
                   const decode::DecoderOptions& options) {
    while (taps_.size() <= frame.tap && taps_.size() < kTapsPerSource) {
      const auto& info = source.taps()[taps_.size()];
      taps_.push_back(
          {info.name, Timestamp::none(), std::make_unique<decode::Decoder>(options), {}, {}});
    }
    return frame.tap < taps_.size() ? &taps_[frame.tap] : nullptr;
  }

  void use(const capture::Frame& frame, ProbeTap& tap, decode::DecodedFrame& decoded) {
    const std::uint16_t number = number_of(frame.tap);
    if (!tap.first.has_value()) {
      tap.first = frame.time;
      entries_.push_back({number, frame.ordinal, 0, frame.time});
    }
    tap.trail.frame(frame.ordinal, frame.time);
    tap.decoder->decode(frame, decoded);
    if (tap.copies.is_copy(decoded, frame, frame.time)) return;
    for (const auto& layer : decoded.layers()) {
      if (layer.quoted || layer.fragment) break;
      const std::uint64_t fingerprint = stream::probe_fingerprint(layer);
      if (fingerprint != 0) {
        entries_.push_back({number, frame.ordinal, fingerprint, frame.time});
      }
      if (!content_) continue;
      const std::uint64_t content = stream::probe_content_fingerprint(layer);
      if (content != 0) {
        entries_.push_back({number, frame.ordinal, content, frame.time});
      }
    }
    if (entries_.size() >= 4096) hand_over();
  }

  std::uint16_t number_of(std::size_t tap) const {
    return static_cast<std::uint16_t>(source_ * kTapsPerSource + tap);
  }

  void hand_over() {
    const std::lock_guard lock(mutex_);
    for (const auto& e : entries_) {
      shared_.add(e.tap, e.frame, e.fingerprint, e.time);
    }
    entries_.clear();
  }

  const std::uint16_t source_;
  const bool content_;
  correlate::ClockProbe& shared_;
  std::mutex& mutex_;
  std::vector<ProbeTap> taps_;
  std::vector<Entry> entries_;
  bool stopped_short_ = false;
};

// Reads up to `most_bytes` of every source that can be read twice, all at once.
Result<void> read_all(const AnalysisOptions& options,
                      std::uint64_t most_bytes,
                      std::vector<std::unique_ptr<SourceProbe>>& probes) {
  std::vector<Result<void>> outcomes(probes.size());
  std::vector<std::thread> threads;
  for (std::size_t s = 0; s < probes.size(); ++s) {
    if (reads_standard_input(options.sources[s])) continue;
    threads.emplace_back([&, s] {
      outcomes[s] =
          probes[s]->run(options.sources[s], options.decode, most_bytes, options.stop);
    });
  }
  for (auto& thread : threads) thread.join();
  for (auto& outcome : outcomes) {
    if (!outcome) return outcome.error();
  }
  return {};
}

// The taps' estimates in the order of the result, with what --clock says on top.
void fill(const AnalysisOptions& options,
          const correlate::ClockProbe& shared,
          std::vector<std::unique_ptr<SourceProbe>>& probes,
          ProbeResult& result) {
  const auto all = shared.estimate(static_cast<std::uint16_t>(probes.size() * kTapsPerSource));
  result.taps.assign(probes.size(), {});
  result.clocks.clear();
  std::vector<std::uint16_t> dense(all.size(), 0);  // probe number -> global tap
  for (std::size_t s = 0; s < probes.size(); ++s) {
    for (std::size_t t = 0; t < probes[s]->taps().size(); ++t) {
      const ProbeTap& found = probes[s]->taps()[t];
      const std::size_t number = s * kTapsPerSource + t;
      dense[number] = static_cast<std::uint16_t>(result.clocks.size());
      result.taps[s].push_back(found.name);
      result.clocks.push_back(all[number]);
      result.clocks.back().anchor = found.first;
      apply_given(options, found.name, result.clocks.back());
    }
  }
  for (std::size_t i = 0; i < result.clocks.size(); ++i) {
    result.clocks[i].tap = static_cast<std::uint16_t>(i);
    result.clocks[i].group = dense[result.clocks[i].group];
  }
}

}  // namespace

void apply_given(const AnalysisOptions& options,
                 const std::string& tap,
                 correlate::ClockEstimate& clock) {
  const auto given = options.clock_offsets_ns.find(tap);
  if (given == options.clock_offsets_ns.end()) return;
  clock.offset_ns = given->second;
  clock.drift_ppm = 0;
  clock.error_ns = 0;
  clock.steps.clear();
  clock.group = 0;
  clock.given = true;
}

bool reads_standard_input(const capture::SourceSpec& spec) {
  return std::find(spec.files.begin(), spec.files.end(), "-") != spec.files.end();
}

// Taps that no packet reaches as it was may still have a proxy between them: so the last round
// is for those that have no link yet.
Result<ProbeResult> probe(const AnalysisOptions& options, bool whole) {
  struct Round {
    std::uint64_t most;
    bool content;
  };
  constexpr std::uint64_t kAll = std::numeric_limits<std::uint64_t>::max();
  const std::uint64_t first = whole ? kAll : kFirstBytes;
  ProbeResult result;
  bool linked = false;
  for (const auto& [most, content] :
       {Round{first, false}, Round{kAll, false}, Round{first, true}}) {
    if (linked && (result.whole || clocks_are_of_taps(options, result))) break;
    if (!content && result.whole) continue;
    if (content && result.clocks.size() < 2) break;
    correlate::ClockProbe shared;
    std::mutex mutex;
    std::vector<std::unique_ptr<SourceProbe>> probes;
    for (std::uint16_t s = 0; s < options.sources.size(); ++s) {
      probes.push_back(std::make_unique<SourceProbe>(s, content, shared, mutex));
    }
    if (auto read = read_all(options, most, probes); !read) return read.error();
    fill(options, shared, probes, result);
    linked = std::all_of(result.clocks.begin(), result.clocks.end(),
                         [](const auto& c) { return c.matches > 0 || c.given; });
    result.whole = std::none_of(probes.begin(), probes.end(),
                                [](const auto& p) { return p->stopped_short(); });
  }
  return result;
}

}  // namespace natlens::pipeline
