// The page as its bundler made it (src/report/page), compiled in; made by
// cmake/EmbedPage.cmake.
#pragma once

#include <string_view>

namespace natlens::report {

// The whole HTML with kPageData where the data belongs; "" in a build without the page.
std::string_view page_template();
inline constexpr std::string_view kPageData = "<!--natlens-data-->";

}  // namespace natlens::report
