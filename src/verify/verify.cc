#include "natlens/verify/verify.h"

#include "rules_suite.h"
#include "scene.h"

namespace natlens::verify {

Result<Report> verify(store::Database& database, const Options& options) {
  Report report;
  report.database = options.database_name;
  report.rules = options.rules;
  auto scene = Scene::load(database, options.database_name);
  if (!scene) return scene.error();
  for (const std::string& file : options.rules) {
    auto judged = judge_file(*scene, file, options, report);
    if (!judged) return judged.error();
    report.suites.push_back(suite_of(*scene, *judged));
  }
  return report;
}

}  // namespace natlens::verify
