// A buffered file that remembers its first error.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "natlens/net/bytes.h"
#include "natlens/net/result.h"

namespace natlens::capture {

class FileOutput {
 public:
  // Creates or empties `path`; "-" is standard output.
  static Result<std::unique_ptr<FileOutput>> create(const std::string& path);
  ~FileOutput();
  FileOutput(const FileOutput&) = delete;
  FileOutput& operator=(const FileOutput&) = delete;

  // Errors show in status(), flush() and close().
  void put(ByteView bytes);
  void put_u16(std::uint16_t value);  // little endian, as all that we write
  void put_u32(std::uint32_t value);
  void put_u64(std::uint64_t value);
  void put_zeros(std::size_t count);  // at most 16

  Result<void> status() const;
  Result<void> flush();
  Result<void> close();

 private:
  FileOutput(std::string path, int fd, bool owned);
  void drain();
  void fail(const char* what);

  std::string path_;
  int fd_;
  bool owned_;
  std::string error_;
  std::unique_ptr<std::uint8_t[]> buffer_;
  std::size_t used_ = 0;
};

}  // namespace natlens::capture
