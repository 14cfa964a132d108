// Compiled where the number of sources would confuse Meson: see meson.build.
