#include "tools/weft/importing/report.h"

#include <map>
#include <ostream>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "services/erp-connector/json_writer.h"

namespace weft::cli {

int64_t CountErrors(const std::vector<Finding>& findings) {
  int64_t errors = 0;
  for (const Finding& finding : findings) errors += finding.error ? 1 : 0;
  return errors;
}

void ShowFindings(const std::vector<Finding>& findings, std::ostream& out) {
  // Errors first, then by code.
  std::map<std::pair<bool, std::string>, std::vector<const Finding*>> codes;
  for (const Finding& finding : findings) {
    codes[{!finding.error, finding.code}].push_back(&finding);
  }
  for (const auto& [key, list] : codes) {
    out << (key.first ? "warning  " : "error    ") << key.second << "  " << list.size() << "\n";
    int shown = 0;
    for (const Finding* finding : list) {
      if (++shown > kFindingsShown) {
        out << "  ... and " << list.size() - kFindingsShown << " more (-o csv shows all)\n";
        break;
      }
      out << "  " << finding->at.file << ":" << finding->at.line << ":" << finding->at.column
          << "  " << finding->subject << (finding->subject.empty() ? "" : ": ")
          << finding->message << "\n";
    }
  }
}

std::string CsvCell(const std::string& text) {
  if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
  return absl::StrCat("\"", absl::StrReplaceAll(text, {{"\"", "\"\""}}), "\"");
}

void WriteFindingsCsv(const std::vector<Finding>& findings, std::ostream& out) {
  out << "severity,code,file,line,column,subject,message\n";
  for (const Finding& f : findings) {
    out << (f.error ? "error" : "warning") << "," << f.code << "," << CsvCell(f.at.file) << ","
        << f.at.line << "," << f.at.column << "," << CsvCell(f.subject) << ","
        << CsvCell(f.message) << "\n";
  }
}

std::string FindingsJson(const std::vector<Finding>& findings) {
  std::string out = "[";
  for (const Finding& f : findings) {
    erp::JsonWriter json;
    json.BeginObject()
        .Text("severity", f.error ? "error" : "warning")
        .Text("code", f.code)
        .Text("file", f.at.file)
        .Raw("line", absl::StrCat(f.at.line))
        .Raw("column", absl::StrCat(f.at.column))
        .Text("subject", f.subject)
        .Text("message", f.message)
        .EndObject();
    absl::StrAppend(&out, out.size() > 1 ? "," : "", json.Take());
  }
  return out + "]";
}

}  // namespace weft::cli
