#include "libs/rpc/access_table.h"

#include <google/protobuf/compiler/importer.h>
#include <google/protobuf/descriptor.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <filesystem>
#include <iterator>
#include <tuple>

#include "libs/base/error.h"
#include "libs/testing/paths.h"

namespace weft::rpc {
namespace {

class Silent : public google::protobuf::compiler::MultiFileErrorCollector {
 public:
  void AddError(const std::string& file, int line, int, const std::string& what) override {
    errors += file + ":" + std::to_string(line) + " " + what + "\n";
  }
  std::string errors;
};

// Every method of every service under proto/, but for fixtures of tests.
std::set<std::string> MethodsOfAllProtos() {
  const std::filesystem::path root = std::filesystem::path(weft::testing::SourceDir()) / "proto";
  google::protobuf::compiler::DiskSourceTree tree;
  tree.MapPath("", root.string());
  tree.MapPath("", "/usr/include");
  Silent collector;
  google::protobuf::compiler::Importer importer(&tree, &collector);
  std::set<std::string> methods;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(root)) {
    if (entry.path().extension() != ".proto") continue;
    const auto* file =
        importer.Import(std::filesystem::relative(entry.path(), root).generic_string());
    INFO(collector.errors);
    REQUIRE(file != nullptr);
    if (file->package().rfind("weft.testing.", 0) == 0) continue;
    for (int s = 0; s < file->service_count(); ++s) {
      for (int m = 0; m < file->service(s)->method_count(); ++m) {
        methods.insert(file->service(s)->full_name() + "/" +
                       file->service(s)->method(m)->name());
      }
    }
  }
  return methods;
}

TEST_CASE("every RPC of every proto has a row, and every row an RPC", "[rpc][access]") {
  const std::set<std::string> declared = MethodsOfAllProtos();
  std::set<std::string> rows;
  for (const auto& [method, row] : AccessTable::Default().rows()) rows.insert(method);

  std::vector<std::string> without_row;
  std::set_difference(declared.begin(), declared.end(), rows.begin(), rows.end(),
                      std::back_inserter(without_row));
  std::vector<std::string> without_rpc;
  std::set_difference(rows.begin(), rows.end(), declared.begin(), declared.end(),
                      std::back_inserter(without_rpc));

  CHECK(without_row == std::vector<std::string>{});
  CHECK(without_rpc == std::vector<std::string>{});
}

TEST_CASE("only infrastructure is public", "[rpc][access]") {
  for (const auto& [method, row] : AccessTable::Default().rows()) {
    CAPTURE(method);
    CHECK(row.is_public == (method.rfind("grpc.", 0) == 0));
  }
}

TEST_CASE("a row lets exactly its roles in", "[rpc][access]") {
  for (const auto& [method, row] : AccessTable::Default().rows()) {
    for (const char* role : kRoles) {
      CAPTURE(method, role);
      const absl::Status status = CheckAccess(row, method, {.tenant = "t", .roles = {role}});
      CHECK(status.ok() == (row.is_public || row.roles.count(role) > 0));
      if (!status.ok()) {
        CHECK(status.code() == absl::StatusCode::kPermissionDenied);
        CHECK(ReasonOf(status) == "ROLE_NOT_ALLOWED");
      }
    }
  }
}

TEST_CASE("a principal without roles gets in nowhere but where it is public", "[rpc][access]") {
  for (const auto& [method, row] : AccessTable::Default().rows()) {
    CAPTURE(method);
    CHECK(CheckAccess(row, method, {.tenant = "t"}).ok() == row.is_public);
  }
}

TEST_CASE("sets stand for their roles", "[rpc][access]") {
  const auto table = AccessTable::Parse(
      "@a = buyer rep  # a comment\n"
      "@b = @a operator\n"
      "\n"
      "p.v1.S/M @b auditor\n"
      "p.v1.S/N public\n");

  REQUIRE(table.ok());
  CHECK(table->Find("p.v1.S/M")->roles ==
        std::set<std::string>{"buyer", "rep", "operator", "auditor"});
  CHECK(table->Find("p.v1.S/N")->is_public);
  CHECK(table->Find("p.v1.S/O") == nullptr);
}

TEST_CASE("a table that is not well formed is refused with its line", "[rpc][access]") {
  const auto [text, line] = GENERATE(table<const char*, const char*>({
      {"p.v1.S/M", "1"},                              // No role.
      {"p.v1.S/M wizard", "1"},                       // No such role.
      {"p.v1.S/M @nobody", "1"},                      // No such set.
      {"p.v1.S/M public buyer", "1"},                 // Public and not.
      {"\np.v1.S buyer", "2"},                        // No method.
      {"p.v1.S/M/N buyer", "1"},                      // Two slashes.
      {"p.v1.S/M buyer\np.v1.S/M rep", "2"},          // Twice.
      {"@a = buyer\n@a = rep", "2"},                  // Twice.
      {"@a buyer", "1"},                              // No '='.
      {"@a =", "1"},                                  // Empty.
  }));
  CAPTURE(text);

  const auto parsed = AccessTable::Parse(text);

  REQUIRE_FALSE(parsed.ok());
  CHECK(ReasonOf(parsed.status()) == "ACCESS_TABLE_INVALID");
  CHECK(MetadataOf(parsed.status()) == ErrorMetadata{{"line", line}});
}

}  // namespace
}  // namespace weft::rpc
