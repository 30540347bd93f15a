// The expected lines are what conntrack(8) 1.4.7 printed of the same entries.
#include "natlens/report/track_text.h"

#include "support/catch.h"

namespace natlens::report {
namespace {

namespace status = conntrack::status;

ConntrackEntry entry_of(std::uint8_t protocol,
                        const char* src,
                        const char* dst,
                        std::uint16_t src_port,
                        std::uint16_t dst_port,
                        std::uint32_t timeout) {
  ConntrackEntry entry;
  entry.original.src = Address::parse(src).value();
  entry.original.dst = Address::parse(dst).value();
  entry.original.protocol = protocol;
  entry.original.src_port = src_port;
  entry.original.dst_port = dst_port;
  REQUIRE(conntrack::invert(entry.original, entry.reply));
  entry.timeout_seconds = timeout;
  return entry;
}

ConntrackEntry established() {
  auto entry = entry_of(6, "10.0.0.1", "203.0.113.5", 40000, 80, 299);
  entry.state = static_cast<std::uint8_t>(conntrack::TcpState::kEstablished);
  entry.status = status::kSeenReply | status::kAssured;
  return entry;
}

}  // namespace

TEST_CASE("conntrack lines: listings of every kind of entry", "[report][conntrack]") {
  CHECK(
      conntrack_line(established()) ==
      "ipv4     2 tcp      6 299 ESTABLISHED src=10.0.0.1 dst=203.0.113.5 sport=40000 dport=80 "
      "src=203.0.113.5 dst=10.0.0.1 sport=80 dport=40000 [ASSURED] mark=0 use=1");
  auto udp = entry_of(17, "10.0.0.1", "203.0.113.5", 5001, 53, 99);
  udp.mark = 7;
  udp.zone = 5;
  CHECK(
      conntrack_line(udp) ==
      "ipv4     2 udp      17 99 src=10.0.0.1 dst=203.0.113.5 sport=5001 dport=53 [UNREPLIED] "
      "src=203.0.113.5 dst=10.0.0.1 sport=53 dport=5001 mark=7 zone=5 use=1");
  auto one_way = entry_of(17, "10.0.0.1", "203.0.113.5", 5002, 53, 99);
  one_way.zone = 3;
  one_way.zone_reply = false;
  CHECK(
      conntrack_line(one_way) ==
      "ipv4     2 udp      17 99 src=10.0.0.1 dst=203.0.113.5 sport=5002 dport=53 zone-orig=3 "
      "[UNREPLIED] src=203.0.113.5 dst=10.0.0.1 sport=53 dport=5002 mark=0 use=1");
  auto syn = entry_of(6, "fd00::1", "2001:db8::5", 40000, 80, 299);
  syn.state = static_cast<std::uint8_t>(conntrack::TcpState::kSynSent);
  CHECK(conntrack_line(syn) ==
        "ipv6     10 tcp      6 299 SYN_SENT src=fd00::1 dst=2001:db8::5 sport=40000 dport=80 "
        "[UNREPLIED] src=2001:db8::5 dst=fd00::1 sport=80 dport=40000 mark=0 use=1");
  CHECK(conntrack_line(entry_of(1, "10.0.0.1", "203.0.113.5", 7, 8 << 8, 99)) ==
        "ipv4     2 icmp     1 99 src=10.0.0.1 dst=203.0.113.5 type=8 code=0 id=7 [UNREPLIED] "
        "src=203.0.113.5 dst=10.0.0.1 type=0 code=0 id=7 mark=0 use=1");
  CHECK(
      conntrack_line(entry_of(58, "fd00::1", "2001:db8::5", 9, 128 << 8, 49)) ==
      "ipv6     10 icmpv6   58 49 src=fd00::1 dst=2001:db8::5 type=128 code=0 id=9 [UNREPLIED] "
      "src=2001:db8::5 dst=fd00::1 type=129 code=0 id=9 mark=0 use=1");
  CHECK(conntrack_line(entry_of(47, "10.0.0.1", "203.0.113.5", 0, 77, 99)) ==
        "ipv4     2 gre      47 99 src=10.0.0.1 dst=203.0.113.5 srckey=0x0 dstkey=0x4d "
        "[UNREPLIED] "
        "src=203.0.113.5 dst=10.0.0.1 srckey=0x4d dstkey=0x0 mark=0 use=1");
  CHECK(conntrack_line(entry_of(50, "10.0.0.1", "203.0.113.5", 0, 0, 99)) ==
        "ipv4     2 unknown  50 99 src=10.0.0.1 dst=203.0.113.5 [UNREPLIED] src=203.0.113.5 "
        "dst=10.0.0.1 mark=0 use=1");
  auto sctp = entry_of(132, "10.0.0.1", "203.0.113.5", 1, 2, 99);
  sctp.state = static_cast<std::uint8_t>(conntrack::SctpState::kEstablished);
  CHECK(conntrack_line(sctp) ==
        "ipv4     2 sctp     132 99 ESTABLISHED src=10.0.0.1 dst=203.0.113.5 sport=1 dport=2 "
        "[UNREPLIED] src=203.0.113.5 dst=10.0.0.1 sport=2 dport=1 mark=0 use=1");
}

TEST_CASE("conntrack lines: counters and helper", "[report][conntrack]") {
  auto entry = entry_of(17, "10.0.0.1", "203.0.113.5", 5000, 53, 29);
  entry.counters.emplace();
  (*entry.counters)[0] = {2, 58};
  entry.helper = "tftp";
  CHECK(
      conntrack_line(entry) ==
      "ipv4     2 udp      17 29 src=10.0.0.1 dst=203.0.113.5 sport=5000 dport=53 packets=2 "
      "bytes=58 [UNREPLIED] src=203.0.113.5 dst=10.0.0.1 sport=53 dport=5000 packets=0 bytes=0 "
      "mark=0 helper=tftp use=1");
}

TEST_CASE("conntrack lines: events", "[report][conntrack]") {
  const auto time = Timestamp::from_ns(1795247392'728052'123);
  CHECK(
      conntrack_event_line(conntrack::EventKind::kUpdate, time, established()) ==
      "[1795247392.728052]\t [UPDATE] ipv4     2 tcp      6 299 ESTABLISHED src=10.0.0.1 "
      "dst=203.0.113.5 sport=40000 dport=80 src=203.0.113.5 dst=10.0.0.1 sport=80 dport=40000 "
      "[ASSURED]");
  auto gone = entry_of(17, "10.0.0.1", "203.0.113.5", 5000, 53, 0);
  gone.timeout_seconds.reset();
  gone.counters.emplace();
  CHECK(
      conntrack_event_line(conntrack::EventKind::kDestroy, time, gone) ==
      "[1795247392.728052]\t[DESTROY] ipv4     2 udp      17 src=10.0.0.1 dst=203.0.113.5 "
      "sport=5000 dport=53 packets=0 bytes=0 [UNREPLIED] src=203.0.113.5 dst=10.0.0.1 sport=53 "
      "dport=5000 packets=0 bytes=0");
  CHECK(conntrack_event_line(conntrack::EventKind::kNew, time, gone) ==
        "[1795247392.728052]\t    [NEW] ipv4     2 udp      17 src=10.0.0.1 dst=203.0.113.5 "
        "sport=5000 dport=53 [UNREPLIED] src=203.0.113.5 dst=10.0.0.1 sport=53 dport=5000");
}

TEST_CASE("conntrack lines: save", "[report][conntrack]") {
  CHECK(conntrack_save_line(established()) ==
        "-A -t 299 -u SEEN_REPLY,ASSURED -s 10.0.0.1 -d 203.0.113.5 -r 203.0.113.5 -q 10.0.0.1 "
        "-p tcp --sport 40000 --dport 80 --reply-port-src 80 --reply-port-dst 40000 "
        "--state ESTABLISHED");
  auto udp = entry_of(17, "10.0.0.1", "203.0.113.5", 5001, 53, 99);
  udp.zone = 5;
  CHECK(conntrack_save_line(udp) ==
        "-A -t 99 -u UNSET -w 5 -s 10.0.0.1 -d 203.0.113.5 -r 203.0.113.5 -q 10.0.0.1 -p udp "
        "--sport 5001 --dport 53 --reply-port-src 53 --reply-port-dst 5001");
  CHECK(conntrack_save_line(entry_of(1, "10.0.0.1", "203.0.113.5", 7, 8 << 8, 99)) ==
        "-A -t 99 -u UNSET -s 10.0.0.1 -d 203.0.113.5 -r 203.0.113.5 -q 10.0.0.1 -p icmp "
        "--icmp-type 8 --icmp-code 0 --icmp-id 7");
  CHECK(conntrack_save_line(entry_of(47, "10.0.0.1", "203.0.113.5", 0, 77, 99)) ==
        "-A -t 99 -u UNSET -s 10.0.0.1 -d 203.0.113.5 -r 203.0.113.5 -q 10.0.0.1 -p gre "
        "--srckey 0 --dstkey 77 --reply-key-src 77 --reply-key-dst 0");
  CHECK(conntrack_save_line(entry_of(50, "10.0.0.1", "203.0.113.5", 0, 0, 99)) ==
        "-A -t 99 -u UNSET -s 10.0.0.1 -d 203.0.113.5 -r 203.0.113.5 -q 10.0.0.1 -p 50");
  auto sctp = entry_of(132, "10.0.0.1", "203.0.113.5", 1, 2, 99);
  sctp.state = static_cast<std::uint8_t>(conntrack::SctpState::kEstablished);
  sctp.vtag = {5, 6};
  CHECK(conntrack_save_line(sctp) ==
        "-A -t 99 -u UNSET -s 10.0.0.1 -d 203.0.113.5 -r 203.0.113.5 -q 10.0.0.1 -p sctp "
        "--sport 1 --dport 2 --reply-port-src 2 --reply-port-dst 1 --state ESTABLISHED "
        "--orig-vtag 5 --reply-vtag 6");
}

TEST_CASE("conntrack lines: expectations", "[report][conntrack]") {
  conntrack::ExpectationEvent e;
  e.timeout_seconds = 299;
  e.protocol = 6;
  e.tuple = entry_of(6, "203.0.113.5", "10.0.0.1", 0, 40001, 0).original;
  e.mask = entry_of(6, "255.255.255.255", "255.255.255.255", 0, 65535, 0).original;
  e.helper = "ftp";
  const Tuple master = entry_of(6, "10.0.0.1", "203.0.113.5", 40000, 21, 0).original;
  CHECK(
      conntrack_expectation_line(e, master) ==
      "299 proto=6 src=203.0.113.5 dst=10.0.0.1 sport=0 dport=40001 mask-src=255.255.255.255 "
      "mask-dst=255.255.255.255 sport=0 dport=65535 master-src=10.0.0.1 master-dst=203.0.113.5 "
      "sport=40000 dport=21 class=0 helper=ftp");
}

}  // namespace natlens::report
