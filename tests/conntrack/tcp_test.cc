// nf_conntrack_proto_tcp.c, Linux 6.18, and what older kernels did differently.
#include "natlens/conntrack/tracker.h"

#include "support/catch.h"
#include "support/trace.h"

namespace natlens::test {
namespace {

const std::string kOut = "10.0.0.2:4000 > 192.0.2.9:80 ";
const std::string kBack = "192.0.2.9:80 > 10.0.0.2:4000 ";

struct Step {
  std::string segment;
  std::string seen;
  std::string state;
  std::uint32_t timeout;
};

void run(Trace& trace, const std::vector<Step>& steps) {
  for (std::size_t i = 0; i < steps.size(); ++i) {
    INFO("step " << i << ": " << steps[i].segment);
    trace.at(0.01s * static_cast<double>(trace.frames())).tcp(steps[i].segment);
    CHECK(trace.seen() == steps[i].seen);
    CHECK(trace.state() == steps[i].state);
    CHECK(trace.timeout() == steps[i].timeout);
  }
}

// SYN, SYN+ACK, ACK: ESTABLISHED and ASSURED; client at 1001, server at 5001.
void establish(Trace& trace) {
  trace.tcp(kOut + "S seq 1000").tcp(kBack + "SA seq 5000 ack 1001");
  trace.tcp(kOut + "A seq 1001 ack 5001");
  REQUIRE(trace.assured());
}

Trace with_sysctl(const std::string& name, const std::string& value) {
  auto options = Trace::kernel_options();
  REQUIRE(options.set_sysctl(name, value));
  return Trace(options);
}

conntrack::Options kernel(const std::string& version) {
  auto options = Trace::kernel_options();
  REQUIRE(options.set_kernel(version));
  return options;
}

}  // namespace

TEST_CASE("tcp: a connection opens, carries data and closes", "[conntrack][tcp]") {
  Trace trace;
  run(trace, {
                 {kOut + "S seq 1000", "NEW", "SYN_SENT", 120},
                 {kOut + "S seq 1000", "NEW", "SYN_SENT", 120},
                 {kBack + "SA seq 5000 ack 1001", "ESTABLISHED reply", "SYN_RECV", 60},
                 {kBack + "SA seq 5000 ack 1001", "ESTABLISHED reply", "SYN_RECV", 60},
                 {kOut + "A seq 1001 ack 5001", "ESTABLISHED", "ESTABLISHED", 432000},
                 {kOut + "PA seq 1001 ack 5001 len 10", "ESTABLISHED", "ESTABLISHED", 300},
                 {kBack + "A seq 5001 ack 1011", "ESTABLISHED reply", "ESTABLISHED", 432000},
                 {kOut + "FA seq 1011 ack 5001", "ESTABLISHED", "FIN_WAIT", 120},
                 {kBack + "A seq 5001 ack 1012", "ESTABLISHED reply", "CLOSE_WAIT", 60},
                 {kBack + "FA seq 5001 ack 1012", "ESTABLISHED reply", "LAST_ACK", 30},
                 {kOut + "A seq 1012 ack 5002", "ESTABLISHED", "TIME_WAIT", 120},
             });
  trace.tcp(kOut + "S seq 9000");
  CHECK(trace.seen() == "NEW");
  CHECK(trace.verdict().replaced);
  CHECK(trace.events() == std::vector<std::string>{"DESTROY 1 TIME_WAIT t=120",
                                                   "CLOSED 1 replaced",
                                                   "NEW 2 SYN_SENT t=120"});
}

TEST_CASE("tcp: a SYN on a live connection is let through, and its challenge closes it",
          "[conntrack][tcp]") {
  Trace trace;
  establish(trace);
  run(trace, {
                 {kOut + "S seq 7000", "ESTABLISHED", "ESTABLISHED", 432000},
                 {kBack + "A seq 5001 ack 1001", "ESTABLISHED reply", "ESTABLISHED", 432000},
                 {kOut + "R seq 1001", "ESTABLISHED", "CLOSE", 10},
                 {kOut + "S seq 8000", "NEW", "SYN_SENT", 120},
             });
}

TEST_CASE("tcp: a SYN retransmission is NEW again and refreshes nothing", "[conntrack][tcp]") {
  Trace trace;
  trace.at(0s).tcp(kOut + "S seq 1000");
  trace.at(50s).tcp(kOut + "S seq 1000");
  CHECK(trace.seen() == "NEW");
  CHECK(trace.events().empty());
  CHECK(trace.expires_at() == 120);
  trace.at(120s).tcp(kOut + "S seq 1000");
  CHECK(trace.connection().connection == 2);
}

TEST_CASE("tcp: connection refused removes the entry at once", "[conntrack][tcp]") {
  Trace trace;
  trace.tcp(kOut + "S seq 1000").tcp(kBack + "RA seq 0 ack 1001");
  CHECK(trace.seen() == "ESTABLISHED reply");
  CHECK(trace.connection().connection == 0);
  CHECK(trace.events() == std::vector<std::string>{"DESTROY 1 CLOSE t=120", "CLOSED 1 reset"});
}

TEST_CASE("tcp: what cannot start a connection is INVALID", "[conntrack][tcp]") {
  for (const char* flags : {"FA", "R", "RA", "SA"}) {
    Trace trace;
    trace.tcp(kOut + flags + " seq 5 ack 6");
    INFO(flags);
    CHECK(trace.packet_class() == "INVALID");
    CHECK(trace.reason() == "not_first");
    CHECK(trace.connection().connection == 0);
  }
}

TEST_CASE("tcp: picked up in the middle, liberal and for 300 seconds", "[conntrack][tcp]") {
  Trace trace;
  trace.tcp(kOut + "PA seq 1000 ack 2000 len 5");
  CHECK(trace.seen() == "NEW");
  CHECK(trace.state() == "ESTABLISHED");
  CHECK(trace.timeout() == 300);
  CHECK(trace.connection().flags == std::array<std::uint8_t, 2>{2 + 8, 2 + 8});
  REQUIRE(trace.openings().size() == 1);
  CHECK_FALSE(trace.openings()[0].beginning_seen);

  Trace strict = with_sysctl("nf_conntrack_tcp_loose", "0");
  strict.tcp(kOut + "PA seq 1000 ack 2000 len 5");
  CHECK(strict.reason() == "not_first");
}

TEST_CASE("tcp: impossible flags are INVALID, others pass the check", "[conntrack][tcp]") {
  for (const char* flags : {".", "F", "SF", "SR", "RF", "RU", "SAU", "U", "P", "FU", "SFA"}) {
    Trace trace;
    trace.tcp(kOut + flags + " seq 1 ack 1");
    INFO(flags);
    CHECK(trace.reason() == "bad_flags");
  }
  for (const char* flags : {"S", "SU", "SP", "SEC", "A", "AU", "PA"}) {
    Trace trace;
    trace.tcp(kOut + flags + " seq 1 ack 1");
    INFO(flags);
    CHECK(trace.packet_class() == "NEW");
  }
}

TEST_CASE("tcp: header errors touch no entry", "[conntrack][tcp]") {
  Trace trace;
  establish(trace);
  const Bytes good = trace.bytes();
  const auto check = [&](Bytes packet, const std::string& reason) {
    trace.packet(packet);
    CHECK(trace.packet_class() == "INVALID");
    CHECK(trace.reason() == reason);
    CHECK(trace.timeout() == 432000);
  };
  Bytes bad = good;
  bad.back() ^= 1;
  bad[24] ^= 1;
  check(bad, "bad_checksum");
  bad = good;
  bad[32] = 0x40;  // header of 16 bytes
  check(bad, "bad_header");
  bad[32] = 0x60;  // header beyond the packet
  check(bad, "bad_header");
  const Address src = *Address::parse("10.0.0.2");
  const Address dst = *Address::parse("192.0.2.9");
  check(Trace::ip_packet(src, dst, 6, Bytes(good.begin() + 20, good.begin() + 39)),
        "short_header");
}

TEST_CASE("tcp: an INVALID says which bound, by how much, and which frame set it",
          "[conntrack][tcp]") {
  Trace trace;
  establish(
      trace);  // frame 2 granted the client 1001 + 8192, frame 3 did the same to the server
  trace.tcp(kOut + "A seq 40000 ack 5001 len 1");
  CHECK(trace.reason() == "seq_above_window");
  conntrack::InvalidDetail detail = trace.verdict().invalid;
  CHECK(detail.value == 40000);
  CHECK(detail.bound == 1001 + 8192);
  CHECK(detail.excess == 40000 - 1001 - 8192);
  CHECK(detail.bound_frame == 2);

  trace.tcp(kOut + "A seq 1001 ack 6001");
  CHECK(trace.reason() == "ack_unseen");
  detail = trace.verdict().invalid;
  CHECK(detail.value == 6001);
  CHECK(detail.bound == 5001);
  CHECK(detail.excess == 1000);
  CHECK(detail.bound_frame == 2);

  trace.tcp(kBack + "R seq 4000");
  CHECK(trace.reason() == "rst_out_of_window");
  detail = trace.verdict().invalid;
  CHECK(detail.value == 4000);
  CHECK(detail.bound == 5001);
  CHECK(detail.excess == 1001);
  CHECK(detail.bound_frame == 3);
  CHECK(trace.verdict().connection == 1);
}

TEST_CASE("tcp: old duplicates pass without effect, before 6.1 they were INVALID",
          "[conntrack][tcp]") {
  const std::string old_data = kOut + "A seq 3000000000 ack 5001 len 1";
  Trace now;
  establish(now);
  now.at(100s).tcp(old_data);
  CHECK(now.seen() == "ESTABLISHED");
  CHECK(now.expires_at() == 432000);
  Trace before(kernel("5.15"));
  establish(before);
  before.tcp(old_data);
  CHECK(before.reason() == "segment_too_old");
}

TEST_CASE("tcp: an acknowledgement may be 66000 bytes old, whatever the window",
          "[conntrack][tcp]") {
  for (const auto& [version, reason] :
       std::map<std::string, std::string>{{"6.18", ""}, {"5.10", "ack_too_old"}}) {
    Trace trace(kernel(version));
    establish(trace);
    const auto ack = [&](std::uint32_t age) {
      trace.tcp(kOut + "A seq 1001 ack " + std::to_string(5001U - age));
    };
    ack(66000);
    CHECK(trace.packet_class() == "ESTABLISHED");
    ack(66001);
    CHECK(trace.reason() == reason);
  }
}

TEST_CASE("tcp: overshooting by less than a window passes since 6.1", "[conntrack][tcp]") {
  const std::string segment = kOut + "A seq 9300 ack 5001 len 100";
  Trace now;
  establish(now);
  now.tcp(segment);
  CHECK(now.packet_class() == "ESTABLISHED");
  CHECK((now.connection().flags[0] & 16) != 0);
  Trace before(kernel("5.15"));
  establish(before);
  before.tcp(segment);
  CHECK(before.reason() == "seq_above_window");
}

TEST_CASE("tcp: a RST closes only at the exact number", "[conntrack][tcp]") {
  Trace trace;
  establish(trace);
  trace.tcp(kBack + "R seq 5100");
  CHECK(trace.state() == "ESTABLISHED");
  CHECK(trace.timeout() == 10);
  trace.tcp(kBack + "R seq 5001");
  CHECK(trace.state() == "CLOSE");

  Trace behind_data;
  establish(behind_data);
  behind_data.tcp(kBack + "PA seq 5001 ack 1001 len 19").tcp(kBack + "R seq 5020");
  CHECK(behind_data.state() == "CLOSE");

  Trace tolerant = with_sysctl("nf_conntrack_tcp_ignore_invalid_rst", "1");
  establish(tolerant);
  tolerant.tcp(kBack + "R seq 4999");
  CHECK(tolerant.packet_class() == "ESTABLISHED");
}

TEST_CASE("tcp: any RST closes a closing connection since 5.12", "[conntrack][tcp]") {
  for (const auto& [version, state] :
       std::map<std::string, std::string>{{"6.18", "CLOSE"}, {"5.10", "FIN_WAIT"}}) {
    Trace trace(kernel(version));
    establish(trace);
    trace.tcp(kOut + "FA seq 1001 ack 5001").tcp(kBack + "R seq 77");
    INFO(version);
    CHECK(trace.state() == state);
  }
}

TEST_CASE("tcp: a removed entry tells its state and time since 5.12", "[conntrack][tcp]") {
  Trace trace(kernel("5.10"));
  trace.tcp(kOut + "S seq 1000").tcp(kBack + "RA seq 0 ack 1001");
  CHECK(trace.events().front() == "DESTROY 1");
}

TEST_CASE("tcp: SYN retransmissions refreshed before 5.14", "[conntrack][tcp]") {
  Trace trace(kernel("5.10"));
  trace.at(0s).tcp(kOut + "S seq 1000");
  trace.at(50s).tcp(kOut + "S seq 1000");
  CHECK(trace.expires_at() == 170);
  auto options = kernel("5.10");
  CHECK_FALSE(options.set_sysctl("nf_conntrack_tcp_ignore_invalid_rst", "1"));
}

TEST_CASE("tcp: INVALID FIN or RST from both sides shorten a dead connection since 6.1",
          "[conntrack][tcp]") {
  for (const auto& [version, timeout] :
       std::map<std::string, std::uint32_t>{{"6.18", 300}, {"5.15", 432000}}) {
    Trace trace(kernel(version));
    establish(trace);
    trace.tcp(kOut + "FA seq 900000 ack 5001").tcp(kBack + "FA seq 900000 ack 1001");
    INFO(version);
    CHECK(trace.packet_class() == "INVALID");
    CHECK(trace.timeout() == timeout);
    CHECK(trace.state() == "ESTABLISHED");
  }
}

TEST_CASE("tcp: an RST after an ignored SYN has to come from the other side",
          "[conntrack][tcp]") {
  for (const auto& [version, seen] :
       std::map<std::string, std::string>{{"6.18", "INVALID"}, {"5.15", "ESTABLISHED"}}) {
    Trace trace(kernel(version));
    establish(trace);
    // The SYN's own side resets, acknowledging its end, with a number far outside the window.
    trace.tcp(kOut + "S seq 7000").tcp(kOut + "RA seq 900000 ack 7001");
    INFO(version);
    CHECK(trace.seen() == seen);
  }
}

TEST_CASE("tcp: liberal lets everything through the window", "[conntrack][tcp]") {
  Trace trace = with_sysctl("nf_conntrack_tcp_be_liberal", "1");
  establish(trace);
  trace.tcp(kOut + "A seq 3000000 ack 99999999 len 1");
  CHECK(trace.packet_class() == "ESTABLISHED");
}

TEST_CASE("tcp: window scale counts when both sides offer it", "[conntrack][tcp]") {
  Trace both;
  both.tcp(kOut + "S seq 1000 wscale 7").tcp(kBack + "SA seq 5000 ack 1001 wscale 15");
  CHECK(both.connection().window_scale == std::array<std::uint8_t, 2>{7, 14});
  Trace one;
  one.tcp(kOut + "S seq 1000 wscale 7").tcp(kBack + "SA seq 5000 ack 1001");
  CHECK(one.connection().window_scale == std::array<std::uint8_t, 2>{0, 0});
}

TEST_CASE("tcp: retransmitted acknowledgements shorten the timeout", "[conntrack][tcp]") {
  Trace trace;
  establish(trace);
  for (int i = 0; i < 3; ++i) trace.tcp(kOut + "A seq 1001 ack 5001");
  CHECK(trace.timeout() == 300);
}

TEST_CASE("tcp: IPv6 is tracked alike", "[conntrack][tcp]") {
  Trace trace;
  trace.tcp("[2001:db8::1]:4000 > [2001:db8::2]:80 S seq 1");
  trace.tcp("[2001:db8::2]:80 > [2001:db8::1]:4000 SA seq 9 ack 2");
  CHECK(trace.seen() == "ESTABLISHED reply");
  CHECK(trace.state() == "SYN_RECV");
}

TEST_CASE("tcp: a snap length leaves what it leaves", "[conntrack][tcp]") {
  Trace trace;
  trace.tcp(kOut + "S seq 1000");
  const Bytes whole = trace.bytes();
  for (std::size_t captured = 20; captured < whole.size(); ++captured) {
    Trace cut;
    cut.packet(whole, captured);
    INFO(captured << " bytes captured");
    // Nothing can be said without the TCP header, and nothing is held against the sender.
    CHECK(cut.packet_class() == "NONE");
  }
}

}  // namespace natlens::test
