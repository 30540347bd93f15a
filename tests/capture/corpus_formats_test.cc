// Captures of other projects, in all file formats, held against what tshark reads of them: the
// frames it reads must be there, with its times and lengths. Needs the data folder's corpus/.

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>

#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <zlib.h>

#include "capture/capture_bytes.h"
#include "support/catch.h"

namespace natlens::capture::test {
namespace {

namespace fs = std::filesystem;

fs::path corpus() {
  const char* data = std::getenv("NATLENS_DATA");
  return (data != nullptr ? fs::path(data) : fs::path(NATLENS_SOURCE_DIR "/../shared")) /
         "corpus";
}

std::string gunzip(const fs::path& path) {
  const gzFile file = gzopen(path.c_str(), "rb");
  if (file == nullptr) throw std::runtime_error("cannot open " + path.string());
  std::string text;
  char part[65536];
  for (int got = gzread(file, part, sizeof part); got > 0;
       got = gzread(file, part, sizeof part)) {
    text.append(part, static_cast<std::size_t>(got));
  }
  gzclose(file);
  return text;
}

struct Expected {
  std::map<std::uint32_t, nlohmann::json> frames;  // by packet ordinal
  bool damaged = false;                            // tshark stopped with an error
};

Expected expected_of(const fs::path& path) {
  Expected expected;
  std::istringstream lines(gunzip(path));
  for (std::string line; std::getline(lines, line);) {
    auto object = nlohmann::json::parse(line);
    if (object.contains("meta")) {
      expected.damaged = object["meta"].contains("error");
    } else if (object.contains("k")) {
      expected.frames.emplace(object["k"].get<std::uint32_t>(), object);
    }
  }
  return expected;
}

std::string time_text(Timestamp time) {
  return time.has_value() ? format_seconds(time) : "null";
}

// A pseudo-header that tshark does not count as part of the frame (PPP and others with
// direction).
std::uint32_t pseudo_header(LinkType link_type) {
  return link_type >= 204 && link_type <= 206 ? 1 : 0;
}

std::string describe(const ReadFrame& read) {
  const std::uint32_t less = pseudo_header(read.frame.link_type);
  return fmt::format("ts {} cap {} len {}", time_text(read.frame.time),
                     read.bytes.size() - less, read.frame.wire_bytes - less);
}

std::string describe(const nlohmann::json& frame) {
  // A fraction above a second stays as it is in tshark's text.
  std::string time = "null";
  if (frame["ts"].is_string()) {
    const std::string text = frame["ts"];
    const std::size_t dot = text.find('.');
    time = format_seconds(Timestamp::from_ns(std::stoll(text.substr(0, dot)) * 1'000'000'000 +
                                             std::stoll(text.substr(dot + 1))));
  }
  const auto cap = frame["cap"].get<std::uint32_t>();
  return fmt::format("ts {} cap {} len {}", time, cap,
                     std::max(cap, frame["len"].get<std::uint32_t>()));
}

void compare(const fs::path& file, const Expected& expected) {
  auto opened = open_input(file.string());
  REQUIRE(opened);
  const Reading reading = read_input(std::move(opened->input), 64);
  REQUIRE(reading.error.empty());
  std::size_t found = 0;
  for (const ReadFrame& read : reading.frames) {
    INFO("frame " << read.frame.number);
    const auto theirs = expected.frames.find(read.frame.number);
    if (theirs == expected.frames.end()) {
      // Beyond the damage, or the part of a record that was cut off.
      CHECK((expected.damaged || read.frame.cut));
      continue;
    }
    ++found;
    CHECK(describe(read) == describe(theirs->second));
    if (theirs->second.contains("if")) {
      // tshark numbers interfaces by section.
      CHECK(reading.interfaces[read.frame.interface].index == theirs->second["if"]);
    }
  }
  CHECK(found == expected.frames.size());
}

// Calls each(file, expectation) for every capture of the corpus; false if there is none.
template <typename Each>
bool for_each_capture(Each each) {
  if (!fs::exists(corpus() / "expected")) {
    WARN("NOT RUN: captures of other projects; set NATLENS_DATA to a folder that has corpus/");
    return false;
  }
  for (const auto& entry : fs::recursive_directory_iterator(corpus() / "expected")) {
    const std::string name = entry.path().filename().string();
    const std::string ending = ".jsonl.gz";
    if (!name.ends_with(ending) || name.ends_with(".reasm.jsonl.gz")) continue;
    const fs::path file = corpus() / entry.path().parent_path().filename() /
                          name.substr(0, name.size() - ending.size());
    each(file, entry.path());
  }
  return true;
}

TEST_CASE("corpus: frames are those of tshark", "[capture][corpus]") {
  std::size_t files = 0;
  const bool run = for_each_capture([&](const fs::path& file, const fs::path& expectation) {
    INFO(file.string());
    compare(file, expected_of(expectation));
    ++files;
  });
  if (run) CHECK(files > 100);
}

}  // namespace
}  // namespace natlens::capture::test
