// Where the bytes of a capture come from: a file descriptor, memory, or a decompressor on top
// of another input. One virtual call per block, never per frame.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "natlens/net/bytes.h"
#include "natlens/net/result.h"

namespace natlens::capture {

class ByteInput {
 public:
  ByteInput() = default;
  virtual ~ByteInput() = default;
  ByteInput(const ByteInput&) = delete;
  ByteInput& operator=(const ByteInput&) = delete;

  // Up to out.size() bytes, at least one; 0 at the end, and from then on. REQUIRES: out not
  // empty.
  virtual std::size_t read(std::span<std::uint8_t> out) = 0;
  // Bytes taken so far from what lies on disk (before decompression).
  virtual std::uint64_t raw_bytes() const = 0;
  // After the end: why it came early, "" when it did not.
  const std::string& fault() const { return fault_; }

 protected:
  std::string fault_;
};

// An open file as the system knows it.
struct OpenedFile {
  std::unique_ptr<ByteInput> input;
  bool regular = false;     // can be opened again and gives the same bytes
  std::uint64_t bytes = 0;  // size on disk; 0 = unknown
};

// "-" is standard input. Errors name the path and the reason: missing, directory, no
// permission.
Result<OpenedFile> open_input(const std::string& path);

// Bytes in memory; `bytes` must outlive it.
std::unique_ptr<ByteInput> memory_input(ByteView bytes);

// What was already taken from `rest` for a look, then `rest`.
std::unique_ptr<ByteInput> prefixed_input(std::vector<std::uint8_t> prefix,
                                          std::unique_ptr<ByteInput> rest);

}  // namespace natlens::capture
