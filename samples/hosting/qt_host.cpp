// Qt's event loop hosts the loop: a QSocketNotifier waits for the loop's descriptor, a QTimer for
// its timeout.
#include <QCoreApplication>
#include <QSocketNotifier>
#include <QTimer>

#include "samples/hosting/echo_service.hpp"

int main(int count, char** arguments) {
  QCoreApplication application(count, arguments);
  reactor::Loop loop;
  const EchoService service(loop);

  QSocketNotifier notifier(loop.fd(), QSocketNotifier::Read);
  QTimer timer;
  timer.setSingleShot(true);
  const auto poll = [&] {
    if (!loop.poll()) return QCoreApplication::quit();
    const int timeout = reactor::poll_timeout(loop.timeout());
    timeout < 0 ? timer.stop() : timer.start(timeout);
  };
  QObject::connect(&notifier, &QSocketNotifier::activated, poll);
  QObject::connect(&timer, &QTimer::timeout, poll);
  QTimer::singleShot(0, poll);
  return QCoreApplication::exec();
}
