#include "proxy/base/log.h"

#include <fcntl.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <ctime>

namespace outrigger::logger {
namespace {

constexpr std::string_view kNames[] = {
#define OUTRIGGER_LOGGER_NAME(name) #name,
    OUTRIGGER_LOGGERS(OUTRIGGER_LOGGER_NAME)
#undef OUTRIGGER_LOGGER_NAME
};

template <std::size_t... I>
constexpr auto all_info(std::index_sequence<I...>) {
  return std::array<std::atomic<Level>, sizeof...(I)>{((void)I, std::atomic<Level>(Level::info))...};
}

// Written by main before other threads start.
std::string format_text{kDefaultFormat};
std::string file_path;
int file_descriptor = STDERR_FILENO;

struct Now {
  std::timespec at{};
  std::tm parts{};
};

void append_time(std::string& out, const Now& now, const char* strftime_format) {
  char text[64];
  out.append(text, std::strftime(text, sizeof text, strftime_format, &now.parts));
}

void append_padded(std::string& out, long value, int digits) {
  char text[24];
  std::snprintf(text, sizeof text, "%0*ld", digits, value);
  out += text;
}

// Paths as they are below the checkout, wherever that was built.
std::string_view source_path(const char* file) {
  const std::string_view path(file);
  const auto at = path.rfind("/src/");
  return at == std::string_view::npos ? path : path.substr(at + 1);
}

void append_escaped(std::string& out, std::string_view message, bool json) {
  for (const char c : message) {
    switch (c) {
      case '\n': out += "\\n"; break;
      case '\r': out += "\\r"; break;
      case '\t': out += "\\t"; break;
      case '"':
      case '\\':
        if (json) out += '\\';
        out += c;
        break;
      default:
        if (json && static_cast<unsigned char>(c) < 0x20) {
          char text[8];
          std::snprintf(text, sizeof text, "\\u%04x", static_cast<unsigned>(c));
          out += text;
        } else {
          out += c;
        }
    }
  }
}

long thread_id() noexcept {
  static thread_local const long id = ::syscall(SYS_gettid);
  return id;
}

// Flags that are times; false when the flag is another.
bool append_time_flag(std::string& out, char flag, const Now& now) {
  switch (flag) {
    case 'Y':
    case 'm':
    case 'd':
    case 'H':
    case 'I':
    case 'M':
    case 'S':
    case 'a':
    case 'A':
    case 'b':
    case 'B':
    case 'c':
    case 'p':
    case 'r':
    case 'R':
    case 'D':
    case 'z':
    case 'T': {
      const char format[] = {'%', flag, 0};
      append_time(out, now, format);
      return true;
    }
    case 'C': append_time(out, now, "%y"); return true;
    case 'h': append_time(out, now, "%b"); return true;
    case 'x': append_time(out, now, "%D"); return true;
    case 'X': append_time(out, now, "%T"); return true;
    case 'e': append_padded(out, now.at.tv_nsec / 1'000'000, 3); return true;
    case 'f': append_padded(out, now.at.tv_nsec / 1000, 6); return true;
    case 'F': append_padded(out, now.at.tv_nsec, 9); return true;
    case 'E': append_padded(out, now.at.tv_sec, 0); return true;
    default: return false;
  }
}

bool append_event_flag(std::string& out, char flag, const Event& event, std::string_view message) {
  const std::string_view file = source_path(event.file);
  switch (flag) {
    case 'v': out += message; return true;
    case '_': append_escaped(out, message, false); return true;
    case 'j': append_escaped(out, message, true); return true;
    case 't': detail::append(out, thread_id()); return true;
    case 'P': detail::append(out, static_cast<long>(::getpid())); return true;
    case 'n': out += kNames[event.id]; return true;
    case 'l': out += kLevelNames[static_cast<std::size_t>(event.level)]; return true;
    case 'L': out += "TDIWECO"[static_cast<std::size_t>(event.level)]; return true;
    case 'g': out += file; return true;
    case 's': out += file.substr(file.rfind('/') + 1); return true;
    case '#': detail::append(out, event.line); return true;
    case '@':
      out += file;
      out += ':';
      detail::append(out, event.line);
      return true;
    case '!':
    case '^':
    case '$':
    case '*':
    case '&':  // nothing to show
      return true;
    case '%': out += '%'; return true;
    default: return false;
  }
}

// "-8" in "%-8l".
struct Padding {
  char side = 0;  // '-': text first; '=': centred; 0: text last
  std::size_t width = 0;
  bool cut = false;
};

Padding parse_padding(std::string_view format, std::size_t& i) {
  Padding p;
  const std::size_t start = i;
  if (i < format.size() && (format[i] == '-' || format[i] == '=')) p.side = format[i++];
  const std::size_t digits = i;
  while (i < format.size() && format[i] >= '0' && format[i] <= '9') {
    p.width = std::min<std::size_t>(p.width * 10 + static_cast<std::size_t>(format[i++] - '0'), 64);
  }
  if (i == digits) {
    i = start;
    return {};
  }
  if (i + 1 < format.size() && format[i] == '!') {
    p.cut = true;
    ++i;
  }
  return p;
}

void pad(std::string& out, std::size_t from, const Padding& p) {
  const std::size_t size = out.size() - from;
  if (p.width == 0) return;
  if (size > p.width) {
    if (p.cut) out.resize(from + p.width);
    return;
  }
  const std::size_t missing = p.width - size;
  const std::size_t before = p.side == '-' ? 0 : p.side == '=' ? missing / 2 : missing;
  out.insert(from, before, ' ');
  out.append(missing - before, ' ');
}

}  // namespace

std::array<std::atomic<Level>, kLoggers> levels = all_info(std::make_index_sequence<kLoggers>{});

std::string_view name(Id id) noexcept { return kNames[id]; }

std::optional<Id> find(std::string_view name) noexcept {
  const auto at = std::find(std::begin(kNames), std::end(kNames), name);
  if (at == std::end(kNames)) return std::nullopt;
  return static_cast<Id>(at - std::begin(kNames));
}

std::optional<Level> parse_level(std::string_view name) noexcept {
  if (name == "warn") return Level::warning;
  const auto at = std::find(kLevelNames.begin(), kLevelNames.end(), name);
  if (at == kLevelNames.end()) return std::nullopt;
  return static_cast<Level>(at - kLevelNames.begin());
}

void set_all_levels(Level l) noexcept {
  for (auto& level : levels) level.store(l, std::memory_order_relaxed);
}

std::optional<std::string> set_component_levels(std::string_view list) {
  while (!list.empty()) {
    const std::string_view item = list.substr(0, list.find(','));
    list.remove_prefix(std::min(list.size(), item.size() + 1));
    const auto colon = item.find(':');
    if (colon == std::string_view::npos || item.find(':', colon + 1) != std::string_view::npos) {
      return "error: component log level not correctly specified '" + std::string(item) + "'";
    }
    const auto level = parse_level(item.substr(colon + 1));
    if (!level) {
      return "error: invalid log level specified '" + std::string(item.substr(colon + 1)) + "'";
    }
    const auto id = find(item.substr(0, colon));
    if (!id) {
      return "error: invalid component specified '" + std::string(item.substr(0, colon)) + "'";
    }
    set_level(*id, *level);
  }
  return std::nullopt;
}

void set_format(std::string_view format) { format_text = format; }

bool open_file(const std::string& path) {
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (fd < 0) return false;
  file_path = path;
  file_descriptor = fd;
  return true;
}

bool reopen_file() {
  if (file_path.empty()) return true;
  const int fd = ::open(file_path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (fd < 0) return false;
  const bool moved = ::dup3(fd, file_descriptor, O_CLOEXEC) >= 0;  // atomic for other threads
  ::close(fd);
  return moved;
}

std::string render(const Event& event, std::string_view message) {
  Now now;
  ::clock_gettime(CLOCK_REALTIME, &now.at);
  ::localtime_r(&now.at.tv_sec, &now.parts);
  std::string out;
  out.reserve(message.size() + 96);
  const std::string_view format = format_text;
  for (std::size_t i = 0; i < format.size(); ++i) {
    if (format[i] != '%' || i + 1 == format.size()) {
      out += format[i];
      continue;
    }
    ++i;
    const Padding padding = parse_padding(format, i);
    const std::size_t from = out.size();
    if (i == format.size()) break;
    if (!append_time_flag(out, format[i], now) && !append_event_flag(out, format[i], event, message)) {
      out += '%';
      out += format[i];
    }
    pad(out, from, padding);
  }
  return out;
}

void write(const Event& event, std::string_view message) {
  std::string line = render(event, message);
  line += '\n';
  // A lost line is better than a blocked or failed worker: errors are ignored.
  [[maybe_unused]] const auto written = ::write(file_descriptor, line.data(), line.size());
}

}  // namespace outrigger::logger
