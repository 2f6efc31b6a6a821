// The server behind the proxies of the bench: one epoll loop, HTTP/1.1 on one port, plain TCP on another.
// HTTP: /big answers 1 MiB, everything else a small body; request bodies are read and dropped.
// TCP: the first byte chooses: 'E' echoes what follows, 'D' sends without end, 'U' reads and drops.
//   upstream [hosts=N]
// With hosts the HTTP port is also that of N addresses from 127.0.1.0 on.
// Prints "HTTP_PORT TCP_PORT" and serves until it is killed.
#include <sys/epoll.h>
#include <sys/resource.h>

#include <algorithm>
#include <array>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "sockets.h"

namespace outrigger::bench {
namespace {

constexpr std::size_t kBlock = 256 * 1024;
constexpr unsigned kMostHosts = 4096;
constexpr std::uint16_t kFirstHost = 256;        // 127.0.1.0
constexpr std::size_t kWriteTurn = 1024 * 1024;  // what one connection may send before the others get their turn

std::string make_response(std::size_t body) {
  return "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: " + std::to_string(body) + "\r\n\r\n" +
         std::string(body, 'x');
}

const std::string& small_response() {
  static const std::string response = make_response(65);
  return response;
}

const std::string& big_response() {
  static const std::string response = make_response(1024 * 1024);
  return response;
}

enum class Kind { http_listener, tcp_listener, http, tcp };

struct Connection {
  Kind kind;
  int fd;
  char mode = 0;              // tcp: 'E', 'D' or 'U'
  bool writing = false;       // EPOLLOUT is on
  std::string input;          // http: an incomplete head
  std::size_t body_left = 0;  // http: bytes of a request body still to drop
  std::deque<std::string_view> output;
  std::string echo;  // tcp: bytes not yet sent back
};

class Server {
 public:
  Server() : epoll_(epoll_create1(EPOLL_CLOEXEC)), block_(kBlock, 'y') {
    if (epoll_ < 0) die("epoll_create1");
  }

  std::uint16_t listen(Kind kind) {
    std::uint16_t port = 0;
    add(kind, listen_any(port));
    return port;
  }

  void listen_on_hosts(std::uint16_t port, unsigned hosts) {
    for (unsigned i = 0; i < hosts; ++i) add(Kind::http_listener, listen_any(port, static_cast<std::uint16_t>(kFirstHost + i)));
  }

  [[noreturn]] void run() {
    std::array<epoll_event, 256> events{};
    for (;;) {
      const int n = epoll_wait(epoll_, events.data(), events.size(), -1);
      for (int i = 0; i < n; ++i) handle(static_cast<Connection*>(events[i].data.ptr));
    }
  }

 private:
  void add(Kind kind, int fd) {
    auto* connection = new Connection{kind, fd, 0, false, {}, 0, {}, {}};
    epoll_event event{EPOLLIN, {connection}};
    if (epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event) != 0) die("epoll_ctl");
  }

  void handle(Connection* c) {
    if (c->kind == Kind::http_listener || c->kind == Kind::tcp_listener) {
      accept(c);
      return;
    }
    const bool alive = c->kind == Kind::http ? http_turn(*c) : tcp_turn(*c);
    if (alive) return;
    close(c->fd);
    delete c;
  }

  void accept(Connection* c) {
    for (int i = 0; i < 64; ++i) {
      const int fd = accept4(c->fd, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
      if (fd < 0) return;
      no_delay(fd);
      add(c->kind == Kind::http_listener ? Kind::http : Kind::tcp, fd);
    }
  }

  void want_write(Connection& c, bool on) {
    if (c.writing == on) return;
    c.writing = on;
    epoll_event event{on ? EPOLLIN | EPOLLOUT : EPOLLIN, {&c}};
    epoll_ctl(epoll_, EPOLL_CTL_MOD, c.fd, &event);
  }

  // Returns bytes read, 0 when there is nothing now, -1 when the peer is gone.
  static ssize_t receive(const Connection& c, char* to, std::size_t size) {
    const ssize_t n = recv(c.fd, to, size, 0);
    if (n > 0) return n;
    return n < 0 && errno == EAGAIN ? 0 : -1;
  }

  bool http_turn(Connection& c) {
    const ssize_t n = receive(c, block_.data(), block_.size());
    if (n < 0) return false;
    if (n > 0 && !http_input(c, {block_.data(), static_cast<std::size_t>(n)})) return false;
    return http_flush(c);
  }

  bool http_input(Connection& c, std::string_view data) {
    while (!data.empty()) {
      if (c.body_left > 0) {
        const std::size_t n = std::min(c.body_left, data.size());
        c.body_left -= n;
        data.remove_prefix(n);
        continue;
      }
      if (!c.input.empty()) {
        c.input.append(data);
        if (c.input.size() > kBlock) return false;
        const std::string whole = std::move(c.input);
        c.input.clear();
        return http_heads(c, whole);
      }
      return http_heads(c, data);
    }
    return true;
  }

  bool http_heads(Connection& c, std::string_view data) {
    while (!data.empty()) {
      const std::size_t end = data.find("\r\n\r\n");
      if (end == std::string_view::npos) {
        c.input.assign(data);
        return true;
      }
      const std::string_view head = data.substr(0, end + 2);
      c.output.emplace_back(head.find(" /big ") < head.find("\r\n") ? big_response() : small_response());
      c.body_left = content_length(head);
      data.remove_prefix(end + 4);
      const std::size_t n = std::min(c.body_left, data.size());
      c.body_left -= n;
      data.remove_prefix(n);
    }
    return true;
  }

  static std::size_t content_length(std::string_view head) {
    for (const std::string_view name : {"\r\ncontent-length: ", "\r\nContent-Length: "}) {
      const std::size_t at = head.find(name);
      if (at != std::string_view::npos) return std::strtoull(head.data() + at + name.size(), nullptr, 10);
    }
    return 0;
  }

  // The answer to an upload goes out when its body has come in.
  bool http_flush(Connection& c) {
    const std::size_t held = c.body_left > 0 ? 1 : 0;
    while (c.output.size() > held) {
      const ssize_t n = send(c.fd, c.output.front().data(), c.output.front().size(), MSG_NOSIGNAL);
      if (n < 0 && errno != EAGAIN) return false;
      if (n > 0) c.output.front().remove_prefix(static_cast<std::size_t>(n));
      if (!c.output.front().empty()) {
        want_write(c, true);
        return true;
      }
      c.output.pop_front();
    }
    want_write(c, false);
    return true;
  }

  bool tcp_turn(Connection& c) {
    if (c.mode == 'D') return tcp_stream(c);
    if (!c.echo.empty()) return tcp_echo(c);
    const ssize_t n = receive(c, block_.data(), block_.size());
    if (n <= 0) return n == 0;
    std::string_view data(block_.data(), static_cast<std::size_t>(n));
    if (c.mode == 0) {
      c.mode = data.front();
      data.remove_prefix(1);
      if (c.mode == 'D') return tcp_stream(c);
    }
    if (c.mode != 'E') return true;
    c.echo.assign(data);
    return tcp_echo(c);
  }

  bool tcp_echo(Connection& c) {
    if (c.echo.empty()) return true;
    const ssize_t n = send(c.fd, c.echo.data(), c.echo.size(), MSG_NOSIGNAL);
    if (n < 0 && errno != EAGAIN) return false;
    if (n > 0) c.echo.erase(0, static_cast<std::size_t>(n));
    want_write(c, !c.echo.empty());
    return true;
  }

  bool tcp_stream(Connection& c) {
    want_write(c, true);
    for (std::size_t sent = 0; sent < kWriteTurn;) {
      const ssize_t n = send(c.fd, block_.data(), block_.size(), MSG_NOSIGNAL);
      if (n < 0) return errno == EAGAIN;
      sent += static_cast<std::size_t>(n);
    }
    return true;
  }

  int epoll_;
  std::vector<char> block_;
};

unsigned parse_hosts(int argc, char** argv) {
  const std::string_view argument = argc > 1 ? argv[1] : "hosts=0";
  if (argc > 2 || !argument.starts_with("hosts=")) {
    std::fputs("usage: upstream [hosts=N]\n", stderr);
    std::exit(2);
  }
  return static_cast<unsigned>(std::clamp(std::atoi(argument.data() + 6), 0, static_cast<int>(kMostHosts)));
}

// A socket for each host, and what the proxies connect to each.
void allow_many_files() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) die("getrlimit");
  limit.rlim_cur = limit.rlim_max;
  if (setrlimit(RLIMIT_NOFILE, &limit) != 0) die("setrlimit");
}

}  // namespace
}  // namespace outrigger::bench

int main(int argc, char** argv) {
  using namespace outrigger::bench;
  const unsigned hosts = parse_hosts(argc, argv);
  if (hosts > 0) allow_many_files();
  Server server;
  const std::uint16_t http = server.listen(Kind::http_listener);
  server.listen_on_hosts(http, hosts);
  const unsigned tcp = server.listen(Kind::tcp_listener);
  std::printf("%u %u\n", unsigned{http}, tcp);
  std::fflush(stdout);
  server.run();
}
