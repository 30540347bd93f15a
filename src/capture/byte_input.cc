// Plain inputs. read(2) in large blocks costs half of mmap's page faults and a third of
// libpcap's loop, and works on pipes.

#include "byte_input.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

namespace natlens::capture {
namespace {

class FdInput final : public ByteInput {
 public:
  FdInput(int fd, bool owned) : fd_(fd), owned_(owned) {}
  ~FdInput() override {
    if (owned_) ::close(fd_);
  }

  std::size_t read(std::span<std::uint8_t> out) override {
    while (!ended_) {
      const ssize_t got = ::read(fd_, out.data(), out.size());
      if (got > 0) {
        raw_bytes_ += static_cast<std::uint64_t>(got);
        return static_cast<std::size_t>(got);
      }
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) fault_ = fmt::format("cannot read on: {}", std::strerror(errno));
      ended_ = true;
    }
    return 0;
  }
  std::uint64_t raw_bytes() const override { return raw_bytes_; }

 private:
  int fd_;
  bool owned_;
  bool ended_ = false;
  std::uint64_t raw_bytes_ = 0;
};

class MemoryInput final : public ByteInput {
 public:
  explicit MemoryInput(ByteView bytes) : bytes_(bytes) {}

  std::size_t read(std::span<std::uint8_t> out) override {
    const std::size_t count = std::min(out.size(), bytes_.size() - done_);
    std::copy_n(bytes_.data() + done_, count, out.data());
    done_ += count;
    return count;
  }
  std::uint64_t raw_bytes() const override { return done_; }

 private:
  ByteView bytes_;
  std::size_t done_ = 0;
};

class PrefixedInput final : public ByteInput {
 public:
  PrefixedInput(std::vector<std::uint8_t> prefix, std::unique_ptr<ByteInput> rest)
      : prefix_(std::move(prefix)), rest_(std::move(rest)) {}

  std::size_t read(std::span<std::uint8_t> out) override {
    if (done_ < prefix_.size()) {
      const std::size_t count = std::min(out.size(), prefix_.size() - done_);
      std::copy_n(prefix_.data() + done_, count, out.data());
      done_ += count;
      return count;
    }
    const std::size_t count = rest_->read(out);
    if (count == 0) fault_ = rest_->fault();
    return count;
  }
  std::uint64_t raw_bytes() const override { return rest_->raw_bytes(); }

 private:
  std::vector<std::uint8_t> prefix_;
  std::size_t done_ = 0;
  std::unique_ptr<ByteInput> rest_;
};

}  // namespace

Result<OpenedFile> open_input(const std::string& path) {
  const bool standard_input = path == "-";
  const int fd = standard_input ? STDIN_FILENO : ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return Error{fmt::format("{}: cannot open: {}", path, std::strerror(errno))};
  OpenedFile file;
  file.input = std::make_unique<FdInput>(fd, !standard_input);
  struct stat status {};
  if (::fstat(fd, &status) != 0) {
    return Error{fmt::format("{}: cannot read: {}", path, std::strerror(errno))};
  }
  if (S_ISDIR(status.st_mode)) {
    return Error{fmt::format("{}: is a directory; name the capture files in it", path)};
  }
  if (S_ISREG(status.st_mode)) {
    file.bytes = static_cast<std::uint64_t>(status.st_size);
    file.regular = !standard_input;
    (void)::posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL);
  }
  return file;
}

std::unique_ptr<ByteInput> memory_input(ByteView bytes) {
  return std::make_unique<MemoryInput>(bytes);
}

std::unique_ptr<ByteInput> prefixed_input(std::vector<std::uint8_t> prefix,
                                          std::unique_ptr<ByteInput> rest) {
  return std::make_unique<PrefixedInput>(std::move(prefix), std::move(rest));
}

}  // namespace natlens::capture
