// What verify found, for people and for machines: one format a function, each a whole document.
// The same report gives the same bytes: there is no clock and no path of this run in them.
#pragma once

#include <string>

#include "natlens/verify/records.h"

namespace natlens::report {

std::string verify_text(const verify::Report& report, int exit_code);
std::string verify_tap(const verify::Report& report);     // TAP 14
std::string verify_junit(const verify::Report& report);   // JUnit XML
std::string verify_sarif(const verify::Report& report);   // SARIF 2.1.0
std::string verify_github(const verify::Report& report);  // workflow commands
std::string verify_gitlab(const verify::Report& report);  // Code Climate JSON
std::string verify_json(const verify::Report& report);
std::string verify_markdown(const verify::Report& report);  // a job summary

}  // namespace natlens::report
