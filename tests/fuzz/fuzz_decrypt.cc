// Records of raw IP frames (decode_frames.h) for a decoder with keys: of WireGuard peers and of
// ESP, some of it without authentication, so that any bytes may come out.
#include <array>

#include "decode_frames.h"

namespace {

constexpr std::string_view kLog =
    "LOCAL_STATIC_PRIVATE_KEY = VMg/ThqOs3jm9ecxtndRccq7nAV0unriWXugwMUa5vE=\n"
    "REMOTE_STATIC_PUBLIC_KEY = aI+HBoSkiH3fvg9SA2exMIfjBf/PnPVVQZd1gw5Ao3Y=\n"
    "LOCAL_EPHEMERAL_PRIVATE_KEY = jGEKDf+IGSL1sQp8X3H2yxbt2l5ibHmz2/ISrAFMjIg=\n"
    "PRESHARED_KEY = DimObf4G2MqCf7Pv+C+Gb2fFrUcPiJfsm0f8AtlJgXY=\n";
constexpr std::string_view kTable =
    "\"IPv4\",\"*\",\"*\",\"0x100\",\"NULL\",\"\",\"NULL\",\"\"\n"
    "\"IPv4\",\"*\",\"*\",\"0x101\",\"AES-CBC [RFC3602]\",\"0123456789abcdef\",\"ANY 96 bit "
    "authentication [no checking]\",\"\"\n"
    "\"IPv4\",\"*\",\"*\",\"0x102\",\"AES-CTR [RFC3686]\",\"0123456789abcdef0123\",\"NULL\","
    "\"\"\n"
    "\"IPv4\",\"*\",\"*\",\"0x103\",\"AES-GCM [RFC4106]\",\"0123456789abcdef0123\",\"NULL\","
    "\"\",\"64-bit\"\n"
    "\"IPv4\",\"*\",\"*\",\"*\",\"TripleDES-CBC [RFC2451]\",\"0123456789abcdef01234567\","
    "\"HMAC-SHA-1-96 [RFC2404]\",\"key\"\n";

std::shared_ptr<const natlens::decode::KeyRing> keys() {
  auto ring = std::make_shared<natlens::decode::KeyRing>();
  for (const std::string_view text : {kLog, kTable}) {
    const auto added = ring->add(text, "keys");
    natlens::fuzz::require(static_cast<bool>(added));
  }
  return ring;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const auto kRing = keys();
  constexpr std::array<natlens::capture::LinkType, 1> kRaw{101};
  natlens::decode::DecoderOptions options;
  options.fragment_bytes = 1 << 18;
  options.keys = kRing;
  natlens::decode::Decoder decoder(options);
  natlens::decode::DecodedFrame out;
  natlens::fuzz::each_frame({data, size}, kRaw,
                            [&](const natlens::capture::Frame& frame, std::uint8_t) {
                              decoder.decode(frame, out);
                              natlens::fuzz::check(out);
                            });
  return 0;
}
