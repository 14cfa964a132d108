// The common style of the pages of http_responder: colours, light and dark, and width.
#pragma once

#include <string_view>

namespace responder {

/// The head of a page up to the page's own style rules, which `</style>` ends.
constexpr std::string_view page_begin = R"(<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<link rel="icon" href="data:,">
<style>
  :root {
    color-scheme: light dark;
    --page: #f4f5f7; --card: #fff; --line: #e1e4e8; --text: #1c2330; --quiet: #5d6675;
    --link: #0a58ca; --mark: #f0f5ff; --accent: #2f6feb; --good: #1a7f37; --bad: #c62f2f;
  }
  @media (prefers-color-scheme: dark) {
    :root {
      --page: #0f1319; --card: #171c24; --line: #2a313c; --text: #e4e8ee; --quiet: #97a1b0;
      --link: #7db4ff; --mark: #1d2632; --accent: #6ea8fe; --good: #4cc26a; --bad: #ff7b72;
    }
  }
  * { box-sizing: border-box; }
  body {
    margin: 0 auto; max-width: 60rem; padding: 2rem 1.25rem 3rem; background: var(--page);
    color: var(--text); font: 16px/1.5 system-ui, "Segoe UI", Roboto, "DejaVu Sans", sans-serif;
  }
  h1 { margin: 0 0 1.25rem; font-size: 1.4rem; line-height: 1.3; overflow-wrap: anywhere; }
  a { color: var(--link); text-decoration: none; }
  a:hover { text-decoration: underline; }
  a:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; border-radius: 3px; }
  .card { background: var(--card); border: 1px solid var(--line); border-radius: 10px; }
  .quiet { color: var(--quiet); font-size: .875rem; }
)";

}  // namespace responder
