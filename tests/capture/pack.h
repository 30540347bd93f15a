// Compresses test data, with each format's own library.
#pragma once

#include <cstdint>
#include <cstring>
#include <stdexcept>
#include <vector>

#include <lz4.h>
#include <lz4frame.h>
#include <zlib.h>
#include <zstd.h>

#include "capture/capture_bytes.h"

namespace natlens::capture::test {

inline Octets gzip(ByteView content) {
  z_stream stream{};
  constexpr int kGzip = 16;
  if (deflateInit2(&stream, 6, Z_DEFLATED, MAX_WBITS + kGzip, 8, Z_DEFAULT_STRATEGY) != Z_OK) {
    throw std::runtime_error("deflateInit2");
  }
  Octets out(deflateBound(&stream, content.size()) + 64);
  stream.next_in = const_cast<Bytef*>(content.data());
  stream.avail_in = static_cast<uInt>(content.size());
  stream.next_out = out.data();
  stream.avail_out = static_cast<uInt>(out.size());
  if (deflate(&stream, Z_FINISH) != Z_STREAM_END) throw std::runtime_error("deflate");
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

inline Octets zstd(ByteView content) {
  Octets out(ZSTD_compressBound(content.size()));
  const std::size_t size =
      ZSTD_compress(out.data(), out.size(), content.data(), content.size(), 3);
  if (ZSTD_isError(size) != 0) throw std::runtime_error("ZSTD_compress");
  out.resize(size);
  return out;
}

inline Octets lz4_frame(ByteView content) {
  Octets out(LZ4F_compressFrameBound(content.size(), nullptr));
  const std::size_t size =
      LZ4F_compressFrame(out.data(), out.size(), content.data(), content.size(), nullptr);
  if (LZ4F_isError(size) != 0) throw std::runtime_error("LZ4F_compressFrame");
  out.resize(size);
  return out;
}

// As `lz4 -l`; `block` is 8 MiB there, smaller here to have several.
inline Octets lz4_legacy(ByteView content, std::size_t block) {
  Builder out;
  out.u32(0x184c2102);
  while (!content.empty()) {
    const ByteView part = content.first(std::min(block, content.size()));
    Octets packed(static_cast<std::size_t>(LZ4_compressBound(static_cast<int>(part.size()))));
    const int size = LZ4_compress_default(
        reinterpret_cast<const char*>(part.data()), reinterpret_cast<char*>(packed.data()),
        static_cast<int>(part.size()), static_cast<int>(packed.size()));
    if (size <= 0) throw std::runtime_error("LZ4_compress_default");
    packed.resize(static_cast<std::size_t>(size));
    out.u32(static_cast<std::uint32_t>(size)).raw(packed);
    content = content.subspan(part.size());
  }
  return out.bytes;
}

// A zstd or lz4 skippable frame.
inline Octets skippable(std::size_t size) {
  return Builder()
      .u32(0x184d2a53)
      .u32(static_cast<std::uint32_t>(size))
      .raw(Octets(size, 1))
      .bytes;
}

inline Octets join(std::initializer_list<Octets> parts) {
  Octets all;
  for (const Octets& part : parts) all.insert(all.end(), part.begin(), part.end());
  return all;
}

}  // namespace natlens::capture::test
