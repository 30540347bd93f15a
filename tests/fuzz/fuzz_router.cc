// Any packets (raw IP) through a router that translates in every way there is. Bit 0 of the
// option byte is the side where a packet enters.
#include <array>
#include <cstdint>
#include <cstdlib>

#include "natlens/ruleset/parse.h"

#include "router_box.h"

namespace {

constexpr const char* kRules = R"(
nat64 { pool 192.0.2.1-192.0.2.2 }
npt { inside fd01:2:3::/48; outside 2001:db8:1::/48 }
table inet h {
  ct helper ftp { type "ftp" protocol tcp; }
  ct helper tftp { type "tftp" protocol udp; }
  ct helper irc { type "irc" protocol tcp; }
  ct helper pptp { type "pptp" protocol tcp; }
  ct helper sip { type "sip" protocol udp; }
  ct helper amanda { type "amanda" protocol udp; }
  chain pr {
    type filter hook prerouting priority -150;
    tcp dport 21 ct helper set "ftp"
    udp dport 69 ct helper set "tftp"
    tcp dport 6667 ct helper set "irc"
    tcp dport 1723 ct helper set "pptp"
    udp dport 5060 ct helper set "sip"
    udp dport 10080 ct helper set "amanda"
  }
}
table ip n {
  chain pre {
    type nat hook prerouting priority dstnat;
    iifname wan0 tcp dport 8000-8010 dnat to 10.0.0.2-10.0.0.4:80
    iifname wan0 udp dport 53 dnat to 10.0.0.53
  }
  chain post {
    type nat hook postrouting priority srcnat;
    oifname wan0 udp dport 123 snat to 198.51.100.1:2000-2003
    oifname wan0 masquerade
  }
}
)";

constexpr std::array<natlens::capture::LinkType, 1> kRawIp{101};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const auto rules = natlens::ruleset::parse(kRules, "fuzz.nft");
  if (!rules) std::abort();
  natlens::fuzz::RouterBox box(*rules);
  natlens::fuzz::each_frame({data, size}, kRawIp,
                            [&](const natlens::capture::Frame& frame, std::uint8_t option) {
                              box.pass(frame, option & 1U);
                            });
  return 0;
}
