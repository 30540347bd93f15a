#include "natlens/report/text.h"

#include <chrono>
#include <limits>
#include <string>

#include "support/catch.h"

using namespace natlens;
using namespace natlens::report;
using namespace std::chrono_literals;

TEST_CASE("text: widths are those of a terminal", "[report][text]") {
  CHECK(display_width("") == 0);
  CHECK(display_width("lan") == 3);
  CHECK(display_width("Büro") == 4);
  CHECK(display_width("e\u0301") == 1);  // e and a combining accent
  CHECK(display_width("网络") == 4);
  CHECK(display_width("\xff\xfe") == 2);  // not UTF-8: a cell each
}

TEST_CASE("text: nothing in a name reaches the terminal as a command", "[report][text]") {
  CHECK(printable("a\x1b[31mb") == "a\\x1b[31mb");
  CHECK(printable("one\ntwo\tthree\r") == "one\\ntwo\\tthree\\r");
  CHECK(printable("\xc2\x9b"
                  "31m") == "\\xc2\\x9b31m");  // CSI as a C1 control
  CHECK(printable("\u202e"
                  "cba") == "\\xe2\\x80\\xaecba");        // right-to-left override
  CHECK(printable("B\xfcro") == "B\\xfcro");              // Latin-1
  CHECK(printable("\xed\xa0\x80") == "\\xed\\xa0\\x80");  // a surrogate
  CHECK(printable("\xc0\xaf") == "\\xc0\\xaf");           // an overlong '/'
  CHECK(printable("\xe2\x82") == "\\xe2\\x82");           // cut off
  CHECK(printable("Büro 网络 €") == "Büro 网络 €");
}

TEST_CASE("text: clipping keeps whole characters and marks the cut", "[report][text]") {
  CHECK(clip("abcdef", 6) == "abcdef");
  CHECK(clip("abcdef", 5) == "abcd…");
  CHECK(clip("网络网络", 5) == "网络…");
  CHECK(clip("网络网络", 4) == "网…");
  CHECK(clip("abc", 0).empty());
  CHECK(display_width(clip("Ein längerer Text", 9)) == 9);
}

TEST_CASE("text: padding fills and never cuts", "[report][text]") {
  CHECK(pad_right("Büro", 6) == "Büro  ");
  CHECK(pad_left("42", 5) == "   42");
  CHECK(pad_left("123456", 3) == "123456");
}

TEST_CASE("text: durations have the unit that a person would choose", "[report][text]") {
  CHECK(format_duration(0ns) == "0");
  CHECK(format_duration(830ns) == "830 ns");
  CHECK(format_duration(41'200ns) == "41.2 us");
  CHECK(format_duration(5'040ns) == "5.04 us");
  CHECK(format_duration(9'996ns) == "10.0 us");
  CHECK(format_duration(99'949ns) == "99.9 us");
  CHECK(format_duration(99'950ns) == "100 us");
  CHECK(format_duration(412us) == "412 us");
  CHECK(format_duration(999'600ns) == "1.00 ms");
  CHECK(format_duration(1'240us) == "1.24 ms");
  CHECK(format_duration(250ms) == "250 ms");
  CHECK(format_duration(80'400us) == "80.4 ms");
  CHECK(format_duration(3'500ms) == "3.50 s");
  CHECK(format_duration(59'940ms) == "59.9 s");
  CHECK(format_duration(125s) == "2 min 05 s");
  CHECK(format_duration(3h + 7min + 59s) == "3 h 07 min");
  CHECK(format_duration(52h) == "2 d 04 h");
  CHECK(format_duration(-41'200ns) == "-41.2 us");
  CHECK(format_duration(Nanoseconds(std::numeric_limits<std::int64_t>::min())) ==
        "-106751 d 23 h");
}

TEST_CASE("text: counts are grouped by thousands", "[report][text]") {
  CHECK(format_count(0) == "0");
  CHECK(format_count(999) == "999");
  CHECK(format_count(1'000) == "1,000");
  CHECK(format_count(1'234'567) == "1,234,567");
  CHECK(count_of(0, "frame", "frames") == "no frames");
  CHECK(count_of(1, "frame", "frames") == "1 frame");
  CHECK(count_of(1'204, "frame", "frames") == "1,204 frames");
}
