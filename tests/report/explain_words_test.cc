#include "explain_words.h"

#include <set>
#include <string>

#include "natlens/report/explain.h"

#include "support/catch.h"

using namespace natlens;
using namespace natlens::report;

TEST_CASE("explain: every reason of INVALID has words of its own", "[report][explain]") {
  std::set<std::string> words;
  for (std::size_t i = 0; i < static_cast<std::size_t>(conntrack::InvalidReason::kCount); ++i) {
    const auto reason = conntrack::to_string(static_cast<conntrack::InvalidReason>(i));
    CAPTURE(std::string(reason));
    CHECK(words.emplace(invalid_words(reason)).second);
  }
  CHECK(invalid_words("of a later version") == invalid_words("none"));
}

TEST_CASE(
    "explain: the arithmetic names value, bound, distance and the frame that set the bound",
    "[report][explain]") {
  CHECK(arithmetic_text({"seq_above_window", 5001, 4000, 1001, "lan.pcap:12"}) ==
        "sequence number 5001 is 1001 above 4000, the bound that lan.pcap:12 set");
  CHECK(arithmetic_text({"rst_out_of_window", 10, 4294967290, 4294967280, ""}) ==
        "sequence number 10 is 4294967280 below 4294967290, the bound");
  CHECK(arithmetic_text({"bad_checksum", 0, 0, 0, ""}).empty());
  CHECK(arithmetic_text({"ack_unseen", 0, 0, 0, ""}).empty());
}

TEST_CASE("explain: a frame is named by tap or file and number", "[report][explain]") {
  const auto target = parse_explain_target("captures/a:b.pcap:37");
  REQUIRE(target);
  CHECK(target->place == "captures/a:b.pcap");
  CHECK(target->frame == 37);
  for (const char* bad :
       {"", "lan", "lan:", ":1", "lan:-1", "lan:+1", "lan:1 ", "lan:4294967296"}) {
    CAPTURE(bad);
    CHECK_FALSE(parse_explain_target(bad));
  }
}
