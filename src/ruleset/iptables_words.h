// One rule of iptables-save as nft's text.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace natlens::ruleset {

// `arguments`: the words behind "-A CHAIN". What has no words of nft's becomes "iptables-...",
// which the reader of text does not know either, and says so.
std::string iptables_words(const std::vector<std::string>& arguments, bool v6);

}  // namespace natlens::ruleset
