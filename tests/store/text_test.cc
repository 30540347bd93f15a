#include "text.h"

#include <random>

#include <nlohmann/json.hpp>

#include "names.h"
#include "support/catch.h"

using namespace natlens;
using namespace natlens::store;

TEST_CASE("addresses are formatted as net does", "[store][text]") {
  std::mt19937 random(7);
  AddressText text;
  for (int i = 0; i < 2000; ++i) {
    const auto v4 = Address::v4(static_cast<std::uint32_t>(random()) >> (random() % 32));
    format_address(v4, text);
    CHECK(text.view() == to_string(v4));
    std::array<std::uint8_t, 16> bytes{};
    for (auto& byte : bytes) byte = static_cast<std::uint8_t>(random() % 3 == 0 ? random() : 0);
    const auto v6 = Address::v6(bytes);
    format_address(v6, text);
    CHECK(text.view() == to_string(v6));
  }
  format_address(Address(), text);
  CHECK(text.view().empty());
}

TEST_CASE("MACs are formatted, zeros are none", "[store][text]") {
  MacText text;
  format_mac({0x02, 0xab, 0, 0, 0x0f, 0xff}, text);
  CHECK(text.view() == "02:ab:00:00:0f:ff");
  format_mac({}, text);
  CHECK(text.view().empty());
}

TEST_CASE("bits are written with one digit", "[store][text]") {
  const std::vector<std::pair<double, std::string>> cases{
      {0, "0.0"},   {93.24, "93.2"}, {0.05, "0.1"},   {-1.26, "-1.3"}, {-0.04, "0.0"},
      {40, "40.0"}, {1e300, "0"},    {INFINITY, "0"}, {NAN, "0"}};
  for (const auto& [value, expected] : cases) {
    TextBuffer text;
    CHECK(text.tenths(value).view() == expected);
  }
}

TEST_CASE("any bytes make valid JSON that says the same", "[store][text]") {
  for (unsigned seed = 1; seed <= 500; ++seed) {
    INFO("seed " << seed);
    std::mt19937 random(seed);
    std::string bytes;
    for (unsigned i = 0; i < random() % 40; ++i) {
      bytes += static_cast<char>(random() % 4 == 0 ? 0x80 + random() % 128 : random() % 128);
    }
    TextBuffer json;
    TextBuffer plain;
    const auto parsed = nlohmann::json::parse(json.json_string(bytes).view());
    CHECK(parsed.get<std::string>() == plain.utf8(bytes).view());
    CHECK(plain.view().find('\0') == std::string_view::npos);
  }
}

TEST_CASE("well-formed UTF-8 stays, the rest is replaced byte by byte", "[store][text]") {
  const std::string bad = "\xef\xbf\xbd";
  const std::vector<std::pair<std::string, std::string>> cases{
      {"gr\xc3\xbc\xc3\x9f", "gr\xc3\xbc\xc3\x9f"},
      {"\xe2\x82\xac", "\xe2\x82\xac"},
      {"\xf0\x9f\x98\x80", "\xf0\x9f\x98\x80"},
      {"\xc0\xaf", bad + bad},            // overlong
      {"\xed\xa0\x80", bad + bad + bad},  // surrogate
      {"\xf4\x90\x80\x80", bad + bad + bad + bad},
      {"\xe2\x82", bad + bad},
      {"a\xff", "a" + bad},
  };
  for (const auto& [in, out] : cases) {
    TextBuffer text;
    CHECK(text.utf8(in).view() == out);
  }
}

TEST_CASE("names are those of the records", "[store][text]") {
  for (unsigned i = 0; i < 256; ++i) {
    CHECK(protocol_text(static_cast<std::uint8_t>(i)) ==
          protocol_name(static_cast<std::uint8_t>(i)));
  }
  CHECK(encapsulation_text(decode::Encapsulation::kNone).empty());
  CHECK(encapsulation_text(decode::Encapsulation::kVxlan) == "vxlan");
  CHECK(encapsulation_text(decode::Encapsulation::kSflow) == "sflow");
  CHECK(encapsulation_text(static_cast<decode::Encapsulation>(250)).empty());
  CHECK(frame_direction_text(capture::FrameDirection::kOut) == "out");
}
