// A tap of one file names that file; a tap of several files, or several taps in one file, are
// told apart by the file's name and by reading the frame.
#include "explain_place.h"

#include <filesystem>
#include <vector>

#include <fmt/format.h>

namespace natlens::report {
namespace {

std::string base_name(const std::string& path) {
  return std::filesystem::path(path).filename().string();
}

std::string tap_names(Loader& loader) {
  std::vector<std::string> names;
  const store::Table taps = loader.query("SELECT name FROM tap ORDER BY id LIMIT 20");
  for (std::size_t i = 0; i < taps.rows.size(); ++i) names.push_back(taps.text(i, "name"));
  return fmt::format("{}", fmt::join(names, ", "));
}

// file.id, or 0.
std::int64_t file_by_tap(Loader& loader, const std::string& tap, std::string& missing) {
  const store::Table files = loader.query(
      "SELECT f.id, f.path, f.frames FROM tap t JOIN file f ON f.source = t.source "
      "WHERE t.name = ?1 ORDER BY f.first_ordinal, f.id",
      {tap});
  if (files.rows.size() == 1) return files.integer(0, "id");
  std::vector<std::string> there;
  for (std::size_t i = 0; i < files.rows.size(); ++i) {
    there.push_back(
        fmt::format("{}:1 to {}", files.text(i, "path"), files.integer(i, "frames")));
  }
  if (!there.empty()) {
    missing = fmt::format("tap {} has several files; write FILE:FRAME, one of {}", tap,
                          fmt::join(there, ", "));
  }
  return 0;
}

// file.id by path, or by name if only one file has it; else 0.
std::int64_t file_by_name(Loader& loader, const std::string& name, std::string& missing) {
  const store::Table files = loader.query("SELECT id, path FROM file ORDER BY id");
  std::vector<std::size_t> named;
  for (std::size_t i = 0; i < files.rows.size(); ++i) {
    if (files.text(i, "path") == name) return files.integer(i, "id");
    if (base_name(files.text(i, "path")) == name) named.push_back(i);
  }
  if (named.size() == 1) return files.integer(named.front(), "id");
  if (named.size() > 1) {
    missing = fmt::format("{} files are called {}; write the path, as {}", named.size(), name,
                          files.text(named.front(), "path"));
  }
  return 0;
}

}  // namespace

std::optional<FramePlace> find_frame(Loader& loader,
                                     const ExplainTarget& target,
                                     std::string& missing) {
  FramePlace place;
  place.file = file_by_tap(loader, target.place, missing);
  if (place.file != 0) {
    place.tap_asked = target.place;
  } else if (missing.empty()) {
    place.file = file_by_name(loader, target.place, missing);
  }
  if (place.file == 0 && missing.empty()) {
    missing = fmt::format("there is no tap or file '{}'; the taps are {}", target.place,
                          tap_names(loader));
  }
  if (place.file == 0) return std::nullopt;
  const store::Table file = loader.query("SELECT * FROM file WHERE id = ?1", {place.file});
  if (file.rows.empty()) return std::nullopt;
  place.source = file.integer(0, "source");
  place.request.file = file.text(0, "path");
  place.request.number = target.frame;
  place.live = file.text(0, "format") == "live";
  const std::uint64_t frames = count_at(file, 0, "frames");
  if (target.frame == 0 || target.frame > frames) {
    missing = fmt::format("{} has no frame {}; there are {}", place.request.file, target.frame,
                          frames == 0 ? "none" : fmt::format("1 to {}", frames));
    return std::nullopt;
  }
  const store::Table files = loader.query(
      "SELECT path FROM file WHERE source = ?1 ORDER BY first_ordinal, id", {place.source});
  for (std::size_t i = 0; i < files.rows.size(); ++i) {
    place.request.files.push_back(files.text(i, "path"));
  }
  return place;
}

PlacedTap find_tap(Loader& loader,
                   const FramePlace& place,
                   const ReplayTap& seen,
                   std::string& missing) {
  const store::Table taps =
      loader.query("SELECT id, name, interface, ifindex FROM tap WHERE source = ?1 ORDER BY id",
                   {place.source});
  // One interface of a file may have been analyzed alone (NAME=FILE%INTERFACE).
  const bool alone = taps.rows.size() == 1;
  const auto is_seen = [&](std::size_t row) {
    return row < taps.rows.size() && taps.text(row, "interface") == seen.interface &&
           taps.integer(row, "ifindex") == std::int64_t{seen.ifindex};
  };
  std::size_t row = alone ? 0 : seen.index;
  // Taps of a live capture are in the order of the command line, not of their first frames.
  for (std::size_t other = 0; !is_seen(row) && other < taps.rows.size(); ++other) {
    if (is_seen(other)) row = other;
  }
  const bool known = is_seen(row);
  const std::string frame =
      fmt::format("frame {} of {}", place.request.number, place.request.file);
  if (!known) {
    missing = fmt::format(
        "{} belongs to no tap of this analysis{}", frame,
        seen.interface.empty() ? "" : fmt::format("; it is of interface {}", seen.interface));
    return {};
  }
  PlacedTap tap{taps.integer(row, "id"), taps.text(row, "name")};
  if (!place.tap_asked.empty() && place.tap_asked != tap.name) {
    missing = fmt::format("{} belongs to tap {}, not to {}", frame, tap.name, place.tap_asked);
    return {};
  }
  return tap;
}

}  // namespace natlens::report
