#include "reading.h"

#include <fmt/format.h>

namespace natlens::cli {
namespace {

constexpr std::size_t kFramesAtOnce = 64;

}  // namespace

void add_capture_file(CLI::App& app, std::string& file) {
  app.add_option("-r,FILE", file, "Capture to read, with or without -r; - is standard input")
      ->required()
      ->option_text("FILE");
}

Result<std::unique_ptr<capture::Source>> open_source(const std::string& argument) {
  const auto spec = capture::parse_source(argument);
  if (!spec) return spec.error();
  return capture::Source::open(*spec);
}

bool each_frame(capture::Source& source,
                const std::function<bool(const capture::Frame&)>& use) {
  for (auto frames = source.next(kFramesAtOnce); !frames.empty();
       frames = source.next(kFramesAtOnce)) {
    for (const capture::Frame& frame : frames) {
      if (!use(frame)) return false;
    }
  }
  return true;
}

bool has_interfaces(const capture::Source& source, const capture::Frame& frame) {
  return source.files()[frame.file].format.starts_with("pcapng");
}

void learn(decode::Decoder& decoder,
           const capture::Source& source,
           const capture::Frame& frame) {
  const auto learnt = decoder.learn(source.secrets(), source.files()[frame.file].path);
  if (!learnt) warn(learnt.error().message);
}

Result<Exit> finish_reading(const capture::Source& source, bool all, Output& out) {
  if (!all) return out.finish(Exit::kOk);
  std::uint64_t frames = 0;
  for (const capture::FileInfo& file : source.files()) {
    frames += file.frames;
    for (const capture::FileNote& note : file.notes) {
      warn(fmt::format("{}: offset {}: {}", file.path, note.offset, note.text));
    }
  }
  auto exit = out.finish(frames > 0 ? Exit::kOk : Exit::kNothing);
  if (exit && frames == 0) say("natlens: nothing to judge: no frames\n");
  return exit;
}

}  // namespace natlens::cli
