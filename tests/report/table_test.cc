#include "natlens/report/table.h"

#include <cmath>
#include <string>

#include "natlens/report/text.h"

#include "support/catch.h"

using namespace natlens;
using namespace natlens::report;
using store::Table;
using store::Value;

namespace {

Table mappings() {
  return {{"protocol", "internal", "translations", "bits"},
          {{std::string("tcp"), std::string("192.0.2.10:40000"), std::int64_t{12}, 40.5},
           {std::string("udp"), std::string("192.0.2.9:53"), std::int64_t{3}, Value{}},
           {std::string("icmp"), Value{}, std::int64_t{1200}, 8.0}}};
}

}  // namespace

TEST_CASE("table: text to the left, numbers to the right, nothing after the last column",
          "[report][table]") {
  CHECK(table_text(mappings()) ==
        "protocol  internal          translations  bits\n"
        "tcp       192.0.2.10:40000            12  40.5\n"
        "udp       192.0.2.9:53                 3\n"
        "icmp                                1200   8.0\n");
}

TEST_CASE("table: one row of text makes the whole column text", "[report][table]") {
  const Table table{
      {"port", "note"},
      {{std::int64_t{53}, std::string("a")}, {std::string("any"), std::string("b")}}};
  CHECK(table_text(table) ==
        "port  note\n"
        "53    a\n"
        "any   b\n");
}

TEST_CASE("table: columns line up by what a terminal shows", "[report][table]") {
  const Table table{
      {"tap", "frames"},
      {{std::string("Büro"), std::int64_t{1}}, {std::string("网络"), std::int64_t{22}}}};
  CHECK(table_text(table) ==
        "tap   frames\n"
        "Büro       1\n"
        "网络      22\n");
}

TEST_CASE("table: a narrow terminal clips the widest text, never a number", "[report][table]") {
  const Table table{
      {"name", "evidence", "bits"},
      {{std::string("translation"), std::string(60, 'e'), std::int64_t{1234567890}}}};
  const TableStyle narrow{40, false};
  CHECK(table_text(table, TableFormat::kTable, narrow) ==
        "name         evidence               bits\n"
        "translation  eeeeeeeeeeeeee…  1234567890\n");
  const TableStyle hopeless{10, false};
  CHECK(table_text(table, TableFormat::kTable, hopeless) ==
        "name      evidence        bits\n"
        "transla…  eeeeeee…  1234567890\n");
}

TEST_CASE("table: control characters are shown, not sent", "[report][table]") {
  const Table table{{"note"}, {{std::string("a\x1b[2Jb")}}};
  CHECK(table_text(table) == "note\na\\x1b[2Jb\n");
}

TEST_CASE("table: no rows still tell the columns", "[report][table]") {
  const Table table{{"tap", "frames"}, {}};
  CHECK(table_text(table) == "tap  frames\n");
  CHECK(table_text(table, TableFormat::kCsv) == "tap,frames\r\n");
  CHECK(table_text(table, TableFormat::kJson) == "[]\n");
  CHECK(table_text(table, TableFormat::kJsonl).empty());
}

TEST_CASE("table: rows past the sample stream with the same widths", "[report][table]") {
  Table table{{"n", "text"}, {}};
  for (std::int64_t i = 0; i < 1500; ++i) table.rows.push_back({i, std::string("x")});
  table.rows.push_back({std::int64_t{12345678}, std::string("long")});
  const std::string text = table_text(table);
  CHECK(text.substr(0, 23) == "  n  text\n  0  x\n  1  x");
  CHECK(text.find("\n999  x\n1000  x\n") != std::string::npos);
  CHECK(text.find("\n12345678  long\n") != std::string::npos);
}

TEST_CASE("table: a reader that has gone stops the printing", "[report][table]") {
  Table table{{"n"}, {}};
  for (std::int64_t i = 0; i < 5000; ++i) table.rows.push_back({i});
  for (const TableFormat format :
       {TableFormat::kTable, TableFormat::kCsv, TableFormat::kJson, TableFormat::kJsonl}) {
    int calls = 0;
    const auto printer = make_printer(format, {}, [&calls](std::string_view) {
      ++calls;
      return false;
    });
    print_table(table, *printer);
    CHECK(calls <= 3);
  }
}

TEST_CASE("csv: RFC 4180, with NULL apart from an empty text", "[report][table]") {
  const Table table{{"a", "b,c"},
                    {{std::string("plain"), std::string("say \"hi\"")},
                     {std::string("two\nlines"), std::int64_t{-5}},
                     {Value{}, std::string()},
                     {1.5, std::string("x,y")}}};
  CHECK(table_text(table, TableFormat::kCsv) ==
        "a,\"b,c\"\r\n"
        "plain,\"say \"\"hi\"\"\"\r\n"
        "\"two\nlines\",-5\r\n"
        ",\"\"\r\n"
        "1.5,\"x,y\"\r\n");
}

TEST_CASE("json: an array of objects, integers whole, NaN null, bad UTF-8 replaced",
          "[report][table]") {
  const Table table{{"time_ns", "text", "bits"},
                    {{std::int64_t{1795249854501156772}, std::string("a\"b\xff"), 40.25},
                     {Value{}, std::string("\x01"), std::nan("")}}};
  CHECK(table_text(table, TableFormat::kJson) ==
        "[\n"
        "  {\"time_ns\": 1795249854501156772, \"text\": \"a\\\"b\uFFFD\", \"bits\": 40.25},\n"
        "  {\"time_ns\": null, \"text\": \"\\u0001\", \"bits\": null}\n"
        "]\n");
  CHECK(table_text(table, TableFormat::kJsonl) ==
        "{\"time_ns\": 1795249854501156772, \"text\": \"a\\\"b\uFFFD\", \"bits\": 40.25}\n"
        "{\"time_ns\": null, \"text\": \"\\u0001\", \"bits\": null}\n");
}

TEST_CASE("table: formats by name", "[report][table]") {
  CHECK(parse_table_format("jsonl") == TableFormat::kJsonl);
  CHECK(parse_table_format("table") == TableFormat::kTable);
  CHECK_FALSE(parse_table_format("xml").has_value());
}
