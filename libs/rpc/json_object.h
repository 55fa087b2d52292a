// A JSON object from outside (a token's part, a key set), strictly: valid JSON,
// at the top an object, no member twice.
//
// Not protobuf's Struct: Debian's libprotobuf and code built with
// ThreadSanitizer disagree about the layout of its map.
#pragma once

#include <simdjson.h>

#include <map>
#include <memory>
#include <string>

namespace weft::rpc {

// Members by name. Elements live as long as the object.
class JsonObject {
 public:
  using Members = std::map<std::string, simdjson::dom::element>;

  // False when `json` is not such an object. Not to be used again then.
  bool Parse(const std::string& json) {
    simdjson::dom::object object;
    return parser_.parse(json).get(object) == simdjson::SUCCESS && Collect(object, members_);
  }
  // Absent and null are the same.
  const simdjson::dom::element* Find(const std::string& name) const {
    return Find(members_, name);
  }
  bool Has(const std::string& name) const { return members_.count(name) > 0; }

  // False when a member stands twice.
  static bool Collect(const simdjson::dom::object& object, Members& members) {
    for (const auto field : object) {
      if (!members.emplace(std::string(field.key), field.value).second) return false;
    }
    return true;
  }
  static const simdjson::dom::element* Find(const Members& members, const std::string& name) {
    const auto it = members.find(name);
    return it == members.end() || it->second.is_null() ? nullptr : &it->second;
  }

 private:
  simdjson::dom::parser parser_;
  Members members_;
};

}  // namespace weft::rpc
