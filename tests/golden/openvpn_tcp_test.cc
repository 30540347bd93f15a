// Records of OpenVPN over TCP against those that tshark finds in the corpus.
#include <fstream>
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

constexpr const char* kFile = "vpn/mercury-openvpn_tcp_single.pcap";

// The records of each frame: position, length, opcode, key id, session or peer.
json records_of(const json& frame) {
  json out = json::array();
  for (const json& layer : frame["layers"]) {
    for (const json& tail : layer.value("tail", json::array())) {
      if (tail["p"] != "openvpn") continue;
      json record;
      for (const char* name : {"off", "plen", "op", "key", "sid", "peer"}) {
        if (tail.contains(name)) record[name] = tail[name];
      }
      out.push_back(record);
    }
  }
  return out;
}

std::map<std::uint64_t, json> expected_records(const std::string& path) {
  std::string text;
  const gzFile file = gzopen(path.c_str(), "rb");
  REQUIRE(file != nullptr);
  char buffer[1 << 16];
  for (int n = 0; (n = gzread(file, buffer, sizeof buffer)) > 0;)
    text.append(buffer, static_cast<std::size_t>(n));
  gzclose(file);
  std::map<std::uint64_t, json> records;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) {
    const json frame = json::parse(line);
    if (frame.contains("k")) records[frame["k"]] = records_of(frame);
  }
  return records;
}

}  // namespace

TEST_CASE("golden: OpenVPN over TCP in the records that tshark finds",
          "[golden][decode][openvpn]") {
  const auto corpus = test::data_dir("corpus", "OpenVPN over TCP");
  if (!corpus) return;
  const auto expected = expected_records((*corpus / "expected" / kFile).string() + ".jsonl.gz");
  auto source = capture::Source::open(
      {.name = "", .files = {(*corpus / kFile).string()}, .interface = ""});
  REQUIRE(source);
  decode::Decoder decoder;
  decode::DecodedFrame decoded;
  std::size_t records = 0;
  for (auto batch = (*source)->next(32); !batch.empty(); batch = (*source)->next(32)) {
    for (const capture::Frame& frame : batch) {
      decoder.decode(frame, decoded);
      std::string text;
      report::append_decode_jsonl(text, frame, decoded);
      const json actual = records_of(json::parse(text));
      records += actual.size();
      CAPTURE(frame.number);
      // Its first record began in frame 21; tshark was not told to put streams together, and
      // takes bytes in the middle for a length.
      if (frame.number == 23) {
        CHECK(actual.dump() ==
              R"([{"key":0,"off":922,"op":4,"plen":398,"sid":14293375982344808081}])");
      } else {
        CHECK(actual == expected.at(frame.number));
      }
    }
  }
  CHECK(records > 50);
}
