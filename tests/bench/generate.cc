// natlens_generate: captures of a simulated NAT44 box, with the truth, from a seed.
//
//   natlens_generate [--OPTION VALUE]... FOLDER
//
// The same options give the same bytes on every machine. See usage() for the options.
#include <charconv>
#include <cstring>
#include <exception>
#include <functional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "simulation.h"

namespace natlens::bench {
namespace {

constexpr const char* kUsage = R"(usage: natlens_generate [OPTION]... FOLDER
Writes inside.pcap, outside.pcap and truth.jsonl of a simulated NAT44 box into FOLDER.
  --seed N                    default 1
  --connections N             default 1000
  --packets-per-connection N  default 50 (mixed), 20 (worst)
  --mix mixed|worst           mixed: 363 bytes a frame on average; worst: 73
  --rate R                    connections opened a second; default: all within the life
  --life S                    seconds that a connection lasts on average, default 20
  --loss P                    share of packets lost in the box; TCP repeats them
  --drop P                    share of frames that each capture misses
  --reorder P                 share of packets held back for up to 3 ms
  --duplicates P              share of frames that each tap shows twice
  --offset S, --drift-ppm D   clock of the outside capture
  --step S, --inside-step S   the outside clock, or the inside one, is set forward by S seconds
  --step-at S                 ... S seconds after the start, default 20
  --late S, --early S         the outside capture begins S seconds late; the inside one ends
                              after S seconds
  --payload-values K          payloads drawn from K values; default: all different
  --snaplen N                 bytes kept of each frame
  --ipid-zero                 IP identification 0 everywhere
  --same-source-ports         all clients use the same source ports
  --seq-shift                 the box shifts TCP sequence numbers, both directions
  --backends N                the box balances the load on one address among N servers
  --tso                       segmentation offload at the inside
  --forget-mappings           the box forgets half of the longer UDP mappings half way
)";

struct CommandLine {
  Options options;
  double packets = 0;
  std::string folder;
};

struct Switch {
  std::string_view name;
  std::function<void(CommandLine&, std::string_view)> set;
  bool takes_value = true;
};

template <typename Number>
Number number(std::string_view text) {
  Number value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) {
    throw std::invalid_argument("not a number: " + std::string(text));
  }
  return value;
}

template <typename Target>
auto assign(Target target) {
  return [target](CommandLine& line, std::string_view text) {
    auto& field = target(line);
    field = number<std::remove_reference_t<decltype(field)>>(text);
  };
}

template <typename Target>
auto turn_on(Target target) {
  return [target](CommandLine& line, std::string_view) { target(line) = true; };
}

void set_mix(CommandLine& line, std::string_view text) {
  if (text != "mixed" && text != "worst")
    throw std::invalid_argument("--mix is mixed or worst");
  line.options.script.worst = text == "worst";
}

std::vector<Switch> switches() {
  using L = CommandLine;
  return {
      {"--seed", assign([](L & l) -> auto& { return l.options.seed; })},
      {"--connections", assign([](L & l) -> auto& { return l.options.connections; })},
      {"--packets-per-connection", assign([](L & l) -> auto& { return l.packets; })},
      {"--mix", set_mix},
      {"--rate", assign([](L & l) -> auto& { return l.options.rate; })},
      {"--life", assign([](L & l) -> auto& { return l.options.script.life_seconds; })},
      {"--loss", assign([](L & l) -> auto& { return l.options.loss; })},
      {"--drop", assign([](L & l) -> auto& { return l.options.drop; })},
      {"--reorder", assign([](L & l) -> auto& { return l.options.reorder; })},
      {"--duplicates", assign([](L & l) -> auto& { return l.options.duplicates; })},
      {"--offset", assign([](L & l) -> auto& { return l.options.offset_seconds; })},
      {"--step", assign([](L & l) -> auto& { return l.options.step_seconds[1]; })},
      {"--inside-step", assign([](L & l) -> auto& { return l.options.step_seconds[0]; })},
      {"--step-at", assign([](L & l) -> auto& { return l.options.step_at_seconds; })},
      {"--late", assign([](L & l) -> auto& { return l.options.late_seconds; })},
      {"--early", assign([](L & l) -> auto& { return l.options.early_seconds; })},
      {"--drift-ppm", assign([](L & l) -> auto& { return l.options.drift_ppm; })},
      {"--backends", assign([](L & l) -> auto& { return l.options.backends; })},
      {"--payload-values",
       assign([](L & l) -> auto& { return l.options.script.payload_values; })},
      {"--snaplen", assign([](L & l) -> auto& { return l.options.snap_length; })},
      {"--ipid-zero", turn_on([](L & l) -> auto& { return l.options.ip_id_zero; }), false},
      {"--same-source-ports",
       turn_on([](L & l) -> auto& { return l.options.same_source_ports; }), false},
      {"--seq-shift", turn_on([](L & l) -> auto& { return l.options.seq_shift; }), false},
      {"--tso", turn_on([](L & l) -> auto& { return l.options.script.segmentation_offload; }),
       false},
      {"--forget-mappings", turn_on([](L & l) -> auto& { return l.options.forget_mappings; }),
       false},
  };
}

CommandLine parse(const std::vector<std::string_view>& words) {
  const std::vector<Switch> known = switches();
  CommandLine line;
  for (std::size_t at = 0; at < words.size(); at++) {
    if (!words[at].starts_with("--")) {
      line.folder = words[at];
      continue;
    }
    const auto found = std::find_if(known.begin(), known.end(),
                                    [&](const Switch& s) { return s.name == words[at]; });
    if (found == known.end())
      throw std::invalid_argument("no option " + std::string(words[at]));
    if (found->takes_value && at + 1 == words.size()) {
      throw std::invalid_argument(std::string(words[at]) + " needs a value");
    }
    found->set(line, found->takes_value ? words[++at] : std::string_view());
  }
  if (line.folder.empty()) throw std::invalid_argument("which folder?");
  ScriptOptions& script = line.options.script;
  script.packets_mean = line.packets > 0 ? line.packets : script.worst ? 20 : 50;
  return line;
}

int generate(const CommandLine& line) {
  const Totals totals = Simulation(line.options, line.folder).run();
  const auto frames = static_cast<double>(totals.inside_frames + totals.outside_frames);
  std::printf(
      "connections %u frames %llu + %llu bytes per frame %.1f truth lines %llu live at most "
      "%zu\n",
      line.options.connections, static_cast<unsigned long long>(totals.inside_frames),
      static_cast<unsigned long long>(totals.outside_frames),
      static_cast<double>(totals.bytes) / frames,
      static_cast<unsigned long long>(totals.truth_lines), totals.live_at_most);
  return 0;
}

}  // namespace
}  // namespace natlens::bench

int main(int argc, char** argv) {
  const std::vector<std::string_view> words(argv + 1, argv + argc);
  if (words.empty() || words[0] == "--help") {
    std::fputs(natlens::bench::kUsage, words.empty() ? stderr : stdout);
    return words.empty() ? 2 : 0;
  }
  try {
    return natlens::bench::generate(natlens::bench::parse(words));
  } catch (const std::invalid_argument& error) {
    std::fprintf(stderr, "natlens_generate: %s\n%s", error.what(), natlens::bench::kUsage);
    return 2;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "natlens_generate: %s\n", error.what());
    return 1;
  }
}
