#include "natlens/conntrack/tracker.h"

#include "selector.h"
#include "support/catch.h"

namespace natlens::conntrack {
namespace {

std::string error_of(const Result<void>& result) {
  return result ? std::string() : result.error().message;
}

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

bool matches(const std::string& selector,
             const std::string& src,
             const std::string& dst,
             std::uint8_t protocol,
             std::uint16_t src_port,
             std::uint16_t dst_port) {
  const auto parsed = parse_selector(selector);
  REQUIRE(parsed);
  Tuple tuple;
  tuple.src = Address::parse(src).value();
  tuple.dst = Address::parse(dst).value();
  tuple.protocol = protocol;
  tuple.src_port = src_port;
  tuple.dst_port = dst_port;
  return parsed->matches(tuple);
}

}  // namespace

TEST_CASE("options: sysctls by kernel name, with or without the tree", "[conntrack][options]") {
  Options options;
  CHECK(options.sysctl("nf_conntrack_tcp_timeout_established") == 432000);
  CHECK(options.set_sysctl("nf_conntrack_tcp_timeout_established", "7200"));
  CHECK(options.set_sysctl("net.netfilter.nf_conntrack_udp_timeout", " 11 "));
  CHECK(options.sysctl("net.netfilter.nf_conntrack_tcp_timeout_established") == 7200);
  CHECK(options.sysctl("nf_conntrack_udp_timeout") == 11);
  CHECK(options.sysctl("nf_conntrack_checksum") == 2);
  CHECK(options.set_sysctl("nf_conntrack_checksum", "1"));
  CHECK(options.set_sysctl("nf_conntrack_checksum", "auto"));
  CHECK(options.sysctl("nf_conntrack_nothing") == -1);
}

TEST_CASE("options: a copy is a copy", "[conntrack][options]") {
  Options one;
  Options two = one;
  REQUIRE(two.set_sysctl("nf_conntrack_udp_timeout", "5"));
  CHECK(one.sysctl("nf_conntrack_udp_timeout") == 30);
}

TEST_CASE("options: a mistyped name gets the nearest, a bad value its range",
          "[conntrack][options]") {
  Options options;
  CHECK(contains(error_of(options.set_sysctl("nf_conntrack_tcp_be_liberl", "1")),
                 "did you mean nf_conntrack_tcp_be_liberal?"));
  CHECK(contains(error_of(options.set_sysctl("nf_conntrack_tcp_loose", "2")), "0 to 1"));
  CHECK(contains(error_of(options.set_sysctl("nf_conntrack_checksum", "maybe")), "or auto"));
  for (const char* bad : {"", "-1", "1x", "99999999999", " "}) {
    CHECK_FALSE(options.set_sysctl("nf_conntrack_udp_timeout", bad));
  }
}

TEST_CASE("options: a listing of sysctl loads whole", "[conntrack][options]") {
  Options options;
  const std::string listing =
      "net.netfilter.nf_conntrack_acct = 0\n"
      "# a comment\n\n"
      "net.netfilter.nf_conntrack_buckets = 262144\n"
      "net.netfilter.nf_conntrack_generic_timeout = 601\n"
      "net.netfilter.nf_hooks_lwtunnel = 0\n"
      "net.netfilter.nf_log.2 = nf_log_ipv4\n"
      "net.netfilter.nf_log_all_netns = 0";
  CHECK(error_of(options.set_sysctls(listing, "router.txt")) == "");
  CHECK(options.sysctl("nf_conntrack_generic_timeout") == 601);
  CHECK(contains(error_of(options.set_sysctls("a\nb = c", "x.txt")), "x.txt:1: expected NAME"));
  CHECK(
      contains(error_of(options.set_sysctls("\nnf_conntrack_acct = 7", "x.txt")), "x.txt:2: "));
}

TEST_CASE("options: helpers by name, with another port", "[conntrack][options]") {
  Options options;
  for (const char* spec : {"ftp", "tftp", "sip", "irc", "pptp", "amanda", "sane", "netbios-ns",
                           "snmp", "ftp=tcp/2121", "sip=tcp/5060"}) {
    INFO(spec);
    CHECK(options.add_helper(spec));
  }
  CHECK(contains(error_of(options.add_helper("ftb")), "did you mean ftp?"));
  CHECK(contains(error_of(options.add_helper("h323")), "not built"));
  CHECK(contains(error_of(options.add_helper("ftp=udp/21")), "speaks tcp only"));
  CHECK(contains(error_of(options.add_helper("ftp=tcp")), "PROTO/PORT"));
  CHECK(contains(error_of(options.add_helper("ftp=tcp/70000")), "0 to 65535"));
}

TEST_CASE("options: zones, notrack and kernels", "[conntrack][options]") {
  Options options;
  CHECK(options.add_zone("5=10.0.0.2"));
  CHECK(options.add_zone("orig:7=udp/53,10.0.0.0/8"));
  CHECK(options.add_notrack("udp/99"));
  for (const char* bad : {"5", "x=10.0.0.1", "70000=tcp", "5=", "5=10.0.0.0/33", "5=nothing"}) {
    INFO(bad);
    CHECK_FALSE(options.add_zone(bad));
  }
  CHECK_FALSE(options.add_notrack("udp/"));
  for (const char* kernel : {"5.10", "5.15", "6.1", "6.6", "6.12", "6.18"}) {
    CHECK(options.set_kernel(kernel));
  }
  CHECK(contains(error_of(options.set_kernel("2.4")), "known are 5.10"));
}

TEST_CASE("selector: every term has to hold, either end may", "[conntrack][options]") {
  CHECK(matches("udp/99", "10.0.0.1", "192.0.2.1", 17, 5, 99));
  CHECK(matches("udp/99", "10.0.0.1", "192.0.2.1", 17, 99, 5));
  CHECK_FALSE(matches("udp/99", "10.0.0.1", "192.0.2.1", 6, 99, 5));
  CHECK(matches("10.0.0.0/8", "192.0.2.1", "10.9.9.9", 47, 0, 0));
  CHECK_FALSE(matches("10.0.0.0/8", "192.0.2.1", "11.0.0.0", 47, 0, 0));
  CHECK(matches("10.0.0.0/9,tcp", "10.127.0.1", "192.0.2.1", 6, 1, 2));
  CHECK_FALSE(matches("10.0.0.0/9,tcp", "10.128.0.1", "192.0.2.1", 6, 1, 2));
  CHECK(matches("2001:db8::/32", "2001:db8::1", "2001:db9::1", 6, 1, 2));
  CHECK(matches("0.0.0.0/0", "192.0.2.1", "192.0.2.2", 6, 1, 2));
  CHECK_FALSE(matches("0.0.0.0/0", "2001:db8::1", "2001:db9::1", 6, 1, 2));
}

}  // namespace natlens::conntrack
