// Recognition by content, never by name (an .pcap may be a pcapng, and gzip'd).

#include "open_capture.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "block_reader.h"
#include "pcap_format.h"
#include "pcap_reader.h"
#include "pcapng_reader.h"

namespace natlens::capture {
namespace {

constexpr std::size_t kLookBytes = 16;

// Formats that are told by name, since there is a way to read them.
struct Foreign {
  std::string_view first;
  std::string_view name;
  std::string_view way;
};
constexpr std::string_view kEditcap = "convert it: editcap -F pcapng FILE NEW.pcapng";
constexpr std::array<Foreign, 9> kForeign{{
    {{"\xfd"
      "7zXZ",
      5},
     "xz",
     "decompress it: xz -dc FILE | natlens ... NAME=-"},
    {"BZh", "bzip2", "decompress it: bzip2 -dc FILE | natlens ... NAME=-"},
    {{"PK\x03\x04", 4}, "zip", "unpack it first"},
    {{"7z\xbc\xaf", 4}, "7z", "unpack it first"},
    {"snoop", "snoop", kEditcap},
    {"GMBU", "Network Monitor 2", kEditcap},
    {"RTSS", "Network Monitor 1", kEditcap},
    {"LOGG", "BLF", kEditcap},
    {"iptrace", "AIX iptrace", kEditcap},
}};

std::string hex(ByteView bytes) {
  std::string text;
  for (const std::uint8_t byte : bytes.first(std::min<std::size_t>(bytes.size(), 8))) {
    text += fmt::format("{}{:02x}", text.empty() ? "" : " ", byte);
  }
  return text;
}

Error not_a_capture(ByteView first) {
  const std::string_view text(reinterpret_cast<const char*>(first.data()), first.size());
  for (const Foreign& foreign : kForeign) {
    if (text.substr(0, foreign.first.size()) == foreign.first) {
      return Error{fmt::format("offset 0: {} files are not read (first bytes {}); {}",
                               foreign.name, hex(first), foreign.way)};
    }
  }
  return Error{
      fmt::format("offset 0: not a capture (first bytes {}); pcap and pcapng are read, also "
                  "compressed by gzip, "
                  "zstd or lz4",
                  hex(first))};
}

// As many of the first bytes as there are, up to kLookBytes.
std::vector<std::uint8_t> look(ByteInput& input) {
  std::vector<std::uint8_t> first(kLookBytes);
  std::size_t have = 0;
  while (have < first.size()) {
    const std::size_t got = input.read(std::span(first).subspan(have));
    if (got == 0) break;
    have += got;
  }
  first.resize(have);
  return first;
}

Error nothing_there(const ByteInput& input, Compression compression) {
  if (!input.fault().empty()) return Error{fmt::format("offset 0: {}", input.fault())};
  if (compression != Compression::kNone) {
    return Error{fmt::format("offset 0: {} data without content", to_string(compression))};
  }
  return Error{"offset 0: empty file; was the capture stopped before it was written?"};
}

}  // namespace

Result<std::unique_ptr<FormatReader>> open_capture(std::unique_ptr<ByteInput> input,
                                                   FileInfo* info,
                                                   const ExpansionLimits& limits) {
  std::vector<std::uint8_t> first = look(*input);
  const Compression compression = detect_compression(first);
  if (compression != Compression::kNone) {
    input = decompress(compression, prefixed_input(std::move(first), std::move(input)), limits);
    first = look(*input);
  }
  if (first.empty()) return nothing_there(*input, compression);
  const Compression again = detect_compression(first);
  if (again != Compression::kNone) {
    return Error{fmt::format("offset 0: {} inside of {}; decompress it once", to_string(again),
                             to_string(compression))};
  }
  if (first.size() < 4 || !(has_pcap_magic(first) || has_pcapng_magic(first))) {
    if (input->fault().empty()) return not_a_capture(first);
    return Error{fmt::format("offset {}: {}", first.size(), input->fault())};
  }
  const bool pcap = has_pcap_magic(first);
  auto blocks =
      std::make_unique<BlockReader>(prefixed_input(std::move(first), std::move(input)));
  auto reader =
      pcap ? open_pcap(std::move(blocks), info) : open_pcapng(std::move(blocks), info);
  if (reader && compression != Compression::kNone) {
    (*reader)->append_format(to_string(compression));
  }
  return reader;
}

}  // namespace natlens::capture
