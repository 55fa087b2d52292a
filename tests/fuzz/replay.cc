// Runs the targets over the corpus and over random mutations of it.
//
//   fuzz_replay [--seconds=15] [--target=NAME] CORPUS
//
// The seconds are for all targets together and bound only the mutations. Prints
// the seed; WEFT_SEED sets it. An input that breaks something is written to
// fuzz_input before it runs, so that it is there after a crash.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "tests/fuzz/targets.h"

namespace {

using Random = std::mt19937_64;

std::string Mutated(const std::vector<std::string>& corpus, Random& random) {
  std::string text = corpus[random() % corpus.size()];
  const int edits = 1 + static_cast<int>(random() % 6);
  for (int i = 0; i < edits; ++i) {
    const size_t at = text.empty() ? 0 : random() % text.size();
    switch (random() % 6) {
      case 0: text.insert(at, 1, static_cast<char>(random())); break;
      case 1: text.erase(at, 1 + random() % 4); break;
      case 2:
        if (!text.empty()) text[at] = static_cast<char>(random());
        break;
      case 3: text.insert(at, text.substr(random() % (text.size() + 1), random() % 16)); break;
      case 4: {
        const std::string& other = corpus[random() % corpus.size()];
        text = text.substr(0, at) + other.substr(random() % (other.size() + 1));
        break;
      }
      default:
        for (int k = 0; k < 8; ++k) text.push_back(static_cast<char>(random()));
    }
  }
  if (text.size() > 4096) text.resize(4096);
  return text;
}

std::vector<std::string> ReadCorpus(const std::filesystem::path& folder) {
  std::vector<std::filesystem::path> files;
  if (std::filesystem::is_directory(folder)) {
    for (const auto& entry : std::filesystem::directory_iterator(folder)) {
      files.push_back(entry.path());
    }
  }
  std::sort(files.begin(), files.end());
  std::vector<std::string> texts = {""};
  for (const auto& file : files) {
    std::ifstream stream(file, std::ios::binary);
    texts.emplace_back(std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>());
  }
  return texts;
}

}  // namespace

int main(int argc, char** argv) {
  double seconds = 15;
  std::string only;
  std::string corpus;
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    if (absl::StartsWith(argument, "--seconds=")) {
      seconds = std::atof(argument.c_str() + 10);
    } else if (absl::StartsWith(argument, "--target=")) {
      only = argument.substr(9);
    } else {
      corpus = argument;
    }
  }
  if (corpus.empty()) {
    std::cerr << "usage: fuzz_replay [--seconds=15] [--target=NAME] CORPUS\n";
    return 2;
  }
  const char* given = std::getenv("WEFT_SEED");
  uint64_t seed = std::random_device()();
  if (given != nullptr && !absl::SimpleAtoi(given, &seed)) return 2;
  std::cout << "WEFT_SEED=" << seed << "\n";
  Random random(seed);
  for (const weft::fuzz::Target& target : weft::fuzz::kTargets) {
    if (!only.empty() && only != target.name) continue;
    const std::vector<std::string> texts = ReadCorpus(std::filesystem::path(corpus) / target.name);
    for (const std::string& text : texts) target.run(text);
    const auto share = std::chrono::duration<double>(
        only.empty() ? seconds / static_cast<double>(std::size(weft::fuzz::kTargets)) : seconds);
    const auto end = std::chrono::steady_clock::now() + share;
    uint64_t count = 0;
    while (std::chrono::steady_clock::now() < end) {
      const std::string text = Mutated(texts, random);
      std::ofstream("fuzz_input", std::ios::binary) << text;
      target.run(text);
      ++count;
    }
    std::cout << target.name << ": " << texts.size() << " of the corpus, " << count
              << " mutations\n";
  }
  std::filesystem::remove("fuzz_input");
  return 0;
}
