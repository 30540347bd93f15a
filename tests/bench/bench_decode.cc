// Decoding alone: CPU time per frame.
//
//   bench_decode FILE                 reads it without and with decoding, three times each; the
//                                     difference of the best ones is what decoding costs
//   bench_decode FILE --vxlan OUT     writes a copy whose frames are inside VXLAN over IPv4
#include <array>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string_view>
#include <vector>

#include "natlens/capture/source.h"
#include "natlens/capture/writer.h"
#include "natlens/decode/decoder.h"

#include "bench/passes.h"

using namespace natlens;

namespace {

constexpr std::size_t kBatch = 32;

[[noreturn]] void give_up(const std::string& message) {
  std::fprintf(stderr, "bench_decode: %s\n", message.c_str());
  std::exit(2);
}

struct Pass {
  std::uint64_t frames = 0;
  std::uint64_t layers = 0;
  double ns = 0;
};

// As the pipeline does it: some frames ahead into slots of their own.
Pass pass_over(const char* file, bool decoding) {
  const auto source = bench::open(file);
  decode::Decoder decoder;
  auto slots = std::make_unique<std::array<decode::DecodedFrame, kBatch>>();
  Pass pass;
  const double before = bench::cpu_ns();
  for (auto frames = source->next(kBatch); !frames.empty(); frames = source->next(kBatch)) {
    pass.frames += frames.size();
    for (std::size_t i = 0; decoding && i < frames.size(); ++i) {
      decoder.decode(frames[i], (*slots)[i]);
      pass.layers += (*slots)[i].layer_count;
    }
  }
  pass.ns = bench::cpu_ns() - before;
  return pass;
}

int measure(const char* file) {
  const auto [without, with] =
      bench::compare([&](bool decoding) { return pass_over(file, decoding); });
  const auto frames = static_cast<double>(with.frames);
  std::printf(
      "decoding %.1f ns a frame, reading %.1f ns, over %llu frames with %.2f layers each\n",
      (with.ns - without.ns) / frames, without.ns / frames,
      static_cast<unsigned long long>(with.frames), static_cast<double>(with.layers) / frames);
  return 0;
}

// Outer Ethernet, IPv4, UDP and VXLAN headers (RFC 7348) of a frame of `bytes`.
constexpr std::size_t kOuterBytes = 50;
std::array<std::uint8_t, kOuterBytes> outer_headers(std::size_t bytes) {
  std::array<std::uint8_t, kOuterBytes> h{
      2,    0, 0,    0,    0,  1, 2, 0, 0,  0,  0, 2, 8, 0,  // Ethernet
      0x45, 0, 0,    0,    0,  1, 0, 0, 64, 17, 0, 0,        // IPv4
      10,   9, 0,    1,    10, 9, 0, 2,                      //   10.9.0.1 > 10.9.0.2
      0xc0, 0, 0x12, 0xb5, 0,  0, 0, 0,                      // UDP, port 4789
      8,    0, 0,    0,    0,  0, 7, 0};                     // VXLAN 7
  const auto put16 = [&h](std::size_t at, std::size_t value) {
    h[at] = static_cast<std::uint8_t>(value >> 8);
    h[at + 1] = static_cast<std::uint8_t>(value);
  };
  put16(16, bytes + kOuterBytes - 14);
  put16(38, bytes + kOuterBytes - 34);
  put16(24, checksum(ByteView(h).subspan(14, 20)));
  return h;
}

int wrap(const char* file, const char* target) {
  const auto source = bench::open(file);
  auto writer = capture::PcapWriter::create(target, 1);
  if (!writer) give_up(writer.error().message);
  std::vector<std::uint8_t> bytes;
  for (auto frames = source->next(kBatch); !frames.empty(); frames = source->next(kBatch)) {
    for (const capture::Frame& frame : frames) {
      if (frame.wire_bytes > 65000) continue;
      const auto outer = outer_headers(frame.wire_bytes);
      bytes.assign(outer.begin(), outer.end());
      bytes.insert(bytes.end(), frame.bytes.begin(), frame.bytes.end());
      const auto wire = static_cast<std::uint32_t>(kOuterBytes + frame.wire_bytes);
      if (auto written = (*writer)->write(frame.time, bytes, wire); !written) {
        give_up(written.error().message);
      }
    }
  }
  if (auto closed = (*writer)->close(); !closed) give_up(closed.error().message);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 2) return measure(argv[1]);
  if (argc == 4 && std::string_view(argv[2]) == "--vxlan") return wrap(argv[1], argv[3]);
  std::fprintf(stderr, "usage: bench_decode FILE [--vxlan OUT]\n");
  return 2;
}
