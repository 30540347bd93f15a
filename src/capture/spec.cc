// [NAME=]FILE[,FILE...], NAME=FILE%INTERFACE. What exists under the name that was written wins
// over every meaning of '=', ',' and '%' in it.

#include <cerrno>
#include <cstring>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <sys/stat.h>

#include "natlens/capture/source.h"

namespace natlens::capture {
namespace {

bool exists(const std::string& path) {
  struct stat status {};
  return path == "-" || ::stat(path.c_str(), &status) == 0;
}

std::string why_missing(const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) == 0) return {};
  return errno == ENOENT ? "no such file" : std::strerror(errno);
}

std::vector<std::string> split(std::string_view text, char separator) {
  std::vector<std::string> parts;
  std::size_t from = 0;
  for (std::size_t at = text.find(separator); at != std::string_view::npos;
       at = text.find(separator, from)) {
    parts.emplace_back(text.substr(from, at - from));
    from = at + 1;
  }
  parts.emplace_back(text.substr(from));
  return parts;
}

// The files of a list. A file whose own name has commas is found as the longest run of parts
// that exists.
Result<std::vector<std::string>> parse_list(std::string_view text, std::string_view argument) {
  const std::vector<std::string> parts = split(text, ',');
  std::vector<std::string> files;
  std::size_t from = 0;
  while (from < parts.size()) {
    std::string path;
    std::size_t next = from;
    std::string run;
    for (std::size_t i = from; i < parts.size(); ++i) {
      run += (i > from ? "," : "") + parts[i];
      if (exists(run)) {
        path = run;
        next = i + 1;
      }
    }
    if (path.empty() && parts[from].empty()) {
      return Error{fmt::format("{}: empty file name; write [NAME=]FILE[,FILE...]", argument)};
    }
    if (path.empty()) {
      const std::string& missing = parts[from];
      return Error{argument == missing
                       ? fmt::format("{}: {}", missing, why_missing(missing))
                       : fmt::format("{}: {}: {}", argument, missing, why_missing(missing))};
    }
    files.push_back(path);
    from = next;
  }
  return files;
}

Result<void> check_standard_input(const std::vector<std::string>& files,
                                  std::string_view argument) {
  int uses = 0;
  for (const std::string& file : files) uses += file == "-" ? 1 : 0;
  if (uses > 1) return Error{fmt::format("{}: standard input can be read once only", argument)};
  return {};
}

}  // namespace

Result<SourceSpec> parse_source(std::string_view argument) {
  if (argument.empty()) return Error{"empty source; write [NAME=]FILE[,FILE...]"};
  SourceSpec spec;
  if (exists(std::string(argument))) {
    spec.files.emplace_back(argument);
    return spec;
  }
  std::string_view rest = argument;
  const std::size_t equals = argument.find('=');
  if (equals != std::string_view::npos) {
    spec.name = argument.substr(0, equals);
    rest = argument.substr(equals + 1);
    if (spec.name.empty()) return Error{fmt::format("{}: empty tap name before '='", argument)};
  }
  auto files = parse_list(rest, argument);
  const std::size_t percent = rest.rfind('%');
  if (!files && percent != std::string_view::npos) {
    spec.interface = rest.substr(percent + 1);
    if (spec.interface.empty())
      return Error{fmt::format("{}: no interface after '%'", argument)};
    files = parse_list(rest.substr(0, percent), argument);
  }
  if (!files) return files.error();
  if (auto checked = check_standard_input(*files, argument); !checked) return checked.error();
  spec.files = std::move(*files);
  return spec;
}

}  // namespace natlens::capture
