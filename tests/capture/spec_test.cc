// How a source is written on the command line.

#include "natlens/capture/source.h"

#include "capture/capture_bytes.h"
#include "support/catch.h"
#include "support/temp_dir.h"

namespace natlens::capture::test {
namespace {

using natlens::test::TempDir;
using Files = std::vector<std::string>;

TEST_CASE("source: names, lists and interfaces", "[capture][spec]") {
  TempDir dir;
  const std::string a = dir.file("a.pcap", {});
  const std::string b = dir.file("b.pcap", {});
  struct Case {
    std::string argument;
    std::string name;
    Files files;
    std::string interface;
  };
  const std::vector<Case> cases = {
      {a, "", {a}, ""},
      {"lan=" + a, "lan", {a}, ""},
      {a + "," + b, "", {a, b}, ""},
      {"lan=" + b + "," + a, "lan", {b, a}, ""},
      {"lan=" + a + "%eth1", "lan", {a}, "eth1"},
      {a + "%3", "", {a}, "3"},
      {"lan=" + a + "," + b + "%eth1", "lan", {a, b}, "eth1"},
      {"-", "", {"-"}, ""},
      {"lan=-", "lan", {"-"}, ""},
      {"lan=-%eth0", "lan", {"-"}, "eth0"},
      {"lan=" + a + ",-", "lan", {a, "-"}, ""},
  };
  for (const Case& c : cases) {
    INFO(c.argument);
    const auto spec = parse_source(c.argument);
    REQUIRE(spec);
    CHECK(spec->name == c.name);
    CHECK(spec->files == c.files);
    CHECK(spec->interface == c.interface);
  }
}

TEST_CASE("source: a path that exists is a path", "[capture][spec]") {
  TempDir dir;
  const std::string odd = dir.file("x=y,z%w.pcap", {});
  const std::string comma = dir.file("p,q.pcap", {});
  const std::string percent = dir.file("100%.pcap", {});
  CHECK(parse_source(odd)->files == Files{odd});
  CHECK(parse_source("lan=" + odd)->files == Files{odd});
  CHECK(parse_source("lan=" + comma + "," + odd)->files == Files{comma, odd});
  CHECK(parse_source("lan=" + percent)->interface.empty());
  CHECK(parse_source("lan=" + percent + "%eth0")->interface == "eth0");
  CHECK(parse_source(odd)->name.empty());
}

TEST_CASE("source: what is wrong with an argument", "[capture][spec]") {
  TempDir dir;
  const std::string a = dir.file("a.pcap", {});
  const std::string none = dir.path("none.pcap");
  struct Case {
    std::string argument;
    std::string message;
  };
  const std::vector<Case> cases = {
      {"", "empty source; write [NAME=]FILE[,FILE...]"},
      {none, none + ": no such file"},
      {"lan=" + none, "lan=" + none + ": " + none + ": no such file"},
      {"=" + a, "=" + a + ": empty tap name before '='"},
      {"lan=", "lan=: empty file name; write [NAME=]FILE[,FILE...]"},
      {a + ",", a + ",: empty file name; write [NAME=]FILE[,FILE...]"},
      {a + "," + none, a + "," + none + ": " + none + ": no such file"},
      {"lan=" + a + "%", "lan=" + a + "%: no interface after '%'"},
      {"lan=" + none + "%eth0", "lan=" + none + "%eth0: " + none + ": no such file"},
      {"-,-", "-,-: standard input can be read once only"},
  };
  for (const Case& c : cases) {
    INFO(c.argument);
    const auto spec = parse_source(c.argument);
    REQUIRE_FALSE(spec);
    CHECK(spec.error().message == c.message);
  }
}

}  // namespace
}  // namespace natlens::capture::test
