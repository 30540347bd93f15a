// Agreement with tshark on a corpus of captures of other projects (see docs/decode.md): layers,
// addresses, ports, tunnel keys and TCP fields of every frame, each by itself and reassembled.
//
// Frames that tshark complained about are compared softly: the layers that both have, and a
// difference is only counted. Each other difference is listed in decode_differences.tsv with
// its reason, and nothing else may differ. Where a file is damaged, tshark's frames end at the
// damage: what we still read behind it is neither right nor wrong.
#include <algorithm>
#include <deque>
#include <fstream>
#include <map>
#include <set>
#include <sstream>

#include <nlohmann/json.hpp>
#include <zlib.h>

#include "natlens/capture/source.h"
#include "natlens/decode/decoder.h"
#include "natlens/report/decode_text.h"

#include "support/catch.h"
#include "support/data_dir.h"

using namespace natlens;
using nlohmann::json;

namespace {

namespace fs = std::filesystem;

std::vector<json> read_expected(const fs::path& path) {
  std::vector<json> lines;
  std::string text;
  const gzFile file = gzopen(path.c_str(), "rb");
  REQUIRE(file != nullptr);
  char buffer[1 << 16];
  for (int n = 0; (n = gzread(file, buffer, sizeof buffer)) > 0;)
    text.append(buffer, static_cast<std::size_t>(n));
  gzclose(file);
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.push_back(json::parse(line));
  return lines;
}

std::map<std::uint64_t, json> decode_file(const fs::path& path, bool reassemble) {
  std::map<std::uint64_t, json> frames;
  auto source = capture::Source::open({.name = "", .files = {path.string()}, .interface = ""});
  if (!source) return frames;
  std::deque<decode::Decoder> decoders;  // one per tap
  decode::DecodedFrame decoded;
  std::string text;
  for (auto batch = (*source)->next(32); !batch.empty(); batch = (*source)->next(32)) {
    for (const capture::Frame& frame : batch) {
      while (decoders.size() <= frame.tap)
        decoders.emplace_back(decode::DecoderOptions{.reassemble = reassemble});
      decoders[frame.tap].decode(frame, decoded);
      text.clear();
      report::append_decode_jsonl(text, frame, decoded);
      frames.emplace(frame.number, json::parse(text));
    }
  }
  return frames;
}

// Protocols whose complaints say nothing about the layers below them.
bool is_soft(const json& expected) {
  static const std::set<std::string> kApplications = {
      "dns",         "mdns",    "stun",   "classicstun", "quic", "socks", "proxy",
      "portcontrol", "nat-pmp", "isakmp", "openvpn",     "wg",   "dtls",  "tls",
      "arp",         "ssdp",    "http",   "sip",         "other"};
  if (!expected.contains("notes")) return false;
  for (const std::string note : expected["notes"]) {
    if (kApplications.count(note.substr(note.rfind('@') + 1)) == 0) return true;
  }
  return false;
}

json member(const json& object, std::initializer_list<const char*> names) {
  for (const char* name : names) {
    if (object.contains(name)) return object[name];
  }
  return nullptr;
}

json tunnel_keys(const json& layer) {
  json keys = json::object();
  for (const json& via : layer.value("via", json::array())) {
    for (const char* name :
         {"id", "label", "vni", "teid", "key", "session", "tunnel", "spi", "isid", "iid"}) {
      if (via.contains(name)) keys[via["p"].get<std::string>() + "." + name] = via[name];
    }
  }
  return keys;
}

// What is compared of a layer.
json essence(const json& layer) {
  const json l4 = layer.value("l4", json::object());
  json out = {
      {"v", member(layer, {"v"})},      {"src", member(layer, {"src"})},
      {"dst", member(layer, {"dst"})},  {"proto", member(layer, {"proto", "last_nxt", "nxt"})},
      {"quoted", layer.contains("in")}, {"keys", tunnel_keys(layer)}};
  if (layer.contains("frag")) out["frag"] = {layer["frag"]["off"], layer["frag"]["mf"]};
  for (const char* name : {"sp", "dp", "seq", "ack", "flags", "plen", "type", "code", "id"}) {
    if (l4.contains(name)) out[name] = l4[name];
  }
  return out;
}

// The first difference in words; "" if there is none. What is absent in `expected` is not
// compared.
std::string layer_difference(const json& expected, const json& actual) {
  for (const auto& [name, value] : expected.items()) {
    if (value.is_null() || name == "keys") continue;
    if (member(actual, {name.c_str()}) != value) {
      return name + " " + member(actual, {name.c_str()}).dump() + ", expected " + value.dump();
    }
  }
  for (const auto& [name, value] : expected["keys"].items()) {
    if (member(actual["keys"], {name.c_str()}) != value)
      return name + ", expected " + value.dump();
  }
  return "";
}

std::string frame_difference(const json& expected, const json& actual, bool soft) {
  if (expected.contains("ts") && !expected["ts"].is_null() && expected["ts"] != actual["ts"]) {
    return "ts " + actual["ts"].dump() + ", expected " + expected["ts"].dump();
  }
  const json& a = expected["layers"];
  const json& b = actual["layers"];
  if (!soft && a.size() != b.size()) {
    return std::to_string(b.size()) + " layers, expected " + std::to_string(a.size());
  }
  for (std::size_t i = 0; i < std::min(a.size(), b.size()); ++i) {
    const std::string difference = layer_difference(essence(a[i]), essence(b[i]));
    if (!difference.empty()) return "layer " + std::to_string(i + 1) + ": " + difference;
  }
  return "";
}

struct Score {
  std::size_t equal = 0, differ = 0, missing = 0, extra = 0, soft = 0, behind_damage = 0;
  std::set<std::string> differences;  // "file<TAB>k"
  std::string text;

  void add(const std::string& name, std::uint64_t k, const std::string& what) {
    differences.insert(name + "\t" + std::to_string(k));
    text += name + "\t" + std::to_string(k) + "\t" + what + "\n";
  }
  double share() const {
    return static_cast<double>(equal) / static_cast<double>(equal + differ + missing + extra);
  }
};

void compare_file(const std::string& name,
                  const std::vector<json>& expected,
                  std::map<std::uint64_t, json> actual,
                  Score& score) {
  const bool damaged = expected.front()["meta"].contains("tshark_rc");
  for (const json& frame : expected) {
    if (!frame.contains("k")) continue;
    const std::uint64_t k = frame["k"];
    const auto found = actual.find(k);
    if (found == actual.end()) {
      ++score.missing;
      score.add(name, k, "missing");
      continue;
    }
    const bool soft = is_soft(frame);
    const std::string difference = frame_difference(frame, found->second, soft);
    actual.erase(found);
    if (difference.empty()) {
      ++score.equal;
    } else if (soft) {
      ++score.soft;
    } else {
      ++score.differ;
      score.add(name, k, difference);
    }
  }
  if (damaged) {
    score.behind_damage += actual.size();
    return;
  }
  score.extra += actual.size();
  for (const auto& [k, frame] : actual) score.add(name, k, "extra");
}

Score compare_corpus(const fs::path& corpus) {
  Score score;
  std::vector<fs::path> files;
  for (const auto& entry : fs::recursive_directory_iterator(corpus / "expected")) {
    if (entry.path().string().ends_with(".jsonl.gz")) files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  for (const fs::path& path : files) {
    std::string name = fs::relative(path, corpus / "expected").string();
    name.resize(name.size() - std::string_view(".jsonl.gz").size());
    const bool reassemble = name.ends_with(".reasm");
    const std::string capture = reassemble ? name.substr(0, name.size() - 6) : name;
    compare_file(name, read_expected(path), decode_file(corpus / capture, reassemble), score);
  }
  return score;
}

std::set<std::string> known_differences() {
  std::ifstream file(fs::path(NATLENS_SOURCE_DIR) / "tests/golden/decode_differences.tsv");
  REQUIRE(file.good());
  std::set<std::string> known;
  for (std::string line; std::getline(file, line);) {
    if (line.empty() || line[0] == '#') continue;
    const auto first = line.find('\t');
    const auto second = line.find('\t', first + 1);
    REQUIRE(second != std::string::npos);
    known.insert(line.substr(0, second));
  }
  return known;
}

// Cuts a frame at every length. Layers of a cut frame are the first ones of the whole, but
// where a guess needs what is cut off (what follows MPLS labels or an L2TPv3 session).
void cut_everywhere(const capture::Frame& frame) {
  decode::DecodedFrame whole;
  decode::DecodedFrame part;
  decode::Decoder({.reassemble = false}).decode(frame, whole);
  for (const auto& via : std::span(whole.via_storage.data(), whole.via_count)) {
    if (via.kind == decode::Encapsulation::kMpls) return;
  }
  capture::Frame cut = frame;
  for (std::size_t n = 0; n < frame.bytes.size(); ++n) {
    cut.bytes = frame.bytes.first(n);
    decode::Decoder({.reassemble = false}).decode(cut, part);  // a new one: it must not learn
    bool prefix = part.layer_count <= whole.layer_count;
    for (std::size_t i = 0; prefix && i < part.layer_count; ++i) {
      const auto& a = part.layer_storage[i];
      const auto& b = whole.layer_storage[i];
      prefix = a.src == b.src && a.dst == b.dst && a.offset == b.offset && a.zone == b.zone;
    }
    if (prefix) continue;
    FAIL("frame " << frame.number << " cut at " << n << " gives layers that the whole has not");
  }
}

}  // namespace

TEST_CASE("golden: every frame of the corpus cut at every length", "[golden][decode][cut]") {
  const auto corpus = test::data_dir("corpus", "cutting every frame of the corpus");
  if (!corpus) return;
  std::size_t frames = 0;
  for (const auto& entry : fs::recursive_directory_iterator(*corpus)) {
    if (!entry.is_regular_file() ||
        entry.path().string().find("/expected/") != std::string::npos)
      continue;
    auto source =
        capture::Source::open({.name = "", .files = {entry.path().string()}, .interface = ""});
    if (!source) continue;  // not a capture
    CAPTURE(entry.path().filename().string());
    for (auto batch = (*source)->next(32); !batch.empty(); batch = (*source)->next(32)) {
      for (const capture::Frame& frame : batch) cut_everywhere(frame);
      frames += batch.size();
    }
  }
  CHECK(frames > 10000);
}

TEST_CASE("golden: decode agrees with tshark on the corpus", "[golden][decode]") {
  const auto corpus = test::data_dir("corpus", "agreement of decode with tshark");
  if (!corpus) return;
  const Score score = compare_corpus(*corpus);
  std::cerr << "decode against tshark: " << score.equal << " equal, " << score.differ
            << " differ, " << score.missing << " missing, " << score.extra << " extra, "
            << score.soft << " soft, " << score.behind_damage << " behind damage\n";
  INFO(score.text);
  CHECK(score.share() >= 0.995);
  CHECK(score.differences == known_differences());
}
