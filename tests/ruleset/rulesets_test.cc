// Rulesets of well known programs: read, with what is unknown in them named by line, and judged
// without a wrong answer.
#include <fstream>
#include <iterator>

#include "natlens/ruleset/parse.h"
#include "natlens/ruleset/router.h"

#include "packet_layer.h"
#include "support/catch.h"

namespace natlens::ruleset {
namespace {

struct Silent : conntrack::Sink {
  void opened(const conntrack::Opened&) override {}
  void event(const conntrack::Event&) override {}
  void closed(const conntrack::Closed&) override {}
};

Ruleset ruleset_of(const std::string& name) {
  const std::string path = std::string(NATLENS_SOURCE_DIR) + "/tests/ruleset/rulesets/" + name;
  auto rules = load(path);
  INFO((rules ? path : rules.error().message));
  REQUIRE(rules);
  return std::move(*rules);
}

// A SYN.
std::vector<std::uint8_t> syn(const Endpoint& from, const Endpoint& to) {
  std::vector<std::uint8_t> ip(40);
  ip[0] = 0x45;
  ip[3] = 40;
  ip[8] = 64;
  ip[9] = protocol::kTcp;
  std::copy_n(from.address.bytes().begin(), 4, ip.begin() + 12);
  std::copy_n(to.address.bytes().begin(), 4, ip.begin() + 16);
  for (const auto& [at, port] : {std::pair{20U, from.port}, std::pair{22U, to.port}}) {
    ip[at] = static_cast<std::uint8_t>(port >> 8);
    ip[at + 1] = static_cast<std::uint8_t>(port);
  }
  ip[32] = 5 << 4;
  ip[33] = 2;
  return ip;
}

struct Case {
  std::string file;
  std::string inner, outer;  // names of interfaces
  std::string behind;
  bool from_inside;
  std::string from, to;
  Fate fate;
  std::string source, destination;  // "" = as it was
  bool certain = true;
};

Passed send(const Ruleset& rules, const Case& c) {
  RouterSetup setup;
  setup.interfaces = {
      {c.inner, {*parse_prefix(c.behind)}, {}},
      {c.outer, {*parse_prefix("0.0.0.0/0")}, {*Address::parse("198.51.100.1")}}};
  conntrack::Options options;
  REQUIRE(options.set_sysctl("nf_conntrack_checksum", "0"));
  Silent sink;
  Router router(rules, setup, options, sink);
  const auto ip = syn(*parse_endpoint(c.from), *parse_endpoint(c.to));
  const auto layer = layer_of(ip);
  conntrack::Packet packet;
  packet.layer = &layer;
  packet.time = Timestamp::from_ns(1);
  packet.frame = 1;
  Passed passed;
  router.pass(packet, c.from_inside ? 0 : 1, passed);
  return passed;
}

}  // namespace

TEST_CASE("rulesets: what is unknown in them is named by its line, and nothing else",
          "[ruleset]") {
  using Lines = std::vector<std::uint32_t>;
  for (const auto& [file, lines] : std::vector<std::pair<std::string, Lines>>{
           {"docker.save", {}},
           {"libvirt.save", {}},
           {"kube-proxy.save", {27}},              // statistic
           {"fw4.nft", {36, 47, 112, 113}},        // limits, and the MSS changed
           {"firewalld.nft", {63}},                // the reverse path
           {"ufw.save", {27, 28, 32, 35, 36}}}) {  // limits, recent
    INFO(file);
    Lines found;
    for (const Gap& gap : ruleset_of(file).gaps) found.push_back(gap.place.line);
    CHECK(found == lines);
  }
}

TEST_CASE("rulesets: connections go where the programs send them", "[ruleset]") {
  const std::string docker = "172.17.0.0/16";
  const std::string home = "192.168.1.0/24";
  for (const Case& c : std::vector<Case>{
           {"docker.save", "docker0", "eth0", docker, false, "203.0.113.9:5000",
            "198.51.100.1:8080", Fate::kForwarded, "", "172.17.0.2:80"},
           {"docker.save", "docker0", "eth0", docker, true, "172.17.0.2:5000",
            "203.0.113.9:443", Fate::kForwarded, "198.51.100.1:5000", ""},
           {"docker.save", "docker0", "eth0", docker, false, "203.0.113.9:5000",
            "198.51.100.1:9999", Fate::kLocal, "", ""},
           {"docker.save", "docker0", "eth0", docker, false, "203.0.113.9:5000",
            "172.17.0.3:22", Fate::kDropped, "", ""},
           {"libvirt.save", "virbr0", "eth0", "192.168.122.0/24", true, "192.168.122.5:5000",
            "203.0.113.9:443", Fate::kForwarded, "198.51.100.1:5000", ""},
           {"libvirt.save", "virbr0", "eth0", "192.168.122.0/24", false, "203.0.113.9:5000",
            "192.168.122.5:22", Fate::kDropped, "", ""},
           {"kube-proxy.save", "cni0", "eth0", "10.42.0.0/16", true, "10.42.1.7:5000",
            "203.0.113.9:443", Fate::kForwarded, "", ""},
           {"kube-proxy.save", "cni0", "eth0", "10.42.0.0/16", false, "203.0.113.9:5000",
            "198.51.100.1:30080", Fate::kForwarded, "?", "10.42.2.7:80", false},
           {"fw4.nft", "br-lan", "wan", home, true, "192.168.1.20:5000", "203.0.113.9:443",
            Fate::kForwarded, "198.51.100.1:5000", ""},
           {"fw4.nft", "br-lan", "wan", home, false, "203.0.113.9:5000", "198.51.100.1:8080",
            Fate::kForwarded, "", "192.168.1.10:80"},
           {"fw4.nft", "br-lan", "wan", home, false, "203.0.113.9:5000", "192.168.1.10:22",
            Fate::kDropped, "", ""},
           {"firewalld.nft", "lan0", "wan0", home, true, "192.168.1.20:5000", "203.0.113.9:443",
            Fate::kForwarded, "198.51.100.1:5000", ""},
           {"firewalld.nft", "lan0", "wan0", home, false, "203.0.113.9:5000",
            "198.51.100.1:2222", Fate::kForwarded, "", "192.168.1.10:22"},
           {"firewalld.nft", "lan0", "wan0", home, false, "203.0.113.9:5000", "192.168.1.10:80",
            Fate::kDropped, "", ""},
           {"ufw.save", "lan0", "wan0", "10.0.0.0/24", true, "10.0.0.5:5000", "203.0.113.9:443",
            Fate::kForwarded, "198.51.100.1:5000", ""},
           {"ufw.save", "lan0", "wan0", "10.0.0.0/24", false, "203.0.113.9:5000", "10.0.0.5:22",
            Fate::kDropped, "", ""}}) {
    INFO(c.file << " " << c.from << " > " << c.to);
    const Ruleset rules = ruleset_of(c.file);
    const Passed passed = send(rules, c);
    CHECK(to_string(passed.fate) == to_string(c.fate));
    CHECK((passed.doubt == nullptr) == c.certain);
    if (passed.fate != Fate::kForwarded) continue;
    const auto end = [](const Address& address, std::uint16_t port) {
      return to_string(Endpoint{address, port});
    };
    if (c.source != "?") {
      CHECK(end(passed.after.src, passed.after.src_port) ==
            (c.source.empty() ? c.from : c.source));
    }
    CHECK(end(passed.after.dst, passed.after.dst_port) ==
          (c.destination.empty() ? c.to : c.destination));
  }
}

}  // namespace natlens::ruleset
