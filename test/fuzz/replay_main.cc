// Runs a fuzz target without libFuzzer: replays its corpus, then a bounded number of seeded mutations of it.
//   fuzz_NAME [--mutations N] [--seconds S] [--seed N] [--keep FILE] CORPUS_FOLDER_OR_FILE...
// The same seed makes the same inputs. The input that kills the process is left in the file of --keep
// (default crash-<pid>); one that takes more than ten seconds counts as a crash.
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);
extern "C" __attribute__((weak)) void __sanitizer_set_death_callback(void (*callback)());

namespace {

using Input = std::vector<std::uint8_t>;

constexpr std::size_t kSizeMax = 64 * 1024;
constexpr unsigned kSecondsPerInput = 10;

const Input* current = nullptr;
std::string keep_path;

// Only calls that are safe in a signal handler.
void keep_current() {
  if (current == nullptr) return;
  const int fd = open(keep_path.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0644);
  if (fd < 0) return;
  const ssize_t written = write(fd, current->data(), current->size());
  close(fd);
  const char* note = written == static_cast<ssize_t>(current->size()) ? "\nthe input is in " : "\npart of it is in ";
  (void)!write(2, note, std::strlen(note));
  (void)!write(2, keep_path.c_str(), keep_path.size());
  (void)!write(2, "\n", 1);
  current = nullptr;
}

void on_signal(int number) {
  keep_current();
  std::signal(number, SIG_DFL);
  std::raise(number);
}

void run(const Input& input) {
  current = &input;
  alarm(kSecondsPerInput);
  // An exact copy on the heap, so that a sanitizer sees a read past the end.
  std::uint8_t* copy = static_cast<std::uint8_t*>(std::malloc(std::max<std::size_t>(input.size(), 1)));
  if (!input.empty()) std::memcpy(copy, input.data(), input.size());
  LLVMFuzzerTestOneInput(copy, input.size());
  std::free(copy);
  alarm(0);
  current = nullptr;
}

std::vector<Input> read_corpus(const std::vector<std::string>& paths) {
  std::vector<std::string> files;
  for (const std::string& path : paths) {
    if (std::filesystem::is_directory(path)) {
      for (const auto& entry : std::filesystem::recursive_directory_iterator(path)) {
        if (entry.is_regular_file()) files.push_back(entry.path().string());
      }
    } else if (std::filesystem::exists(path)) {
      files.push_back(path);
    }
  }
  std::sort(files.begin(), files.end());
  std::vector<Input> corpus;
  for (const std::string& file : files) {
    std::ifstream in(file, std::ios::binary);
    corpus.emplace_back(std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>());
  }
  return corpus;
}

class Mutator {
 public:
  Mutator(const std::vector<Input>& corpus, std::uint64_t seed) : corpus_(corpus), random_(seed) {}

  Input next() {
    Input input = corpus_.empty() ? Input{} : corpus_[below(corpus_.size())];
    for (std::size_t steps = 1 + below(4); steps > 0; --steps) mutate(input);
    if (input.size() > kSizeMax) input.resize(kSizeMax);
    return input;
  }

 private:
  std::size_t below(std::size_t limit) { return limit == 0 ? 0 : static_cast<std::size_t>(random_() % limit); }

  void mutate(Input& input) {
    const std::size_t at = below(input.size() + 1);
    switch (below(8)) {
      case 0:
        if (at < input.size()) input[at] = static_cast<std::uint8_t>(input[at] ^ (1U << below(8)));
        break;
      case 1:
        if (at < input.size()) input[at] = static_cast<std::uint8_t>(below(256));
        break;
      case 2: input.insert(place(input, at), static_cast<std::uint8_t>(below(256))); break;
      case 3: input.erase(place(input, at), place(input, std::min(input.size(), at + 1 + below(16)))); break;
      case 4: insert_token(input, at); break;
      case 5: splice(input, at); break;
      case 6: repeat(input, at); break;
      default: input.resize(at);
    }
  }

  static Input::iterator place(Input& input, std::size_t at) { return input.begin() + static_cast<std::ptrdiff_t>(at); }

  // Pieces that grammars of protocols, configuration and formats turn on.
  void insert_token(Input& input, std::size_t at) {
    static const char* const kTokens[] = {"\r\n",
                                          "\r\n\r\n",
                                          "\n",
                                          ":",
                                          " ",
                                          "\t",
                                          "0",
                                          "-1",
                                          "18446744073709551616",
                                          "chunked",
                                          "Transfer-Encoding: chunked\r\n",
                                          "Content-Length: 1\r\n",
                                          "Upgrade: x\r\n",
                                          "%",
                                          "%REQ(",
                                          ")%",
                                          "?",
                                          "/",
                                          "//",
                                          "%2f",
                                          "..",
                                          "{",
                                          "}",
                                          "[",
                                          "]",
                                          "\"",
                                          "'",
                                          "- ",
                                          "@type",
                                          "&a",
                                          "*a",
                                          "#",
                                          "\xff\xfe",
                                          "e9"};
    const std::string token = kTokens[below(std::size(kTokens))];
    input.insert(place(input, at), token.begin(), token.end());
  }

  void splice(Input& input, std::size_t at) {
    if (corpus_.empty()) return;
    const Input& other = corpus_[below(corpus_.size())];
    const std::size_t from = below(other.size() + 1);
    const std::size_t size = below(std::min<std::size_t>(other.size() - from, 256) + 1);
    const auto begin = other.begin() + static_cast<std::ptrdiff_t>(from);
    input.insert(place(input, at), begin, begin + static_cast<std::ptrdiff_t>(size));
  }

  void repeat(Input& input, std::size_t at) {
    const std::size_t size = std::min(input.size() - at, 1 + below(32));
    const Input piece(place(input, at), place(input, at + size));
    for (std::size_t times = below(64); times > 0 && input.size() < kSizeMax; --times) {
      input.insert(place(input, at), piece.begin(), piece.end());
    }
  }

  const std::vector<Input>& corpus_;
  std::mt19937_64 random_;
};

}  // namespace

int main(int argc, char** argv) {
  std::uint64_t mutations = 1000;
  std::uint64_t seed = 1;
  double seconds = 60;
  std::vector<std::string> paths;
  keep_path = "crash-" + std::to_string(getpid());
  for (int i = 1; i < argc; ++i) {
    const std::string name = argv[i];
    if (name.rfind("--", 0) != 0) {
      paths.push_back(name);
    } else if (i + 1 == argc) {
      std::fprintf(stderr, "%s: no value\n", argv[i]);
      return 2;
    } else if (const char* value = argv[++i]; name == "--mutations") {
      mutations = std::strtoull(value, nullptr, 10);
    } else if (name == "--seconds") {
      seconds = std::atof(value);
    } else if (name == "--seed") {
      seed = std::strtoull(value, nullptr, 10);
    } else if (name == "--keep") {
      keep_path = value;
    } else {
      std::fprintf(stderr, "unknown option %s\n", name.c_str());
      return 2;
    }
  }
  for (const int number : {SIGABRT, SIGALRM, SIGSEGV, SIGBUS, SIGFPE, SIGILL}) {
    if (&__sanitizer_set_death_callback == nullptr || number == SIGALRM || number == SIGABRT) {
      std::signal(number, on_signal);
    }
  }
  if (&__sanitizer_set_death_callback != nullptr) __sanitizer_set_death_callback(keep_current);

  const std::vector<Input> corpus = read_corpus(paths);
  run({});
  for (const Input& input : corpus) run(input);
  const auto end = std::chrono::steady_clock::now() + std::chrono::duration<double>(seconds);
  Mutator mutator(corpus, seed);
  std::uint64_t done = 0;
  while (done < mutations && std::chrono::steady_clock::now() < end) {
    run(mutator.next());
    ++done;
  }
  std::printf("%zu inputs of the corpus and %llu mutations of seed %llu\n", corpus.size() + 1,
              static_cast<unsigned long long>(done), static_cast<unsigned long long>(seed));
  return 0;
}
