// The printers behind make_printer().
#pragma once

#include <memory>

#include "natlens/report/table.h"

namespace natlens::report {

std::unique_ptr<TablePrinter> make_text_printer(const TableStyle& style, Write write);
std::unique_ptr<TablePrinter> make_csv_printer(Write write);
// `lines`: an object a line; else an array of objects.
std::unique_ptr<TablePrinter> make_json_printer(bool lines, Write write);

}  // namespace natlens::report
