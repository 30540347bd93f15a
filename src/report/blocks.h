// Pieces that the summary and the trace have in common.
#pragma once

#include <string>
#include <string_view>

namespace natlens::report {

// Every line moved two cells to the right.
std::string indented(std::string_view text);
// Table unpaired's reasons, as a person says them.
std::string reason_sentence(const std::string& stored);

}  // namespace natlens::report
