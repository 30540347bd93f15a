// See file_output.h.

#include "file_output.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <cerrno>
#include <cstring>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

namespace natlens::capture {
namespace {

constexpr std::size_t kBufferBytes = 262144;

template <typename T>
std::array<std::uint8_t, sizeof(T)> little_endian(T value) {
  std::array<std::uint8_t, sizeof(T)> bytes{};
  for (std::uint8_t& byte : bytes) {
    byte = static_cast<std::uint8_t>(value & 0xff);
    value = static_cast<T>(value >> 8);
  }
  return bytes;
}

}  // namespace

FileOutput::FileOutput(std::string path, int fd, bool owned)
    : path_(std::move(path)),
      fd_(fd),
      owned_(owned),
      buffer_(std::make_unique_for_overwrite<std::uint8_t[]>(kBufferBytes)) {}

Result<std::unique_ptr<FileOutput>> FileOutput::create(const std::string& path) {
  const bool standard_output = path == "-";
  constexpr mode_t kMode = 0644;
  const int fd = standard_output
                     ? STDOUT_FILENO
                     : ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, kMode);
  if (fd < 0) return Error{fmt::format("{}: cannot create: {}", path, std::strerror(errno))};
  return std::unique_ptr<FileOutput>(new FileOutput(path, fd, !standard_output));
}

FileOutput::~FileOutput() {
  if (fd_ >= 0) (void)close();
}

void FileOutput::put(ByteView bytes) {
  while (!bytes.empty()) {
    if (used_ == kBufferBytes) drain();
    const std::size_t count = std::min(bytes.size(), kBufferBytes - used_);
    std::memcpy(buffer_.get() + used_, bytes.data(), count);
    used_ += count;
    bytes = bytes.subspan(count);
  }
}

void FileOutput::put_u16(std::uint16_t value) {
  put(little_endian(value));
}
void FileOutput::put_u32(std::uint32_t value) {
  put(little_endian(value));
}
void FileOutput::put_u64(std::uint64_t value) {
  put(little_endian(value));
}

void FileOutput::put_zeros(std::size_t count) {
  static constexpr std::array<std::uint8_t, 16> kZeros{};
  assert(count <= kZeros.size());
  put(ByteView(kZeros).first(count));
}

Result<void> FileOutput::status() const {
  if (!error_.empty()) return Error{error_};
  return {};
}

Result<void> FileOutput::flush() {
  drain();
  return status();
}

Result<void> FileOutput::close() {
  drain();
  // Some file systems (NFS, quotas) tell of a failed write only here.
  if (owned_ && fd_ >= 0 && ::close(fd_) != 0) fail("close");
  fd_ = -1;
  return status();
}

// Empties the buffer, into the file unless an error came before.
void FileOutput::drain() {
  std::size_t done = 0;
  while (done < used_ && error_.empty()) {
    const ssize_t wrote = ::write(fd_, buffer_.get() + done, used_ - done);
    if (wrote > 0) {
      done += static_cast<std::size_t>(wrote);
    } else if (wrote == 0 || errno != EINTR) {
      fail("write");
    }
  }
  used_ = 0;
}

void FileOutput::fail(const char* what) {
  if (error_.empty())
    error_ = fmt::format("{}: cannot {}: {}", path_, what, std::strerror(errno));
}

}  // namespace natlens::capture
