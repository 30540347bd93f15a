// The data of the page: columns, strings that cannot leave their element, packing.
#include <limits>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "page_columns.h"
#include "page_packed.h"
#include "support/catch.h"

namespace natlens::report {
namespace {

std::string page_string(std::string_view text) {
  std::string out;
  append_page_string(out, text);
  return out;
}

}  // namespace

TEST_CASE("page: a string cannot end its element, nor a line", "[report][page]") {
  const std::string text = "</script><!--&\xe2\x80\xa8\xe2\x80\xa9\"\\\n";
  const std::string out = page_string(text);
  CHECK(out.find_first_of("<>&\n") == std::string::npos);
  CHECK(out.find("\xe2\x80") == std::string::npos);
  CHECK(nlohmann::json::parse(out).get<std::string>() == text);
}

TEST_CASE("page: what is not UTF-8 is replaced, other letters stay", "[report][page]") {
  CHECK(page_string("\xff") == "\"\xef\xbf\xbd\"");
  CHECK(page_string("\xe2\x80\xa6\xc3\xa9") == "\"\xe2\x80\xa6\xc3\xa9\"");
}

TEST_CASE("page: rows become columns, texts a dictionary", "[report][page]") {
  PageColumns columns;
  const std::vector<std::string> names = {"port", "kind", "bits", "none"};
  columns.head(names);
  using Row = std::vector<store::Value>;
  columns.row(Row{std::int64_t{53}, std::string("snat"), 1.5, {}});
  columns.row(Row{{}, std::string("dnat"), std::numeric_limits<double>::quiet_NaN(), {}});
  columns.row(Row{std::int64_t{80}, {}, 2.0, {}});
  columns.row(Row{std::int64_t{-1}, std::string("snat"), {}, {}});
  CHECK(columns.json() ==
        R"({"n":4,"c":{"port":[53,null,80,-1],"kind":{"d":["snat","dnat"],"i":[0,1,null,0]},)"
        R"("bits":[1.5,null,2,null],"none":[null,null,null,null]}})");
}

TEST_CASE("page: packing ends with padding, however the text was cut", "[report][page]") {
  std::string text;
  for (int i = 0; i < 100'000; ++i) text += std::to_string(i * 7919);
  std::string whole;
  PagePacked one;
  one.add(text, whole);
  one.finish(whole);
  std::string pieces;
  PagePacked other;
  for (std::size_t at = 0; at < text.size(); at += 1009) {
    other.add(std::string_view(text).substr(at, 1009), pieces);
  }
  other.finish(pieces);
  CHECK(whole == pieces);
  CHECK(whole.size() % 4 == 0);
  CHECK(whole.starts_with("H4sI"));  // a gzip header
  CHECK(whole.size() < text.size());
}

}  // namespace natlens::report
