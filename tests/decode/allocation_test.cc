// No allocation per frame once warm: every allocation of this program is counted.
#include <memory>

#include "support/allocation_count.h"
#include "support/catch.h"
#include "support/decode_check.h"
#include "support/decode_samples.h"

using namespace natlens;
using namespace natlens::test;

TEST_CASE("decode: no allocation per frame once warm", "[decode][allocation]") {
  std::vector<Bytes> packets;
  const Bytes datagram = udp(50000, 4789, hex("08000000 00002a00") + eth(0x0800, inner_ipv4()));
  std::vector<capture::Frame> frames;
  for (const Sample& sample : samples())
    frames.push_back(frame_of(sample.bytes, sample.link_type));
  for (std::uint16_t id = 0; id < 64; ++id) {  // fragments, some without their end
    packets.push_back(
        ipv4({.id = id, .fragment = 0x2000}, Bytes(datagram.begin(), datagram.begin() + 24)));
    if (id % 2 == 0)
      packets.push_back(
          ipv4({.id = id, .fragment = 3}, Bytes(datagram.begin() + 24, datagram.end())));
    packets.push_back(outer_udp(static_cast<std::uint16_t>(20000 + id), 40002,
                                hex("04000000 78563412") + Bytes(40, 0)));
  }
  for (std::size_t i = 0; i < packets.size(); ++i)
    frames.push_back(frame_of(packets[i], packets[i][0] == 2 ? 1 : 101));
  decode::Decoder decoder;
  decode::DecodedFrame out;
  for (const auto& frame : frames) decoder.decode(frame, out);
  const std::size_t before = allocation_count();
  std::size_t layers = 0;
  for (int round = 0; round < 20; ++round) {
    for (auto frame : frames) {
      frame.time = Timestamp::from_ns(std::int64_t{1'000'000'000} * round);
      decoder.decode(frame, out);
      layers += out.layer_count;
    }
  }
  const std::size_t made = allocation_count() - before;
  CHECK(made == 0);
  CHECK(layers > 1000);
  const std::size_t counting = allocation_count();
  const auto probe = std::make_unique<int>(1);
  CHECK(allocation_count() > counting);  // the counter counts
}
