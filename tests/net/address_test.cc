#include "natlens/net/address.h"

#include "support/catch.h"

using namespace natlens;

TEST_CASE("address: text and bytes agree both ways", "[net][address]") {
  for (const char* text : {"10.0.0.1", "255.255.255.255", "0.0.0.0", "2001:db8::1",
                           "::", "fe80::1", "64:ff9b::192.0.2.33"}) {
    const auto address = Address::parse(text);
    REQUIRE(address);
    CHECK(Address::parse(to_string(*address)) == address);
  }
  CHECK(to_string(Address::v4(0x0a000001)) == "10.0.0.1");
  CHECK(to_string(*Address::parse("2001:0db8:0:0:0:0:0:0001")) == "2001:db8::1");
  CHECK(to_string(Address()) == "-");
}

TEST_CASE("address: what is not an address is refused", "[net][address]") {
  for (const char* text : {"", "10.0.0", "10.0.0.256", "10.0.0.1 ", "2001:db8::g", "[::1]"}) {
    CAPTURE(text);
    CHECK_FALSE(Address::parse(text));
  }
}

TEST_CASE("address: private is what the Internet does not route", "[net][address]") {
  for (const char* text :
       {"10.1.2.3", "172.16.0.1", "172.31.255.255", "192.168.1.1", "100.64.0.1",
        "100.127.255.255", "169.254.1.1", "127.0.0.1", "fd00::1", "fe80::1"}) {
    CAPTURE(text);
    CHECK(Address::parse(text)->is_private());
  }
  for (const char* text : {"11.0.0.1", "172.15.0.1", "172.32.0.1", "192.169.0.1", "100.63.0.1",
                           "100.128.0.1", "198.51.100.1", "2001:db8::1", "fec0::1"}) {
    CAPTURE(text);
    CHECK_FALSE(Address::parse(text)->is_private());
  }
}

TEST_CASE("endpoint: a port is optional, brackets hold IPv6", "[net][address]") {
  CHECK(to_string(*parse_endpoint("192.168.1.100:50000")) == "192.168.1.100:50000");
  CHECK(parse_endpoint("192.168.1.100")->port == 0);
  CHECK(to_string(*parse_endpoint("[2001:db8::1]:443")) == "[2001:db8::1]:443");
  CHECK(parse_endpoint("2001:db8::1")->address == *Address::parse("2001:db8::1"));
  for (const char* text : {"", ":80", "10.0.0.1:", "10.0.0.1:65536", "10.0.0.1:http", "[::1",
                           "[::1]80", "[::1]:"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_endpoint(text));
  }
}

TEST_CASE("protocol: names and numbers agree both ways", "[net][address]") {
  for (int number = 0; number < 256; ++number) {
    const auto n = static_cast<std::uint8_t>(number);
    CHECK(protocol_number(protocol_name(n)) == n);
  }
  CHECK(protocol_name(17) == "udp");
  CHECK_FALSE(protocol_number("256"));
  CHECK_FALSE(protocol_number("tcpx"));
}

TEST_CASE("tuple: equal bytes are equal tuples, and the hash depends on each of them",
          "[net][address]") {
  const Tuple tuple{Address::v4(0x0a000001), Address::v4(0xc0000209), 6, 0, 5000, 443};
  Tuple other = tuple;
  CHECK(other == tuple);
  CHECK(hash(other, 7) == hash(tuple, 7));
  CHECK(hash(tuple, 8) != hash(tuple, 7));
  auto* bytes = reinterpret_cast<std::uint8_t*>(&other);
  for (std::size_t i = 0; i < sizeof other; ++i) {
    bytes[i] ^= 1U;
    CHECK(hash(other, 7) != hash(tuple, 7));
    bytes[i] ^= 1U;
  }
  CHECK(to_string(tuple) == "tcp 10.0.0.1:5000 > 192.0.2.9:443");
  CHECK(to_string(Tuple{tuple.src, tuple.dst, 1, 0, 7, 8 << 8}) ==
        "icmp 10.0.0.1 > 192.0.2.9 type 8 code 0 id 7");
}
