#include "annotate_source.h"

#include <algorithm>
#include <filesystem>
#include <utility>

#include <fmt/format.h>

namespace natlens::report {
namespace {

constexpr std::size_t kFramesAtOnce = 64;

std::vector<capture::ClockJump> jumps_of(Loader& loader, std::int64_t tap) {
  const store::Table rows = loader.query(
      "SELECT f.first_ordinal + s.frame - 1 AS ordinal, s.step_ns FROM clock_step s JOIN file "
      "f "
      "ON f.id = s.file_id WHERE s.tap_id = ?1 ORDER BY 1",
      {tap});
  std::vector<capture::ClockJump> jumps;
  std::int64_t total = 0;
  for (std::size_t i = 0; i < rows.rows.size(); ++i) {
    total += rows.integer(i, "step_ns");
    jumps.push_back({static_cast<std::uint32_t>(rows.integer(i, "ordinal")), total});
  }
  return jumps;
}

std::vector<StoredTap> stored_taps(Loader& loader, std::int64_t source) {
  const store::Table rows =
      loader.query("SELECT * FROM tap WHERE source = ?1 ORDER BY id", {source});
  std::vector<StoredTap> taps;
  for (std::size_t i = 0; i < rows.rows.size(); ++i) {
    StoredTap tap;
    tap.id = rows.integer(i, "id");
    tap.name = rows.text(i, "name");
    tap.interface = rows.text(i, "interface");
    tap.ifindex = static_cast<std::uint32_t>(rows.integer(i, "ifindex"));
    tap.offset_ns = rows.integer(i, "offset_ns");
    tap.drift_ppm = real_at(rows, i, "drift_ppm");
    tap.anchor = time_at(rows, i, "clock_anchor_ns");
    tap.jumps = jumps_of(loader, tap.id);
    taps.push_back(std::move(tap));
  }
  return taps;
}

std::vector<StoredFile> stored_files(Loader& loader,
                                     std::int64_t source,
                                     const std::string& captures) {
  const store::Table rows =
      loader.query("SELECT * FROM file WHERE source = ?1 ORDER BY first_ordinal, id", {source});
  std::vector<StoredFile> files;
  for (std::size_t i = 0; i < rows.rows.size(); ++i) {
    const std::filesystem::path path = rows.text(i, "path");
    const auto now =
        captures.empty() ? path : std::filesystem::path(captures) / path.filename();
    files.push_back({rows.integer(i, "id"), now.string(), count_at(rows, i, "bytes"),
                     count_at(rows, i, "frames")});
  }
  return files;
}

Result<void> all_there(const std::vector<StoredFile>& files) {
  for (const StoredFile& file : files) {
    if (file.path == "-" || std::filesystem::path(file.path).filename() == "-") {
      return Error{"a capture came by standard input and cannot be read again"};
    }
    std::error_code error;
    if (!std::filesystem::exists(file.path, error)) {
      return Error{fmt::format("{} is not there; --captures DIR says where the captures are",
                               file.path)};
    }
  }
  return {};
}

}  // namespace

Timestamp StoredTap::to_reference(Timestamp time) const {
  const double since = anchor.has_value() ? static_cast<double>((time - anchor).count()) : 0.0;
  // What a hostile file makes of a drift is cut off.
  const double drifted = std::clamp(since * drift_ppm * 1e-6, -3e18, 3e18);
  return time - Nanoseconds(offset_ns) - Nanoseconds(static_cast<std::int64_t>(drifted));
}

AnnotateSource::AnnotateSource(std::vector<StoredTap> taps,
                               std::vector<StoredFile> files,
                               const Rereading& how)
    : taps_(std::move(taps)), files_(std::move(files)), how_(how) {}

Result<std::unique_ptr<AnnotateSource>> AnnotateSource::open(Loader& loader,
                                                             std::int64_t source,
                                                             const std::string& captures,
                                                             const Rereading& how) {
  std::unique_ptr<AnnotateSource> out(new AnnotateSource(
      stored_taps(loader, source), stored_files(loader, source, captures), how));
  if (loader.failed()) return loader.error();
  if (auto there = all_there(out->files_); !there) return there.error();
  capture::SourceSpec spec;
  for (const StoredFile& file : out->files_) spec.files.push_back(file.path);
  // One interface of a file may have been analysed alone (NAME=FILE%INTERFACE).
  if (out->taps_.size() == 1) spec.interface = out->taps_.front().interface;
  auto opened = capture::Source::open(spec);
  if (!opened) return opened.error();
  out->source_ = std::move(*opened);
  for (std::size_t i = 0; i < out->taps_.size(); ++i) {
    if (out->taps_[i].jumps.empty()) continue;
    out->source_->set_jumps(static_cast<std::uint16_t>(i), out->taps_[i].jumps);
  }
  out->advance();
  return out;
}

const StoredTap* AnnotateSource::stored_tap(std::size_t index) const {
  const capture::TapInfo& seen = source_->taps()[index];
  const auto is_it = [&seen](const StoredTap& tap) {
    return tap.interface == seen.interface && tap.ifindex == seen.ifindex;
  };
  if (index < taps_.size() && is_it(taps_[index])) return &taps_[index];
  const auto found = std::find_if(taps_.begin(), taps_.end(), is_it);
  return found == taps_.end() ? nullptr : &*found;
}

const StoredFile* AnnotateSource::stored_file(const std::string& path) const {
  const auto found =
      std::find_if(files_.begin(), files_.end(),
                   [&path](const StoredFile& file) { return file.path == path; });
  return found == files_.end() ? nullptr : &*found;
}

AnnotateSource::Tap& AnnotateSource::tap_of(const capture::Frame& frame) {
  std::unique_ptr<Tap>& tap = tracked_[frame.tap];
  if (!tap) tap = std::make_unique<Tap>(how_, *source_, stored_tap(frame.tap));
  return *tap;
}

void AnnotateSource::advance() {
  at_.reset();
  while (!at_) {
    if (next_ == frames_.size()) {
      frames_ = source_->next(kFramesAtOnce);
      next_ = 0;
      if (frames_.empty()) return;
    }
    const capture::Frame& frame = frames_[next_++];
    const StoredTap* tap = tap_of(frame).stored;
    const StoredFile* file = stored_file(source_->files()[frame.file].path);
    if (tap == nullptr || file == nullptr) continue;
    if (frame.time.has_value()) last_ = tap->to_reference(frame.time);
    at_ = SourceFrame{&frame, tap->id, file->id, last_};
  }
}

std::span<const conntrack::Verdict> AnnotateSource::track() {
  Retracker& tracking = tap_of(*at_->frame).tracking;
  const auto packets = tracking.decode(*at_->frame);
  verdicts_.assign(packets.size(), {});
  for (std::size_t i = 0; i < packets.size(); ++i) {
    tracking.tracker().track(packets.subspan(i, 1), {&verdicts_[i], 1});
  }
  return verdicts_;
}

Result<void> AnnotateSource::unchanged() const {
  for (const capture::FileInfo& now : source_->files()) {
    const StoredFile* then = stored_file(now.path);
    if (then == nullptr || (then->frames == now.frames && then->bytes == now.bytes)) continue;
    return Error{fmt::format(
        "{} is not the file that was analysed: it has {} frames in {} bytes, it had {} in {}",
        now.path, now.frames, now.bytes, then->frames, then->bytes)};
  }
  return {};
}

}  // namespace natlens::report
