// Which kind of text is it, and which part of it is meant?
#include <algorithm>
#include <fstream>
#include <iterator>

#include <fmt/format.h>

#include "natlens/ruleset/parse.h"

#include "iptables.h"
#include "nft_json.h"
#include "nft_text.h"

namespace natlens::ruleset {
namespace {

struct Section {
  std::string name;
  std::string_view text;
  std::uint32_t first_line = 1;
};

// "# namespace NAME" opens a section, as scripts write that list several rulesets.
std::vector<Section> sections_of(std::string_view text) {
  constexpr std::string_view kMark = "# namespace ";
  std::vector<Section> sections{{"", text, 1}};
  std::size_t begin = 0;
  std::uint32_t line = 1;
  for (std::size_t at = 0; at < text.size(); ++line) {
    const auto end = std::min(text.find('\n', at), text.size());
    const auto here = text.substr(at, end - at);
    if (here.starts_with(kMark)) {
      sections.back().text = text.substr(begin, at - begin);
      sections.push_back({std::string(here.substr(kMark.size())), text.substr(at), line});
      begin = at;
    }
    at = end + 1;
  }
  if (sections.size() > 1) {
    sections.erase(sections.begin());
  }
  return sections;
}

bool is_iptables(std::string_view text) {
  std::size_t at = 0;
  while (at < text.size()) {
    const auto end = std::min(text.find('\n', at), text.size());
    const auto first = text.find_first_not_of(" \t\r", at);
    if (first < end && text[first] != '#') {
      return text[first] == '*';
    }
    at = end + 1;
  }
  return false;
}

}  // namespace

Result<Ruleset> parse(std::string_view text, std::string_view where, std::string_view part) {
  const auto first = text.find_first_not_of(" \t\r\n");
  if (first != std::string_view::npos && (text[first] == '{' || text[first] == '[')) {
    return parse_nft_json(text, where, part);
  }
  const auto sections = sections_of(text);
  std::string names;
  for (const Section& section : sections) {
    if (section.name == part || (part.empty() && sections.size() == 1)) {
      return is_iptables(section.text) ? parse_iptables(section.text, where, section.first_line)
                                       : parse_nft(section.text, where, section.first_line);
    }
    names += fmt::format(" {}#{}", where, section.name);
  }
  if (part.empty()) {
    return Error{fmt::format("{}: several rulesets; choose one:{}", where, names)};
  }
  return Error{fmt::format("{}: no ruleset '{}' in it{}{}", where, part,
                           sections.size() > 1 ? "; there are" : "",
                           sections.size() > 1 ? names : "")};
}

Result<Ruleset> load(std::string_view argument) {
  std::string path(argument);
  std::string part;
  if (!std::ifstream(path)) {
    const auto hash = path.rfind('#');
    if (hash != std::string::npos) {
      part = path.substr(hash + 1);
      path.resize(hash);
    }
  }
  std::ifstream in(path, std::ios::binary);
  if (!in) {
    return Error{
        fmt::format("{}: cannot be read; expected a file that 'nft list ruleset', 'nft "
                    "-j list ruleset' or 'iptables-save' wrote",
                    path)};
  }
  const std::string text{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
  return parse(text, path, part);
}

}  // namespace natlens::ruleset
