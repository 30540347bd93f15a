#include "support/scene.h"

using natlens::test::Scene;

namespace {

// A UDP flow that crosses, and an error about its first packet from a router outside; `inside`
// is what becomes of it there.
std::string with_error(const std::string& outside, const std::string& inside) {
  return R"(
    0.0 both udp 172.20.4.10:50000 > 203.0.113.30:7010 text one as 40001 #flow
    0.1 both udp 203.0.113.30:7010 > 172.20.4.10:50000 text two as 40001
    0.2 both udp 172.20.4.10:50000 > 203.0.113.30:7010 text three as 40001
    0.3 )" +
         outside + "\n" + inside + "\n";
}

std::string error(const std::string& where,
                  const std::string& to,
                  const std::string& quoted,
                  const std::string& type,
                  const std::string& name,
                  const std::string& from = "192.0.2.200") {
  return where + " icmp " + from + ":0 > " + to + ":0 " + type + " #" + name + " quote udp " +
         quoted + " > 203.0.113.30:7010 id 777 text three;";
}

const std::string kUnreachable = "type 3 code 1";
const std::string kTooBig = "type 3 code 4 mtu 1300";

std::string outside(const std::string& type) {
  return error("wan", std::string(Scene::kExternal), std::string(Scene::kExternal) + ":40001",
               type, "outside");
}

std::string inside(const std::string& quoted, const std::string& type = kUnreachable) {
  return "0.3002 " + error("lan", "172.20.4.10", quoted, type, "inside");
}

}  // namespace

TEST_CASE("ICMP-ERROR-LOST: a packet too big that the NAT keeps", "[findings][icmp]") {
  Scene scene;
  scene.play(with_error(outside(kTooBig), ""));
  INFO(scene.told());
  REQUIRE(scene.raised("ICMP-ERROR-LOST"));
  CHECK(scene.find("ICMP-ERROR-LOST")->severity == "error");
  CHECK(scene.find("ICMP-ERROR-LOST")->facts["mtu"] == 1300);
  CHECK(scene.names("ICMP-ERROR-LOST", "cause", "wan", "outside"));
  CHECK(scene.misses("ICMP-ERROR-LOST", "lan"));
}

TEST_CASE("ICMP-ERROR-LOST: others are a warning, redirects to know", "[findings][icmp]") {
  Scene scene;
  scene.play(with_error(outside(kUnreachable), ""));
  INFO(scene.told());
  REQUIRE(scene.raised("ICMP-ERROR-LOST"));
  CHECK(scene.find("ICMP-ERROR-LOST")->severity == "warning");
  Scene quench;
  quench.play(with_error(outside("type 4 code 0"), ""));
  INFO(quench.told());
  REQUIRE(quench.raised("ICMP-ERROR-LOST"));
  CHECK(quench.find("ICMP-ERROR-LOST")->severity == "info");
}

TEST_CASE("ICMP-ERROR-LOST: one that passes, one about no mapping, one with a bad checksum",
          "[findings][icmp]") {
  Scene passes;
  passes.play(with_error(outside(kTooBig), inside("172.20.4.10:50000", kTooBig)));
  INFO(passes.told());
  CHECK(!passes.raised("ICMP-ERROR-LOST"));
  CHECK(!passes.raised("ICMP-INNER-UNTRANSLATED"));
  Scene unknown;
  unknown.play(with_error(error("wan", std::string(Scene::kExternal),
                                std::string(Scene::kExternal) + ":41111", kTooBig, "outside"),
                          ""));
  INFO(unknown.told());
  CHECK(!unknown.raised("ICMP-ERROR-LOST"));
  Scene bad;
  bad.play(with_error(
      error("wan", std::string(Scene::kExternal), std::string(Scene::kExternal) + ":40001",
            kTooBig + " badsum", "outside", "203.0.113.30"),
      ""));
  INFO(bad.told());
  CHECK(!bad.raised("ICMP-ERROR-LOST"));
}

TEST_CASE("ICMP-ERROR-LOST: some of many equal ones pass", "[findings][icmp]") {
  Scene scene;
  scene.play(with_error(outside(kUnreachable), inside("172.20.4.10:50000")));
  scene.play("0.4 " + outside(kUnreachable));
  INFO(scene.told());
  CHECK(!scene.raised("ICMP-ERROR-LOST"));
}

TEST_CASE("ICMP-INNER-UNTRANSLATED: the quote has the external end still", "[findings][icmp]") {
  Scene scene;
  scene.play(
      with_error(outside(kUnreachable), inside(std::string(Scene::kExternal) + ":40001")));
  INFO(scene.told());
  REQUIRE(scene.raised("ICMP-INNER-UNTRANSLATED", "inner-address"));
  CHECK(scene.names("ICMP-INNER-UNTRANSLATED", "cause", "lan", "inside"));
  CHECK(scene.names("ICMP-INNER-UNTRANSLATED", "example", "wan", "outside"));
  CHECK(!scene.raised("ICMP-ERROR-LOST"));
  CHECK(scene.find("ICMP-INNER-UNTRANSLATED")->facts["expected"]["source"] ==
        "172.20.4.10:50000");
}

TEST_CASE("ICMP-INNER-UNTRANSLATED: the address is translated, the port is not",
          "[findings][icmp]") {
  Scene scene;
  scene.play(with_error(outside(kUnreachable), inside("172.20.4.10:40001")));
  INFO(scene.told());
  REQUIRE(scene.raised("ICMP-INNER-UNTRANSLATED", "inner-port"));
  CHECK(scene.names("ICMP-INNER-UNTRANSLATED", "cause", "lan", "inside"));
}

TEST_CASE("ICMP-INNER-UNTRANSLATED: an error leaves with its private source",
          "[findings][icmp]") {
  const std::string flow = R"(
    0.0 both udp 172.20.4.10:50000 > 203.0.113.30:7010 text one as 40001
    0.1 both udp 203.0.113.30:7010 > 172.20.4.10:50000 text two as 40001
    0.2 lan icmp 172.20.4.10:0 > 203.0.113.30:0 type 3 code 3 #inside quote udp 203.0.113.30:7010 > 172.20.4.10:50000 id 778 text two;
  )";
  Scene scene;
  scene.play(flow + R"(
    0.2002 wan icmp 172.20.4.10:0 > 203.0.113.30:0 type 3 code 3 #outside quote udp 203.0.113.30:7010 > 198.51.100.66:40001 id 778 text two;
  )");
  INFO(scene.told());
  REQUIRE(scene.raised("ICMP-INNER-UNTRANSLATED", "outer-source"));
  CHECK(scene.names("ICMP-INNER-UNTRANSLATED", "cause", "wan", "outside"));
  CHECK(scene.names("ICMP-INNER-UNTRANSLATED", "example", "lan", "inside"));
  Scene healthy;
  healthy.play(flow + R"(
    0.2002 wan icmp 198.51.100.66:0 > 203.0.113.30:0 type 3 code 3 quote udp 203.0.113.30:7010 > 198.51.100.66:40001 id 778 text two;
  )");
  INFO(healthy.told());
  CHECK(!healthy.raised("ICMP-INNER-UNTRANSLATED"));
}

TEST_CASE("ICMP-KILLS-MAPPING: another port right behind an error, twice", "[findings][icmp]") {
  const auto flow = [](int port, bool again) {
    const auto line = [&](double time, const char* text, int as) {
      return fmt::format(
          "{} both udp 172.20.4.10:{} > 203.0.113.30:7010 text {}{} as {} #{}{}\n"
          "{} both udp 203.0.113.30:7010 > 172.20.4.10:{} text {}a{} as {}\n",
          time, port, text, port, as, text, port, time + 0.01, port, text, port, as);
    };
    std::string out = line(0.0, "one", port) + line(0.1, "two", port);
    if (again) {
      for (const char* where : {"wan", "lan"}) {
        const bool wan = std::string_view(where) == "wan";
        out += fmt::format(
            "{} {} icmp 192.0.2.200:0 > {}:0 type 3 code 1 #{}{} quote udp {}:{} > "
            "203.0.113.30:7010 id 778 text two{};\n",
            wan ? 0.2 : 0.2002, where, wan ? Scene::kExternal : "172.20.4.10", where, port,
            wan ? Scene::kExternal : "172.20.4.10", port, port);
      }
    }
    return out + line(1.0, "three", port + 9) + line(1.1, "four", port + 9);
  };
  Scene scene;
  scene.play(flow(50000, true) + flow(50100, true));
  INFO(scene.told());
  REQUIRE(scene.raised("ICMP-KILLS-MAPPING"));
  CHECK(scene.names("ICMP-KILLS-MAPPING", "cause", "wan", "wan50000"));
  CHECK(scene.names("ICMP-KILLS-MAPPING", "effect", "wan", "three50100"));
  Scene once;
  once.play(flow(50000, true) + flow(50100, false));
  INFO(once.told());
  CHECK(!once.raised("ICMP-KILLS-MAPPING"));
}
