#include "services/pricing/domain/labels.h"

#include <catch2/catch.hpp>

namespace weft::pricing {
namespace {

TEST_CASE("a label is read in the language asked for, else in English", "[labels]") {
  const auto [language, text] = GENERATE(table<const char*, const char*>({
      {"", "List price"},
      {"en-GB", "List price"},
      {"de", "Listenpreis"},
      {"de-CH", "Listenpreis"},
      {"DE_at", "Listenpreis"},
      {"fr-CA", "Prix catalogue"},
      {"pl", "List price"},
      {"deu", "List price"},
  }));
  CAPTURE(language);
  CHECK(TextOf(Label::kList, language) == text);
}

TEST_CASE("every label has a text in every language", "[labels]") {
  for (const char* language : {"en", "de", "fr"}) {
    for (int i = 0; i <= static_cast<int>(Label::kFurtherFrom); ++i) {
      CAPTURE(language, i);
      CHECK_FALSE(TextOf(static_cast<Label>(i), language).empty());
    }
  }
}

}  // namespace
}  // namespace weft::pricing
