// What was found in tables, for people and for programs.
#pragma once

#include <iosfwd>
#include <string>
#include <vector>

#include "tools/weft/importing/tables.h"

namespace weft::cli {

// Findings of one code that a table shows; JSON and CSV have all.
inline constexpr int kFindingsShown = 10;

int64_t CountErrors(const std::vector<Finding>& findings);

// By code, errors first: how many, then the first of them as file:line:column.
void ShowFindings(const std::vector<Finding>& findings, std::ostream& out);
// severity,code,file,line,column,subject,message
void WriteFindingsCsv(const std::vector<Finding>& findings, std::ostream& out);
// A JSON array.
std::string FindingsJson(const std::vector<Finding>& findings);

// One cell of CSV, quoted where it must be.
std::string CsvCell(const std::string& text);

}  // namespace weft::cli
