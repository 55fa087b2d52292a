// Documents as files and names, for the commands of `weft document`.
#pragma once

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "google/protobuf/timestamp.pb.h"
#include "libs/rules/documents/document.h"
#include "tools/weft/session.h"
#include "weft/documents/v1/documents.pb.h"

namespace weft::cli {

struct File {
  std::string path;
  std::string source;
  rules::Document read;
};

// What one command works on: files, and the request ids of its calls.
class Work {
 public:
  explicit Work(Session& session) : session_(session) {}

  // Files of paths, folders with all that is below them, in order of their names.
  // False when one cannot be read or has no sound head; it is shown then.
  bool Read(const std::vector<std::string>& paths);
  const std::vector<File>& files() const { return files_; }

  // On stderr, with the file of the document where it came from one.
  void Print(const google::protobuf::RepeatedPtrField<documents::v1::Finding>& findings) const;
  std::string NextId();

 private:
  bool ReadFile(const std::string& name);

  Session& session_;
  std::vector<File> files_;
  std::map<std::string, std::string> by_document_;  // Key → file.
  bool sound_ = true;
  int requests_ = 0;
};

// "RuleSet/pricing.line-price@org/branch/channel" or an id, with ":version".
documents::v1::DocumentRef ParseRef(std::string text);
documents::v1::DocumentRef RefOf(const rules::DocumentKey& key);
std::string NameOf(const documents::v1::DocumentRef& ref);

template <typename Request>
void AddRefs(const std::vector<std::string>& names, Request& request) {
  for (const std::string& name : names) *request.add_documents() = ParseRef(name);
}

// Paths when all are paths, else names.
bool ArePaths(const std::vector<std::string>& what);
bool SetMoment(const std::string& text, google::protobuf::Timestamp* out);

}  // namespace weft::cli
