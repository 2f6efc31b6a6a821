#include "proxy/net/tcp_transport.h"

#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/uio.h>
#include <unistd.h>
#include <algorithm>
#include <cerrno>
#include <utility>

namespace outrigger::net {

TcpTransport::TcpTransport(event::Loop& loop, int fd, Address local, Address remote)
    : loop_(loop), fd_(fd), local_(std::move(local)), remote_(std::move(remote)) {}

void TcpTransport::start(TransportEvents& events) {
  const bool again = events_ != nullptr;  // handed over to another owner
  events_ = &events;
  if (again) return rearm();
  if (!loop_.watch(fd_, *this)) hangup_ = true;  // the next read tells
}

void TcpTransport::on_events(std::uint32_t events) {
  if (connecting_) {
    if ((events & (EPOLLOUT | EPOLLERR | EPOLLHUP)) == 0) return;
    int error = 0;
    socklen_t n = sizeof error;
    getsockopt(fd_, SOL_SOCKET, SO_ERROR, &error, &n);
    if (error == 0 && (events & EPOLLERR) != 0) error = ECONNREFUSED;
    connecting_ = false;
    if (error != 0) return events_->on_connect_failed(error);
    sockaddr_storage sa;
    n = sizeof sa;
    if (getsockname(fd_, reinterpret_cast<sockaddr*>(&sa), &n) == 0)
      local_ = Address::from_sockaddr(reinterpret_cast<sockaddr*>(&sa), n);
    events_->on_connected();
    if (fd_ < 0) return;
  }
  if ((events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0) hangup_ = true;
  // Writable first: it frees buffers, so that a read that follows finds room downstream.
  if ((events & EPOLLOUT) != 0) {
    events_->on_writable();
    if (fd_ < 0) return;
  }
  if ((events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0) events_->on_readable();
}

IoResult TcpTransport::read(Buffer& into, std::size_t bytes_max) noexcept {
  if (fd_ < 0) return {IoStatus::reset, 0, true};
  Buffer::Room room;
  into.reserve(bytes_max, room);
  for (;;) {
    const ssize_t n = room.count == 1 ? ::recv(fd_, room.runs[0].iov_base, room.bytes, 0)
                                      : ::readv(fd_, room.runs, static_cast<int>(room.count));
    if (n > 0) {
      const auto bytes = static_cast<std::size_t>(n);
      into.commit(room, bytes);
      return {IoStatus::ok, bytes, bytes < room.bytes && !hangup_};
    }
    if (n < 0 && errno == EINTR) continue;
    const int error = n < 0 ? errno : 0;
    into.commit(room, 0);
    into.trim();
    if (n == 0) return {IoStatus::eof, 0, true};
    if (error == EAGAIN || error == EWOULDBLOCK) return {IoStatus::would_block, 0, true};
    return {IoStatus::reset, 0, true};
  }
}

IoResult TcpTransport::peek(std::span<char> into) noexcept {
  for (;;) {
    if (fd_ < 0) return {IoStatus::reset, 0, true};
    const ssize_t n = ::recv(fd_, into.data(), into.size(), MSG_PEEK);
    if (n > 0) return {IoStatus::ok, static_cast<std::size_t>(n), static_cast<std::size_t>(n) < into.size()};
    if (n == 0) return {IoStatus::eof, 0, true};
    if (errno == EINTR) continue;
    const bool wait = errno == EAGAIN || errno == EWOULDBLOCK;
    return {wait ? IoStatus::would_block : IoStatus::reset, 0, true};
  }
}

IoResult TcpTransport::write(Buffer& from) noexcept {
  std::size_t total = 0;
  while (!from.empty()) {
    if (fd_ < 0) return {IoStatus::reset, total, true};
    iovec v[16];
    const std::size_t count = from.gather(v);
    ssize_t n;
    std::size_t asked = v[0].iov_len;
    if (count == 1) {
      n = ::send(fd_, v[0].iov_base, v[0].iov_len, MSG_NOSIGNAL);
    } else {
      for (std::size_t i = 1; i < count; ++i) asked += v[i].iov_len;
      msghdr m{};
      m.msg_iov = v;
      m.msg_iovlen = count;
      n = ::sendmsg(fd_, &m, MSG_NOSIGNAL);
    }
    if (n < 0) {
      if (errno == EINTR) continue;
      if (errno == EAGAIN || errno == EWOULDBLOCK) return {IoStatus::would_block, total, true};
      return {IoStatus::reset, total, true};
    }
    from.drain(static_cast<std::size_t>(n));
    total += static_cast<std::size_t>(n);
    if (static_cast<std::size_t>(n) < asked) return {IoStatus::would_block, total, true};
  }
  return {IoStatus::ok, total, false};
}

void TcpTransport::shutdown_write() noexcept {
  if (fd_ >= 0) ::shutdown(fd_, SHUT_WR);
}

void TcpTransport::rearm() noexcept {
  if (fd_ >= 0 && events_ != nullptr) loop_.rearm(fd_, *this);
}

int TcpTransport::release() noexcept {
  if (fd_ >= 0 && events_ != nullptr) loop_.unwatch(fd_, *this);
  return std::exchange(fd_, -1);
}

void TcpTransport::close() noexcept {
  if (const int fd = release(); fd >= 0) ::close(fd);
}

void TcpTransport::close_reset() noexcept {
  if (fd_ < 0) return;
  const linger l{1, 0};
  ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &l, sizeof l);
  close();
}

void set_keepalive(int fd, const KeepaliveOptions& o) noexcept {
  const int one = 1;
  ::setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof one);
  const auto set = [fd](int name, std::uint32_t v) {
    const int value = static_cast<int>(v);
    if (v != 0) ::setsockopt(fd, IPPROTO_TCP, name, &value, sizeof value);
  };
  set(TCP_KEEPCNT, o.probes);
  set(TCP_KEEPIDLE, o.time_s);
  set(TCP_KEEPINTVL, o.interval_s);
}

std::unique_ptr<Transport> connect_tcp(event::Loop& loop, const Address& to, const ConnectOptions& o, ConnectFailure& failure) {
  const int fd = ::socket(to.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  const auto fail = [&]() -> std::unique_ptr<Transport> {
    failure.error = errno;
    if (fd >= 0) ::close(fd);
    return nullptr;
  };
  if (fd < 0) return fail();
  const int one = 1;
  if (to.is_ip()) ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  if (o.keepalive != nullptr) set_keepalive(fd, *o.keepalive);
  if (o.freebind) ::setsockopt(fd, IPPROTO_IP, IP_FREEBIND, &one, sizeof one);
  if (!set_options(fd, to.family(), o.options, RawOption::Moment::before_bind)) return fail();
  if (!set_options(fd, to.family(), o.source_options, RawOption::Moment::before_bind)) return fail();
  if (o.source != nullptr) {
    const auto source = o.source->raw();
    if (failure.bind = ::bind(fd, source.get(), source.size()) != 0; failure.bind) return fail();
  }
  const auto raw = to.raw();
  if (::connect(fd, raw.get(), raw.size()) != 0 && errno != EINPROGRESS) return fail();
  auto t = std::make_unique<TcpTransport>(loop, fd, Address{}, to);
  t->connecting_ = true;  // an immediate success shows as EPOLLOUT too
  return t;
}

}  // namespace outrigger::net
