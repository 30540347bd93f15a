// natlens_twin: what nobody could tell apart in generated captures, by exhaustive comparison.
//
//   natlens_twin [--offset S] [--drift-ppm D] [--step S]
//                [--inside-step S] [--shifted] FOLDER
//
// Prints the connections that it decided, right and wrong by truth.jsonl, and those of the
// inside and the outside that nothing decides.
#include <cstdio>
#include <exception>
#include <fstream>
#include <set>
#include <stdexcept>
#include <string>
#include <utility>

#include "twin.h"

namespace natlens::bench {
namespace {

// The value of a key within one side of a truth line, as the generator writes it.
std::string value(const std::string& line, const char* side, const char* key) {
  const auto from = line.find('"' + std::string(side) + "\": {");
  const auto at =
      line.find('"' + std::string(key) + "\": ", from) + std::string(key).size() + 4;
  const bool quoted = line[at] == '"';
  const auto begin = quoted ? at + 1 : at;
  return line.substr(begin, line.find_first_of(quoted ? "\"" : ",}", begin) - begin);
}

std::string flow(const std::string& line, const char* side) {
  const bool tcp = line.starts_with("{\"proto\": \"tcp\"");
  const bool udp = line.starts_with("{\"proto\": \"udp\"");
  return std::string(tcp   ? "6 "
                     : udp ? "17 "
                           : "1 ") +
         value(line, side, "src") + ':' + value(line, side, "sport") + ' ' +
         value(line, side, "dst") + ':' + value(line, side, "dport");
}

void compare(const TwinOptions& options, const std::string& folder) {
  const TwinCapture inside = read_twin_capture(folder + "/inside.pcap", options, false);
  const TwinCapture outside = read_twin_capture(folder + "/outside.pcap", options, true);
  std::set<std::pair<std::string, std::string>> truth;
  std::ifstream lines(folder + "/truth.jsonl");
  for (std::string line; std::getline(lines, line);)
    truth.emplace(flow(line, "inside"), flow(line, "outside"));
  const TwinVerdict verdict = decide(inside, outside);
  std::size_t right = 0;
  std::size_t wrong = 0;
  for (const auto& [in, out] : verdict.pairs)
    ++(truth.contains({inside.flows[in], outside.flows[out]}) ? right : wrong);
  std::printf("right %zu wrong %zu undecidable %zu %zu\n", right, wrong,
              verdict.undecided_inside, verdict.undecided_outside);
}

}  // namespace
}  // namespace natlens::bench

int main(int argc, char** argv) {
  natlens::bench::TwinOptions options;
  std::string folder;
  try {
    for (int i = 1; i < argc; ++i) {
      const std::string word = argv[i];
      if (word == "--shifted") {
        options.shifted = true;
      } else if ((word == "--step" || word == "--inside-step") && i + 1 < argc) {
        options.step_seconds[word == "--step" ? 1 : 0] = std::stod(argv[++i]);
      } else if ((word == "--offset" || word == "--drift-ppm") && i + 1 < argc) {
        (word == "--offset" ? options.offset_seconds : options.drift_ppm) =
            std::stod(argv[++i]);
      } else {
        folder = word;
      }
    }
    if (folder.empty()) throw std::invalid_argument("which folder?");
    natlens::bench::compare(options, folder);
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "natlens_twin: %s\n", error.what());
    return 2;
  }
}
