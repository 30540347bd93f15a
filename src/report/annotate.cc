// The sources are merged by reference time; what of one source is out of order by less than a
// window of frames (taps of one file with clocks of their own) is put right on the way out.
#include "natlens/report/annotate.h"

#include <functional>
#include <map>
#include <memory>
#include <queue>
#include <tuple>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "natlens/capture/writer.h"
#include "natlens/report/text.h"

#include "annotate_source.h"
#include "frame_comments.h"

namespace natlens::report {
namespace {

constexpr std::size_t kWindow = 256;

// A frame on its way out, with bytes of its own.
struct Waiting {
  Timestamp time;
  std::uint64_t serial = 0;
  std::uint32_t interface = 0;
  std::uint32_t wire_bytes = 0;
  capture::FrameDirection direction = capture::FrameDirection::kUnknown;
  std::vector<std::uint8_t> bytes;
  std::string comment;

  bool operator>(const Waiting& other) const {
    return std::tie(time, serial) > std::tie(other.time, other.serial);
  }
};

// An interface per tap, in the order of the taps; further ones where frames of a tap have
// another link type than its first.
class Interfaces {
 public:
  Interfaces(Loader& loader, capture::PcapngWriter& writer) : writer_(writer) {
    const store::Table taps = loader.query(
        "SELECT t.*, (SELECT group_concat(path, ', ') FROM file f WHERE f.source = t.source) "
        "AS "
        "files FROM tap t ORDER BY id");
    for (std::size_t i = 0; i < taps.rows.size(); ++i) {
      const std::int64_t id = taps.integer(i, "id");
      descriptions_[id] = description(taps, i);
      find(id, descriptions_[id].link_type);
    }
  }

  // Where that failed, writing the frame fails too.
  std::uint32_t find(std::int64_t tap, capture::LinkType link_type) {
    const auto known = numbers_.find({tap, link_type});
    if (known != numbers_.end()) return known->second;
    capture::InterfaceDescription one = descriptions_[tap];
    one.link_type = link_type;
    const auto number = writer_.add_interface(one);
    if (!number) return 0;
    numbers_[{tap, link_type}] = *number;
    return *number;
  }

 private:
  static capture::InterfaceDescription description(const store::Table& taps, std::size_t row) {
    capture::InterfaceDescription out;
    out.link_type = static_cast<capture::LinkType>(taps.integer(row, "link_type"));
    out.name = printable(taps.text(row, "name"));
    out.description = printable(taps.text(row, "interface"));
    out.filter = taps.text(row, "filter");
    out.comment =
        fmt::format("natlens: tap {} of {}", out.name, printable(taps.text(row, "files")));
    const std::string basis = taps.text(row, "clock_basis");
    if (basis == "packets" || basis == "given") {
      out.comment += fmt::format("; its times are corrected by {}",
                                 format_duration(Nanoseconds(-taps.integer(row, "offset_ns"))));
    } else if (basis == "unknown") {
      out.comment += "; how its clock relates to the others is not known";
    }
    return out;
  }

  capture::PcapngWriter& writer_;
  std::map<std::int64_t, capture::InterfaceDescription> descriptions_;
  std::map<std::pair<std::int64_t, capture::LinkType>, std::uint32_t> numbers_;
};

class Merge {
 public:
  Merge(Loader& loader, capture::PcapngWriter& writer)
      : comments_(loader), writer_(writer), interfaces_(loader, writer) {}

  Result<Annotated> run(std::vector<std::unique_ptr<AnnotateSource>>& sources) {
    while (AnnotateSource* first = earliest(sources)) {
      take(*first);
      first->advance();
      if (waiting_.size() <= kWindow) continue;
      if (auto written = write_first(); !written) return written.error();
    }
    while (!waiting_.empty()) {
      if (auto written = write_first(); !written) return written.error();
    }
    return told_;
  }

 private:
  static AnnotateSource* earliest(std::vector<std::unique_ptr<AnnotateSource>>& sources) {
    AnnotateSource* found = nullptr;
    for (const auto& source : sources) {
      if (!source->frame()) continue;
      if (found == nullptr || source->frame()->time < found->frame()->time)
        found = source.get();
    }
    return found;
  }

  void take(AnnotateSource& source) {
    const SourceFrame& at = *source.frame();
    const capture::Frame& frame = *at.frame;
    const auto verdicts = source.track();
    Waiting out;
    out.time = at.time;
    out.serial = told_.frames++;
    out.interface = interfaces_.find(at.tap, frame.link_type);
    out.wire_bytes = frame.wire_bytes;
    out.direction = frame.direction;
    out.bytes.assign(frame.bytes.begin(), frame.bytes.end());
    out.comment = comments_.of({at.file, frame.number}, at.tap, at.time, verdicts);
    if (!out.comment.empty()) ++told_.commented;
    waiting_.push(std::move(out));
  }

  Result<void> write_first() {
    const Waiting& first = waiting_.top();
    auto written = writer_.write({first.interface, first.time, first.bytes, first.wire_bytes,
                                  first.direction, first.comment});
    waiting_.pop();
    return written;
  }

  FrameComments comments_;
  capture::PcapngWriter& writer_;
  Interfaces interfaces_;
  std::priority_queue<Waiting, std::vector<Waiting>, std::greater<>> waiting_;
  Annotated told_;
};

Result<Annotated> annotate_into(Loader& loader,
                                const std::string& path,
                                std::vector<std::unique_ptr<AnnotateSource>>& sources) {
  auto writer = capture::PcapngWriter::create(path, "natlens");
  if (!writer) return writer.error();
  Merge merge(loader, **writer);
  auto told = merge.run(sources);
  if (!told) return told.error();
  if (loader.failed()) return loader.error();
  for (const auto& source : sources) {
    if (auto same = source->unchanged(); !same) return same.error();
  }
  if (auto closed = (*writer)->close(); !closed) return closed.error();
  return told;
}

}  // namespace

Result<Annotated> annotate_captures(store::Database& database, const AnnotateOptions& options) {
  Loader loader(database);
  const store::Table rows = loader.query("SELECT DISTINCT source FROM file ORDER BY source");
  std::vector<std::unique_ptr<AnnotateSource>> sources;
  for (std::size_t i = 0; i < rows.rows.size(); ++i) {
    auto source = AnnotateSource::open(loader, rows.integer(i, "source"), options.captures,
                                       {options.tracking, options.keys});
    if (!source) return source.error();
    sources.push_back(std::move(*source));
  }
  if (loader.failed()) return loader.error();
  return annotate_into(loader, options.output, sources);
}

}  // namespace natlens::report
