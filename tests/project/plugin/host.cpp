// Loads plug-ins with a copy of the library each: `host A B`. tests/project/plugin_test.py runs it.
#include <dlfcn.h>

#include <cstdio>
#include <thread>

using Run = int (*)(int (*inside)());

struct Plugin {
  explicit Plugin(const char* path, int scope) : handle(dlopen(path, RTLD_NOW | scope)) {
    if (!handle) std::fprintf(stderr, "%s\n", dlerror());
    run = reinterpret_cast<Run>(dlsym(handle, "run"));
  }
  ~Plugin() { dlclose(handle); }
  Plugin(const Plugin&) = delete;
  Plugin& operator=(const Plugin&) = delete;

  void* handle;
  Run run;
};

static Run other;

int main(int, char** paths) {
  // In each other's callback, and at the same time in two threads; all symbols visible to all.
  {
    const Plugin a(paths[1], RTLD_GLOBAL), b(paths[2], RTLD_GLOBAL);
    other = b.run;
    int in_thread = 0;
    const int nested = a.run([] { return other(nullptr); });
    std::thread thread([&] { in_thread = b.run(nullptr); });
    const int meanwhile = a.run(nullptr);
    thread.join();
    std::printf("%d %d %d\n", nested, in_thread, meanwhile);
  }
  int sum = 0, still_loaded = 0;
  for (int i = 0; i < 100; ++i) {
    sum += Plugin(paths[1], RTLD_LOCAL).run(nullptr);
    if (void* handle = dlopen(paths[1], RTLD_NOW | RTLD_NOLOAD)) {
      ++still_loaded;
      dlclose(handle);
    }
  }
  std::printf("%d %d\n", sum, still_loaded);
}
