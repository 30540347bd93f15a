// Reading frames allocates nothing, once the first batch has been read.

#include "natlens/capture/source.h"

#include "capture/capture_bytes.h"
#include "capture/pack.h"
#include "support/allocation_count.h"
#include "support/catch.h"
#include "support/temp_dir.h"

namespace natlens::capture::test {
namespace {

TEST_CASE("reading allocates nothing per frame", "[capture][source]") {
  natlens::test::TempDir dir;
  PcapBytes pcap;
  PcapBytes cooked(false, {.network = 276});
  NgBytes ng;
  ng.section().named("lan").named("wan");
  for (std::uint32_t i = 0; i < 5000; ++i) {
    const Octets data = payload(60 + i % 900, static_cast<std::uint8_t>(i));
    pcap.record(i, 0, data);
    cooked.record(i, 0,
                  Builder(true).u32(0x08000000).u32(i % 5).u32(0x00010006).raw(data).bytes);
    ng.packet(i % 2, i, data, 0, Options().add_u32(2, 1).add_u64(4, 3).bytes);
  }
  for (const std::string& path :
       {dir.file("pcap", pcap.bytes), dir.file("cooked", cooked.bytes),
        dir.file("ng", ng.bytes), dir.file("gz", gzip(pcap.bytes)),
        dir.file("zst", zstd(pcap.bytes)), dir.file("lz4", lz4_frame(pcap.bytes))}) {
    INFO(path);
    auto source = Source::open(*parse_source(path));
    REQUIRE(source);
    REQUIRE((*source)->next(64).size() == 64);
    const std::size_t before = natlens::test::allocation_count();
    std::size_t frames = 64;
    for (auto batch = (*source)->next(64); !batch.empty(); batch = (*source)->next(64)) {
      frames += batch.size();
    }
    CHECK(natlens::test::allocation_count() == before);
    CHECK(frames == 5000);
  }
}

}  // namespace
}  // namespace natlens::capture::test
