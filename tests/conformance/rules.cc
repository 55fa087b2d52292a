// Runs conformance files of the expression language.
//
//   rules FILE... [--scope TSV]...
//
// Takes any file of that shape. What the language leaves out on purpose (records
// built in an expression, optional values, enums, unknown sets) is skipped with the
// reason. Prints a line for each test that fails or is skipped outside the scope
// and for each file, and last "N passed, N failed, N skipped". Exit 0 only when
// nothing failed and something ran.
#include <google/protobuf/duration.pb.h>
#include <google/protobuf/io/zero_copy_stream_impl.h>
#include <google/protobuf/text_format.h>
#include <google/protobuf/timestamp.pb.h>

#include <cmath>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <iterator>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <tuple>
#include <vector>

#include "conformance/expression_tests.pb.h"
#include "libs/rules/expr/program.h"

namespace {

namespace pb = weft::tests::conformance;
using namespace weft::rules::expr;  // NOLINT: a runner of one library.

// file, section, position in the section from 1.
using TestId = std::tuple<std::string, std::string, int>;

std::string BaseName(const std::string& path) { return path.substr(path.rfind('/') + 1); }

bool ReadScope(const std::string& path, std::set<TestId>& out) {
  std::ifstream file(path);
  if (!file) return false;
  for (std::string line; std::getline(file, line);) {
    if (line.empty() || line[0] == '#') continue;
    std::istringstream fields(line);
    std::string name, section, position;
    std::getline(fields, name, '\t');
    std::getline(fields, section, '\t');
    std::getline(fields, position, '\t');
    out.insert({name, section, std::atoi(position.c_str())});
  }
  return true;
}

// Resolves Any types that are linked in; everything else is Opaque.
class Finder : public google::protobuf::TextFormat::Finder {
 public:
  const google::protobuf::Descriptor* FindAnyType(const google::protobuf::Message&,
                                                  const std::string&,
                                                  const std::string& name) const override {
    for (const auto* known : {google::protobuf::Timestamp::descriptor(),
                              google::protobuf::Duration::descriptor()}) {
      if (known->full_name() == name) return known;
    }
    return pb::Opaque::descriptor();
  }
};

// False when the value holds a message type we do not have.
bool ToValue(const pb::Value& from, Arena& arena, Value& to) {
  switch (from.kind_case()) {
    case pb::Value::kNullValue: to = Value::Null(); return true;
    case pb::Value::kBoolValue: to = Value::Bool(from.bool_value()); return true;
    case pb::Value::kInt64Value: to = Value::Int(from.int64_value()); return true;
    case pb::Value::kUint64Value: to = Value::Uint(from.uint64_value()); return true;
    case pb::Value::kDoubleValue: to = Value::Double(from.double_value()); return true;
    case pb::Value::kStringValue: to = Value::String(arena.Copy(from.string_value())); return true;
    case pb::Value::kBytesValue: to = Value::Bytes(arena.Copy(from.bytes_value())); return true;
    case pb::Value::kTypeValue: to = Value::TypeName(arena.Copy(from.type_value())); return true;
    case pb::Value::kListValue: {
      const int size = from.list_value().values_size();
      auto* items = arena.AllocateArray<Value>(size + 1);
      if (items == nullptr) return false;
      for (int i = 0; i < size; ++i) {
        if (!ToValue(from.list_value().values(i), arena, items[i])) return false;
      }
      to = Value::List(items, size);
      return true;
    }
    case pb::Value::kMapValue: {
      const int size = from.map_value().entries_size();
      auto* keys = arena.AllocateArray<Value>(size + 1);
      auto* values = arena.AllocateArray<Value>(size + 1);
      if (keys == nullptr || values == nullptr) return false;
      for (int i = 0; i < size; ++i) {
        if (!ToValue(from.map_value().entries(i).key(), arena, keys[i]) ||
            !ToValue(from.map_value().entries(i).value(), arena, values[i])) {
          return false;
        }
      }
      to = MakeMap(keys, values, size, arena);
      return true;
    }
    case pb::Value::kObjectValue: {
      google::protobuf::Timestamp timestamp;
      google::protobuf::Duration duration;
      if (from.object_value().UnpackTo(&timestamp)) {
        to = Value::Timestamp(timestamp.seconds(), timestamp.nanos());
        return timestamp.nanos() >= 0 && timestamp.nanos() < kNanosPerSecond;
      }
      if (from.object_value().UnpackTo(&duration)) {
        const __int128 nanos = duration.seconds() * kNanosPerSecond + duration.nanos();
        to = Value::Duration(static_cast<int64_t>(nanos));
        return nanos >= INT64_MIN && nanos <= INT64_MAX;
      }
      return false;
    }
    default: return false;
  }
}

bool ToType(const pb::Type& from, Type& to) {
  switch (from.kind_case()) {
    case pb::Type::kDyn: to = Type(); return true;
    case pb::Type::kNull: to = Type::Of(TypeKind::kNull); return true;
    case pb::Type::kPrimitive:
      switch (from.primitive()) {
        case pb::Type::BOOL: to = Type::Of(TypeKind::kBool); return true;
        case pb::Type::INT64: to = Type::Of(TypeKind::kInt); return true;
        case pb::Type::UINT64: to = Type::Of(TypeKind::kUint); return true;
        case pb::Type::DOUBLE: to = Type::Of(TypeKind::kDouble); return true;
        case pb::Type::STRING: to = Type::Of(TypeKind::kString); return true;
        case pb::Type::BYTES: to = Type::Of(TypeKind::kBytes); return true;
        default: return false;
      }
    case pb::Type::kWellKnown:
      to = from.well_known() == pb::Type::TIMESTAMP   ? Type::Of(TypeKind::kTimestamp)
           : from.well_known() == pb::Type::DURATION ? Type::Of(TypeKind::kDuration)
                                                     : Type();
      return true;
    case pb::Type::kListType: {
      Type element;
      if (!ToType(from.list_type().elem_type(), element)) return false;
      to = Type::List(element);
      return true;
    }
    case pb::Type::kMapType: {
      Type key, value;
      if (!ToType(from.map_type().key_type(), key) || !ToType(from.map_type().value_type(), value)) {
        return false;
      }
      to = Type::Map(key, value);
      return true;
    }
    case pb::Type::kMessageType:
      if (from.message_type() == "google.protobuf.Timestamp") {
        to = Type::Of(TypeKind::kTimestamp);
      } else if (from.message_type() == "google.protobuf.Duration") {
        to = Type::Of(TypeKind::kDuration);
      } else {
        return false;
      }
      return true;
    case pb::Type::kTypeParam:
      to = Type::Variable(from.type_param().empty() ? 0 : (from.type_param()[0] - 'A') % 26);
      return true;
    case pb::Type::kType: to = Type::Of(TypeKind::kType); return true;
    case pb::Type::kAbstractType:
      to = Type::Record(from.abstract_type().name());
      return from.abstract_type().name() != "optional_type";
    default: return false;
  }
}

// The comparison of results: kinds count, NaN matches NaN, zeros have a sign.
bool Same(const Value& a, const Value& b) {
  if (a.kind != b.kind) return false;
  switch (a.kind) {
    case Kind::kDouble:
      if (std::isnan(a.double_value)) return std::isnan(b.double_value);
      return a.double_value == b.double_value &&
             std::signbit(a.double_value) == std::signbit(b.double_value);
    case Kind::kList:
      if (a.length != b.length) return false;
      for (uint32_t i = 0; i < a.length; ++i) {
        if (!Same(a.items[i], b.items[i])) return false;
      }
      return true;
    case Kind::kMap:
      if (a.length != b.length) return false;
      for (uint32_t i = 0; i < a.length; ++i) {
        bool found = false;
        for (uint32_t j = 0; j < b.length && !found; ++j) {
          found = Same(a.map->keys[i], b.map->keys[j]) && Same(a.map->values[i], b.map->values[j]);
        }
        if (!found) return false;
      }
      return true;
    default: {
      Arena arena;
      return Equals(a, b, arena);
    }
  }
}

struct Counts {
  int passed = 0;
  int failed = 0;
  int skipped = 0;
};

enum class Verdict { kPass, kFail, kSkip };

std::string Show(const Outcome& outcome, Arena& arena) {
  if (outcome.error.has_value()) return outcome.error->ToString();
  return std::string(std::string(TypeNameOf(outcome.value)) + " " + ToText(outcome.value, arena));
}

// Faults that say what the language leaves out on purpose.
bool IsLeftOut(const pb::Test& test, const Error& error) {
  if (error.code == Code::kUndeclaredReference) {
    // 'optional', or in a package of messages the name of one or of an enum.
    const char first = error.message.size() > 1 ? error.message[1] : ' ';
    return error.message.rfind("'optional'", 0) == 0 ||
           (!test.container().empty() && first >= 'A' && first <= 'Z');
  }
  return error.code == Code::kSyntax &&
         (error.message == "records cannot be built in an expression" ||
          error.message == "optional values are not supported");
}

Verdict RunTest(const pb::Test& test, std::string& detail) {
  detail = "a value or type that the language does not have";
  if (test.expect_case() == pb::Test::kUnknown || test.expect_case() == pb::Test::kAnyUnknowns) {
    detail = "sets of unknown values";
    return Verdict::kSkip;
  }
  Arena arena(Arena::kDocumentBytesMax);
  Environment environment;
  environment.container = test.container();
  std::vector<Value> slots;
  for (const auto& declaration : test.type_env()) {
    if (declaration.has_ident()) {
      Type type;
      if (!ToType(declaration.ident().type(), type)) return Verdict::kSkip;
      environment.variables.push_back({declaration.name(), type});
      slots.push_back(Value::Error(Code::kUndeclaredReference, "the variable is not bound"));
      continue;
    }
    Function function;
    function.name = declaration.name();
    for (const auto& overload : declaration.function().overloads()) {
      Overload one;
      one.receiver = overload.is_instance_function();
      for (const auto& param : overload.params()) {
        Type type;
        if (!ToType(param, type)) return Verdict::kSkip;
        one.params.push_back(type);
      }
      if (!ToType(overload.result_type(), one.result)) return Verdict::kSkip;
      function.overloads.push_back(std::move(one));
    }
    environment.functions.push_back(std::move(function));
  }
  for (const auto& [name, binding] : test.bindings()) {
    if (binding.kind_case() == pb::Binding::kUnknown) return Verdict::kSkip;
    Value value = Value::Error(Code::kInvalidArgument, "bound to an error");
    if (binding.has_value() && !ToValue(binding.value(), arena, value)) return Verdict::kSkip;
    size_t slot = 0;
    while (slot < environment.variables.size() && environment.variables[slot].name != name) ++slot;
    if (slot == environment.variables.size()) {
      environment.variables.push_back({name, Type()});
      slots.emplace_back();
    }
    slots[slot] = value;
  }

  const bool wants_error = test.expect_case() == pb::Test::kEvalError ||
                           test.expect_case() == pb::Test::kAnyEvalErrors;
  Value expected = Value::Bool(true);
  if (test.expect_case() == pb::Test::kValue && !ToValue(test.value(), arena, expected)) {
    return Verdict::kSkip;
  }
  bool compare = !wants_error;
  if (test.expect_case() == pb::Test::kTypedResult) {
    compare = test.typed_result().has_result();
    if (compare && !ToValue(test.typed_result().result(), arena, expected)) return Verdict::kSkip;
  }

  CompileOptions options;
  options.macros = !test.disable_macros();
  options.check = !test.disable_check();
  CompileResult compiled = Compile(test.expr(), environment, options);
  if (compiled.program == nullptr) {
    detail = compiled.errors[0].ToString();
    if (IsLeftOut(test, compiled.errors[0])) return Verdict::kSkip;
    return wants_error && compiled.errors[0].code != Code::kSyntax ? Verdict::kPass
                                                                   : Verdict::kFail;
  }
  if (test.expect_case() == pb::Test::kTypedResult && options.check) {
    Type wanted;
    if (!ToType(test.typed_result().deduced_type(), wanted)) return Verdict::kSkip;
    if (!(wanted == compiled.program->result_type())) {
      detail = "type " + compiled.program->result_type().ToString() + ", expected " +
               wanted.ToString();
      return Verdict::kFail;
    }
  }
  if (test.check_only()) return Verdict::kPass;

  const ArrayFacts facts(slots.data());
  const auto judge = [&](const Program& program, const char* how) {
    const Outcome outcome = program.Evaluate(facts, arena, {});
    const bool good = wants_error ? outcome.error.has_value()
                                  : !outcome.error.has_value() &&
                                        (!compare || Same(outcome.value, expected));
    if (!good) {
      detail = std::string(how) + ": " + Show(outcome, arena) + ", expected " +
               (wants_error ? "an error" : ToText(expected, arena));
    }
    return good;
  };
  if (!judge(*compiled.program, "result")) return Verdict::kFail;
  if (options.check) {
    options.check = false;
    CompileResult unchecked = Compile(test.expr(), environment, options);
    if (unchecked.program == nullptr || !judge(*unchecked.program, "unchecked")) {
      return Verdict::kFail;
    }
  }
  return Verdict::kPass;
}

bool RunFile(const std::string& path, const std::set<TestId>& scope, Counts& total) {
  std::ifstream stream(path);
  if (!stream) {
    std::cerr << path << ": cannot be read\n";
    return false;
  }
  google::protobuf::io::IstreamInputStream input(&stream);
  google::protobuf::TextFormat::Parser parser;
  Finder finder;
  parser.SetFinder(&finder);
  parser.AllowUnknownField(true);
  parser.AllowUnknownExtension(true);
  google::protobuf::LogSilencer silence;
  pb::File file;
  if (!parser.Parse(&input, &file)) {
    std::cerr << path << ": is no conformance file\n";
    return false;
  }
  Counts counts;
  for (const pb::Section& section : file.section()) {
    for (int i = 0; i < section.test_size(); ++i) {
      const pb::Test& test = section.test(i);
      std::string detail;
      const bool outside = scope.count({BaseName(path), section.name(), i + 1}) > 0;
      const Verdict verdict = outside ? Verdict::kSkip : RunTest(test, detail);
      counts.passed += verdict == Verdict::kPass ? 1 : 0;
      counts.failed += verdict == Verdict::kFail ? 1 : 0;
      counts.skipped += verdict == Verdict::kSkip ? 1 : 0;
      if (verdict == Verdict::kFail || (verdict == Verdict::kSkip && !outside)) {
        std::cout << (verdict == Verdict::kFail ? "FAIL " : "SKIP ") << BaseName(path) << " " << section.name() << " " << test.name()
                  << "  " << test.expr() << "  " << detail << "\n";
      }
    }
  }
  std::cout << BaseName(path) << ": " << counts.passed << " passed, " << counts.failed
            << " failed, " << counts.skipped << " skipped\n";
  total.passed += counts.passed;
  total.failed += counts.failed;
  total.skipped += counts.skipped;
  return true;
}

}  // namespace

int main(int argc, char** argv) {
  std::vector<std::string> files;
  std::set<TestId> scope;
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    if (argument != "--scope") {
      files.push_back(argument);
    } else if (++i == argc || !ReadScope(argv[i], scope)) {
      std::cerr << "--scope needs a readable TSV file\n";
      return 2;
    }
  }
  if (files.empty()) {
    std::cerr << "usage: rules FILE... [--scope TSV]...\n";
    return 2;
  }
  Counts total;
  bool readable = true;
  for (const std::string& file : files) readable = RunFile(file, scope, total) && readable;
  std::cout << total.passed << " passed, " << total.failed << " failed, " << total.skipped
            << " skipped\n";
  return readable && total.failed == 0 && total.passed > 0 ? 0 : 1;
}
