"""The library in the project of a user, built from its source."""

import json
import shutil
import unittest

from consumers import BUILD, CONSUMER, HAS_SIMULATION, HAS_TLS, ROOT, SAYS, Checked


class Source(Checked):
    def test_a_subproject_has_the_libraries_and_nothing_else(self):
        # Its libraries are not built: that these meson files work, the build of the suite shows.
        project = BUILD / "consumer"
        shutil.copytree(CONSUMER, project, dirs_exist_ok=True)
        inside = project / "subprojects/uvreactor"
        inside.mkdir(parents=True, exist_ok=True)
        for part in ("meson.build", "meson_options.txt", "packaging", "protocols", "reactor", "web", "samples",
                     "tests", "bench"):
            if not (inside / part).is_symlink():
                (inside / part).symlink_to(ROOT / part)
        build = project / "build"
        if not (build / "build.ninja").exists():
            self.run_in(project, "meson", "setup", build)
        targets = json.loads(self.run_in(project, "meson", "introspect", "--targets", build))
        self.assertEqual(sorted((target["name"], target["type"]) for target in targets),
                         [("consumer", "executable")] + [("simulation", "executable")] * HAS_SIMULATION +
                         [("tls", "executable")] * HAS_TLS +
                         [("uvreactor", "shared library"), ("uvreactor", "static library")] +
                         [("uvreactor-simulation", "shared library"),
                          ("uvreactor-simulation", "static library")] * HAS_SIMULATION +
                         [("uvreactor-tls", "shared library"),
                          ("uvreactor-tls", "static library")] * HAS_TLS +
                         [("uvreactor-web", "shared library"), ("uvreactor-web", "static library")])

    @unittest.skipUnless(shutil.which("cmake"), "cmake is missing")
    def test_a_cmake_project_builds_the_library_from_its_source(self):
        build = BUILD / "cmake_consumer"
        self.run_in(ROOT, "cmake", "-S", CONSUMER, "-B", build, f"-DUVREACTOR_SOURCE={ROOT}",
                    "-DCMAKE_UNITY_BUILD=ON", "-DCMAKE_UNITY_BUILD_BATCH_SIZE=8", "-G", "Ninja")
        self.run_in(ROOT, "cmake", "--build", build)
        self.assertEqual(self.run_in(ROOT, build / "consumer"), SAYS)


if __name__ == "__main__":
    unittest.main()
