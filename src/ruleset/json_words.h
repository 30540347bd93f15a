// One JSON statement or expression as nft's text. What has no words becomes "json-..." which
// the reader of text does not know either, and says so.
#pragma once

#include <string>

#include <nlohmann/json_fwd.hpp>

namespace natlens::ruleset {

std::string statement_words(const nlohmann::json& statement);
std::string expression_words(const nlohmann::json& expression);

}  // namespace natlens::ruleset
