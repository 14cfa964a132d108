// GLib's main loop hosts the loop, as in a GTK program: a GSource waits for the loop's descriptor.
#include <glib.h>

#include "samples/hosting/echo_service.hpp"

namespace {

struct LoopSource {
  GSource base;
  reactor::Loop* loop;
  GMainLoop* main;
};

reactor::Loop& loop_of(GSource* source) { return *reinterpret_cast<LoopSource*>(source)->loop; }

gboolean prepare(GSource* source, int* timeout) {
  *timeout = reactor::poll_timeout(loop_of(source).timeout());
  return *timeout == 0;
}

// When the descriptor is readable, GLib dispatches the source whatever this returns.
gboolean check(GSource* source) { return loop_of(source).timeout() == reactor::Duration(); }

gboolean dispatch(GSource* source, GSourceFunc, void*) {
  if (loop_of(source).poll()) return G_SOURCE_CONTINUE;
  g_main_loop_quit(reinterpret_cast<LoopSource*>(source)->main);
  return G_SOURCE_REMOVE;
}

}  // namespace

int main() {
  reactor::Loop loop;
  const EchoService service(loop);

  GMainLoop* const main = g_main_loop_new(nullptr, FALSE);
  GSourceFuncs functions{prepare, check, dispatch, nullptr, nullptr, nullptr};
  GSource* const source = g_source_new(&functions, sizeof(LoopSource));
  reinterpret_cast<LoopSource*>(source)->loop = &loop;
  reinterpret_cast<LoopSource*>(source)->main = main;
  g_source_add_unix_fd(source, loop.fd(), G_IO_IN);
  g_source_attach(source, nullptr);
  g_main_loop_run(main);
  g_source_unref(source);
  g_main_loop_unref(main);
}
