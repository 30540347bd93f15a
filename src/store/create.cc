// Writer::create: may this path become a database, and what must go for it?
#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "natlens/net/bytes.h"
#include "natlens/store/writer.h"

#include "file_writer.h"
#include "schema.h"

namespace natlens::store {
namespace {

constexpr std::string_view kMagic{"SQLite format 3\0", 16};
constexpr std::size_t kApplicationIdOffset = 68;  // sqlite.org/fileformat2.html, 1.3

Error cannot(std::string_view path, std::string_view what, int error) {
  return Error{fmt::format("{}: {}: {}", path, what, std::strerror(error))};
}

bool is_natlens_database(const std::string& path) {
  std::array<char, 72> head{};
  std::ifstream in(path, std::ios::binary);
  if (!in.read(head.data(), head.size())) return false;
  if (std::string_view(head.data(), kMagic.size()) != kMagic) return false;
  std::uint32_t id = 0;
  for (std::size_t i = 0; i < 4; ++i) {
    id = id << 8 | static_cast<unsigned char>(head[kApplicationIdOffset + i]);
  }
  return id == kApplicationId;
}

// What stands at `path` may go, or why not.
Result<void> replaceable(const std::string& path, const struct stat& info, bool force) {
  if (S_ISDIR(info.st_mode)) {
    return Error{fmt::format("{}: is a directory; name a file in it with -o", path)};
  }
  if (!force) {
    return Error{
        fmt::format("{} exists; use --force to replace it or -o for another name", path)};
  }
  if (!S_ISREG(info.st_mode)) {
    return Error{fmt::format("{}: is not a regular file; choose another name with -o", path)};
  }
  if (info.st_size != 0 && !is_natlens_database(path)) {
    return Error{
        fmt::format("{}: is not a natlens database, so --force does not replace it; choose "
                    "another name with -o",
                    path)};
  }
  return {};
}

// The file, and what a killed run left beside it: a log of another database must not be
// replayed into the new one.
Result<void> remove_old(const std::string& path) {
  for (const char* suffix : {"-wal", "-shm", "-journal", ""}) {
    const std::string name = path + suffix;
    if (unlink(name.c_str()) != 0 && errno != ENOENT)
      return cannot(name, "cannot remove", errno);
  }
  return {};
}

}  // namespace

Result<void> Writer::may_create(const std::string& path, bool force) {
  if (path.empty()) return Error{"the database has no name; give one with -o"};
  struct stat info {};
  if (stat(path.c_str(), &info) == 0) return replaceable(path, info, force);
  if (errno != ENOENT) return cannot(path, "cannot create", errno);
  const auto folder = std::filesystem::path(path).parent_path();
  if (!folder.empty() && stat(folder.c_str(), &info) != 0) {
    return Error{fmt::format("{}: there is no folder {}; create it, or name another with -o",
                             path, folder.string())};
  }
  return {};
}

Result<std::unique_ptr<Writer>> Writer::create(const std::string& path, bool force) {
  if (auto may = may_create(path, force); !may) return may.error();
  std::string target = path;
  std::error_code ignored;  // a link stays a link; its target is replaced
  if (const auto real = std::filesystem::canonical(path, ignored); !real.empty()) {
    target = real.string();
  }
  if (auto removed = remove_old(target); !removed) return removed.error();
  const int fd = ::open(target.c_str(), O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0644);
  if (fd < 0) return cannot(path, "cannot create", errno);
  ::close(fd);
  auto writer = std::make_unique<FileWriter>(target);
  if (auto opened = writer->open(); !opened) {
    // Nothing of worth is in it, and a leftover would ask for --force.
    if (auto removed = remove_old(target); !removed) return removed.error();
    return opened.error();
  }
  return std::unique_ptr<Writer>(std::move(writer));
}

}  // namespace natlens::store
