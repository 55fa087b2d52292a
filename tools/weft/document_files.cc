#include "tools/weft/document_files.h"

#include <filesystem>
#include <fstream>
#include <ostream>
#include <sstream>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "google/protobuf/util/time_util.h"
#include "tools/weft/table.h"

namespace weft::cli {

namespace v1 = documents::v1;
namespace fs = std::filesystem;

namespace {

bool IsPath(const std::string& text) {
  std::error_code error;
  return fs::exists(text, error);
}

bool IsDocumentFile(const fs::path& path) {
  return path.extension() == ".yaml" || path.extension() == ".yml" || path.extension() == ".json";
}

// "error: rules.yaml:12:7: …", as compilers write it.
void PrintFinding(const std::string& file, const v1::Finding& finding, std::ostream& out) {
  out << file;
  if (finding.line() > 0) out << ":" << finding.line() << ":" << finding.column();
  out << ": " << ShowEnum(v1::Severity_Name(finding.severity()), "SEVERITY_") << ": "
      << finding.message();
  if (!finding.path().empty()) out << " [" << finding.path() << "]";
  out << " (" << finding.code() << ")\n";
  if (!finding.hint().empty()) out << "  hint: " << finding.hint() << "\n";
}

}  // namespace

bool Work::Read(const std::vector<std::string>& paths) {
  for (const std::string& path : paths) {
    std::vector<std::string> found;
    std::error_code error;
    if (fs::is_directory(path, error)) {
      for (const auto& entry : fs::recursive_directory_iterator(path, error)) {
        if (entry.is_regular_file() && IsDocumentFile(entry.path())) {
          found.push_back(entry.path().string());
        }
      }
      std::sort(found.begin(), found.end());
    } else {
      found.push_back(path);
    }
    for (const std::string& name : found) {
      if (!ReadFile(name)) sound_ = false;
    }
  }
  return sound_;
}

void Work::Print(const google::protobuf::RepeatedPtrField<v1::Finding>& findings) const {
  for (const v1::Finding& finding : findings) {
    const auto file = by_document_.find(finding.document());
    PrintFinding(file != by_document_.end() ? file->second
                 : finding.document().empty() ? "documents"
                                              : finding.document(),
                 finding, session_.terminal().err);
  }
}

std::string Work::NextId() { return absl::StrCat(session_.RequestId(), "-", ++requests_); }

bool Work::ReadFile(const std::string& name) {
  std::ifstream in(name, std::ios::binary);
  std::stringstream text;
  text << in.rdbuf();
  if (!in) {
    session_.terminal().err << name << ": error: cannot be read\n";
    return false;
  }
  File file{name, text.str(), {}};
  std::vector<rules::Finding> findings;
  const bool sound = rules::ReadDocument(file.source, file.read, findings);
  for (const rules::Finding& finding : findings) {
    v1::Finding shown;
    shown.set_severity(v1::SEVERITY_ERROR);
    shown.set_code(finding.code);
    shown.set_path(finding.path);
    shown.set_line(finding.line);
    shown.set_column(finding.column);
    shown.set_message(finding.message);
    shown.set_hint(finding.hint);
    PrintFinding(name, shown, session_.terminal().err);
  }
  if (!sound) return false;
  const auto [other, is_new] = by_document_.emplace(file.read.key.ToText(), name);
  if (!is_new) {
    session_.terminal().err << name << ":1:1: error: " << other->second << " is "
                            << file.read.key.ToText() << ", too\n";
    return false;
  }
  files_.push_back(std::move(file));
  return true;
}

// "RuleSet/pricing.line-price@org/branch/channel" or an id, with ":version".
v1::DocumentRef ParseRef(std::string text) {
  v1::DocumentRef ref;
  int64_t version = 0;
  if (const size_t colon = text.rfind(':'); colon != std::string::npos &&
                                            absl::SimpleAtoi(text.substr(colon + 1), &version)) {
    ref.set_version(version);
    text.resize(colon);
  }
  if (const size_t at = text.find('@'); at != std::string::npos) {
    std::stringstream scope(text.substr(at + 1));
    std::string part;
    const auto next = [&] {
      if (!std::getline(scope, part, '/')) part.clear();
      return part == "*" ? std::string() : part;
    };
    ref.set_organisation(next());
    ref.set_branch(next());
    ref.set_channel(next());
    text.resize(at);
  }
  const size_t slash = text.find('/');
  if (slash != std::string::npos) ref.set_kind(text.substr(0, slash));
  ref.set_id(slash == std::string::npos ? text : text.substr(slash + 1));
  return ref;
}

v1::DocumentRef RefOf(const rules::DocumentKey& key) {
  v1::DocumentRef ref;
  ref.set_kind(key.kind);
  ref.set_id(key.id);
  ref.set_organisation(key.scope.organisation);
  ref.set_branch(key.scope.branch);
  ref.set_channel(key.scope.channel);
  return ref;
}

std::string NameOf(const v1::DocumentRef& ref) {
  rules::DocumentKey key{ref.kind(), ref.id(),
                         {ref.organisation(), ref.branch(), ref.channel()}};
  return key.ToText();
}

bool SetMoment(const std::string& text, google::protobuf::Timestamp* out) {
  return google::protobuf::util::TimeUtil::FromString(text, out);
}

bool ArePaths(const std::vector<std::string>& what) {
  return !what.empty() && std::all_of(what.begin(), what.end(), IsPath);
}

}  // namespace weft::cli
